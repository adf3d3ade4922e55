"""From selectors to the plain tables that figures draw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from django.urls import reverse

from frontend.figures import tracks as columns
from frontend.figures.tracks import Anchors, Tracks
from frontend.measurements import STATISTICS
from patients.selectors import Timeline

OUTCOME_SHORT = {"progression": "PD", "pseudoprogression": "PsP"}
RUN_STATES = {"done": "measured", "running": "running", "queued": "queued", "parked": "failed"}


def tracks_of(
    timeline: Timeline,
    *,
    timepoints: Sequence[Any],
    measurements: Iterable[Any],
    alerts: Iterable[Any],
    segments: dict[str, int] | None = None,
) -> Tracks:
    """The patient's timeline as tables; `segments` says of a measurement's id which comparable stretch it is in."""
    key = timeline.patient.key
    urls = {point.pk: reverse("timepoint", args=[key, point.pk]) for point in timepoints}
    return Tracks(
        anchors=anchors_of(timeline),
        until=timeline.death or timeline.as_of.date(),
        intervals=_table(_intervals(timeline), columns.INTERVAL_COLUMNS),
        events=_table(_events(timeline, alerts), columns.EVENT_COLUMNS),
        steroids=_table(_steroids(timeline), columns.STEROID_COLUMNS),
        performance=_table(_performance(timeline), columns.PERFORMANCE_COLUMNS),
        scans=_table((_scan(point, urls) for point in timepoints), columns.SCAN_COLUMNS),
        measurements=_table(
            (_measurement(row, urls, segments or {}) for row in measurements if row.statistic in STATISTICS),
            columns.MEASUREMENT_COLUMNS,
        ),
        ctdna=_table((_result(row) for row in timeline.results), columns.CTDNA_COLUMNS),
    )


def anchors_of(timeline: Timeline) -> Anchors:
    """The days that may be week 0."""
    return Anchors(
        radiotherapy_end=timeline.radiotherapy_end,
        surgery=_first_day(timeline.surgeries),
        diagnosis=_first_day(timeline.diagnoses),
    )


def run_state(timepoint: Any) -> str:
    """How far the visit's newest run has come: measured, running, queued, failed, or waiting (no run yet)."""
    newest = next(iter(timepoint.runs.all()), None)
    if newest is None:
        return "waiting"
    return RUN_STATES.get(newest.state, newest.state)


def series_words(timepoint: Any) -> str:
    """Which sequences a visit has."""
    kinds = [series.kind for study in timepoint.studies.all() for series in study.series.all()]
    labels = {
        "t1": "T1",
        "t1ce": "T1ce",
        "t2": "T2",
        "flair": "FLAIR",
        "dwi": "DWI",
        "adc": "ADC",
        "dsc": "DSC",
    }
    return ", ".join(words for kind, words in labels.items() if kind in kinds) or "no known sequence"


def _first_day(records: Sequence[Any]) -> dt.date | None:
    return min((record.occurred_on for record in records), default=None)


def _table(rows: Iterable[dict[str, Any]], names: list[str]) -> pd.DataFrame:
    found = list(rows)
    return pd.DataFrame({name: pd.Series([row[name] for row in found], dtype=object) for name in names})


def _intervals(timeline: Timeline) -> Iterable[dict[str, Any]]:
    for course in timeline.radiotherapies:
        dose = f"{course.dose_gy.normalize():f} Gy / {course.fractions}"
        again = "re-irradiation " if course.is_reirradiation else ""
        yield {
            "lane": "Radiotherapy",
            "group": "radiotherapy",
            "start": course.occurred_on,
            "end": course.ended_on,
            "text": again + dose,
            "detail": f"{again}{dose} fractions",
        }
    for therapy in timeline.therapies:
        words = f"line {therapy.line}, {therapy.get_family_display()}" + (
            f", {therapy.dose}" if therapy.dose else ""
        )
        yield {
            "lane": therapy.agent,
            "group": therapy.family,
            "start": therapy.occurred_on,
            "end": therapy.ended_on,
            "text": f"line {therapy.line}",
            "detail": words,
        }


def _event(lane: str, record: Any, kind: str, text: str, detail: str, url: str = "") -> dict[str, Any]:
    return {
        "lane": lane,
        "date": record.occurred_on,
        "kind": kind,
        "text": text,
        "detail": detail,
        "url": url,
    }


def _events(timeline: Timeline, alerts: Iterable[Any]) -> Iterable[dict[str, Any]]:
    for outcome in timeline.outcomes:
        label = outcome.get_kind_display()
        detail = f"{label.capitalize()} (basis: {outcome.get_basis_display()})"
        yield _event("outcome", outcome, outcome.kind, OUTCOME_SHORT.get(outcome.kind, label), detail)
    for alert in alerts:
        kind = "acknowledged" if alert.acknowledged else alert.severity
        state = "acknowledged" if alert.acknowledged else f"open, {alert.get_severity_display()}"
        yield _event("alerts", alert, kind, "", f"{alert.title} ({state})", alert_url(alert))
    for surgery in timeline.surgeries:
        kind = "biopsy" if surgery.extent == "biopsy" else "resection"
        label = surgery.get_extent_display()
        where = f", {surgery.location}" if surgery.location else ""
        yield _event("surgery", surgery, kind, label, f"{label.capitalize()}{where}")
    yield from _reports(timeline)


def _reports(timeline: Timeline) -> Iterable[dict[str, Any]]:
    for histology in timeline.histologies:
        words = f"Pathology: {histology.get_finding_display()}"
        more = f". {histology.description}" if histology.description else ""
        yield _event("reports", histology, "histology", "pathology", words + more)
    for read in timeline.reads:
        more = f". {read.impression}" if read.impression else ""
        yield _event("reports", read, "read", "", f"Radiology read: {read_words(read)}{more}")


def read_words(read: Any) -> str:
    """What a radiologist's read says, without what was not read."""
    fields = (
        ("new lesion", read.new_lesion, read.get_new_lesion_display()),
        ("T2/FLAIR", read.flair, read.get_flair_display()),
        ("non-measurable disease", read.non_measurable, read.get_non_measurable_display()),
        ("relative to the 80 % isodose", read.field_location, read.get_field_location_display()),
    )
    return (
        "; ".join(f"{name}: {label}" for name, value, label in fields if value != "unknown")
        or "no finding coded"
    )


def _steroids(timeline: Timeline) -> Iterable[dict[str, Any]]:
    for dose in timeline.steroids:
        given = f"{dose.get_drug_display()} {dose.dose_mg_per_day.normalize():f} mg/day"
        yield {
            "date": dose.occurred_on,
            "mg_per_day": dose.dexamethasone_mg_per_day,
            "detail": f"{given}; {dose.get_dose_reason_display()}",
        }


def _performance(timeline: Timeline) -> Iterable[dict[str, Any]]:
    for status in timeline.statuses:
        yield {
            "date": status.occurred_on,
            "kps": status.kps,
            "ecog": status.ecog,
            "change": status.change,
            "detail": status_words(status),
        }


def status_words(status: Any) -> str:
    """A clinical status in one line."""
    scores = [("KPS", status.kps), ("ECOG", status.ecog), ("NANO", status.nano)]
    words = [f"{name} {value}" for name, value in scores if value is not None]
    if status.change != "unknown":
        cause = f" (attributed to: {status.get_attribution_display()})" if status.change == "worse" else ""
        words.append(f"{status.get_change_display()}{cause}")
    return ", ".join(words) or "nothing scored"


def _scan(timepoint: Any, urls: dict[Any, str]) -> dict[str, Any]:
    return {
        "date": timepoint.date,
        "state": run_state(timepoint),
        "detail": series_words(timepoint),
        "url": urls[timepoint.pk],
    }


def _measurement(row: Any, urls: dict[Any, str], segments: dict[str, int]) -> dict[str, Any]:
    return {
        "date": row.timepoint.date,
        "region": row.region,
        "quantity": row.quantity,
        "statistic": row.statistic,
        "value": row.value,
        "unit": row.unit,
        "flags": tuple(row.flags),
        "segment": segments.get(str(row.pk), 0),
        "url": urls.get(row.timepoint_id, ""),
    }


def _result(row: Any) -> dict[str, Any]:
    specimen = row.specimen
    return {
        "date": specimen.collected_at.date(),
        "fluid": specimen.fluid,
        "analyte": row.analyte,
        "series": f"{row.assay} / {specimen.laboratory}",
        "detection": row.detection,
        "vaf_percent": _number(row.vaf_percent),
        "copies_per_ml": _number(row.copies_per_ml),
        "lod_percent": _number(row.lod_percent),
        "verified": hasattr(row, "verification"),
        "detail": f"{row.assay}, {specimen.laboratory}, {specimen.collected_at:%H:%M %Z}",
    }


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def alert_url(alert: Any) -> str:
    """Where the evidence of an alert is shown."""
    return f"{reverse('alerts')}?alert={alert.pk}"
