"""Words on the forms where the record's own name for a field would not be understood."""

from __future__ import annotations

# kind -> field -> label
LABELS: dict[str, dict[str, str]] = {
    "diagnosis": {"occurred_on": "Date of the integrated diagnosis", "suffix": "NOS or NEC"},
    "histology": {"occurred_on": "Date the tissue was taken"},
    "marker": {"occurred_on": "Date the material was taken", "source": "Measured in"},
    "surgery": {"occurred_on": "Date of surgery"},
    "radiotherapy": {"occurred_on": "First day", "ended_on": "Last day"},
    "therapy": {"occurred_on": "First day", "ended_on": "Last day", "family": "Drug family"},
    "steroid": {"occurred_on": "In force from"},
    "status": {"occurred_on": "Date of the visit", "change": "Since the last visit"},
    "read": {"occurred_on": "Date of the scan"},
    "outcome": {"occurred_on": "Date", "kind": "Outcome", "tumour_related": "Due to the tumour"},
    "sample": {
        "cfdna_ng_per_ml": "cfDNA",
        "total_ge": "Input",
        "collected_at": "Collected",
        "spun_at": "Centrifuged",
        "received_at": "Received",
        "reported_on": "Reported",
    },
    "result": {"total_ge": "Input", "copies_per_ml": "Mutant copies"},
    "row": {"copies_per_ml": "Copies"},
}

# kind -> field -> help
HELPS: dict[str, dict[str, str]] = {
    "diagnosis": {
        "grade": "1 to 4.",
        "icdo": "Suggested from type and grade, e.g. 9440/3; the code alone is not unique.",
        "source_label": "As the report words it, if it differs.",
    },
    "marker": {"variant": "e.g. NM_005896.4:c.395G>A", "method": "e.g. pyrosequencing, NGS panel"},
    "radiotherapy": {"ended_on": "Leave empty while the course goes on."},
    "therapy": {
        "agent": "Generic name, e.g. temozolomide.",
        "dose": "e.g. 150 mg/m² days 1-5 of 28",
        "ended_on": "Leave empty while it goes on.",
    },
    "steroid": {"dose_mg_per_day": "Of the drug named here; 0 means stopped."},
    "status": {"ecog": "0 to 5.", "nano": "0 to 23.", "attribution": "Matters when the patient is worse."},
    "read": {"field_location": "Where the new enhancement lies."},
}
# kind -> field -> unit
UNITS: dict[str, dict[str, str]] = {
    "result": {"copies_per_ml": "/mL", "total_ge": "GE"},
    "row": {"copies_per_ml": "/mL"},
    "sample": {"total_ge": "GE"},
}
