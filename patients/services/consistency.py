"""Impossible histories are refused at the door, with the field that is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from gliomon.common.record import Record
from patients.models import (
    CtdnaResult,
    Diagnosis,
    MolecularMarker,
    Outcome,
    Patient,
    Radiotherapy,
    Specimen,
    SystemicTherapy,
)
from patients.models.liquid_biopsy import Detection
from patients.models.timeline import Cns5Type, Marker, MarkerSource, MarkerStatus, OutcomeKind

# Nobody who is followed today had an event before this year; catches slips such as 0201 for 2021.
EARLIEST_YEAR = 1900
# Clocks of laboratory systems differ a little.
CLOCK_TOLERANCE = dt.timedelta(minutes=5)
LONGEST_BEFORE_SPIN = dt.timedelta(hours=168)  # science.md 6.4


def check(record: Record) -> None:
    """Raise a ValidationError that names the field when the record cannot be true."""
    _not_in_the_future(record)
    _not_ages_ago(record)
    _not_before_birth(record.patient, record.occurred_on)
    _not_after_death(record)
    for model, rule in _RULES.items():
        if isinstance(record, model):
            rule(record)


def _not_in_the_future(record: Record) -> None:
    if record.occurred_on > timezone.localdate() + dt.timedelta(days=1):
        raise ValidationError({"occurred_on": f"{record.occurred_on} lies in the future"})


def _not_ages_ago(record: Record) -> None:
    if record.occurred_on.year < EARLIEST_YEAR:
        raise ValidationError({"occurred_on": f"{record.occurred_on} is before {EARLIEST_YEAR}"})


def _not_before_birth(patient: Patient, day: dt.date) -> None:
    if patient.birth_year is not None and day.year < patient.birth_year:
        raise ValidationError({"occurred_on": f"{day} is before the patient's year of birth"})


def _not_after_death(record: Record) -> None:
    if isinstance(record, Outcome):
        return
    deaths = Outcome.objects.current().filter(patient_id=record.patient_id, kind=OutcomeKind.DEATH)
    death = deaths.first()
    if death is not None and record.occurred_on > death.occurred_on:
        raise ValidationError({"occurred_on": f"{record.occurred_on} is after the recorded death"})


def _ends_after_start(record: Any) -> None:
    if record.ended_on is not None and record.ended_on < record.occurred_on:
        raise ValidationError(
            {"ended_on": f"ended on {record.ended_on}, before it began on {record.occurred_on}"}
        )


def _specimen_times(record: Any) -> None:
    if abs((record.collected_at.date() - record.occurred_on).days) > 1:
        raise ValidationError({"collected_at": "the collection time and the date of the sample disagree"})
    for name in ("collected_at", "spun_at", "received_at"):
        moment = getattr(record, name)
        if moment is not None and moment > timezone.now() + CLOCK_TOLERANCE:
            raise ValidationError({name: "lies in the future"})
        if moment is not None and moment < record.collected_at:
            raise ValidationError({name: "is before the sample was collected"})
    if record.spun_at is not None and record.spun_at - record.collected_at > LONGEST_BEFORE_SPIN:
        raise ValidationError({"spun_at": "is more than 168 hours after the sample was collected"})


def _ctdna(record: Any) -> None:
    if record.specimen.patient_id != record.patient_id:
        raise ValidationError({"specimen": "the specimen is another patient's"})
    if record.reported_on is not None and record.reported_on < record.specimen.occurred_on:
        raise ValidationError({"reported_on": "is before the sample was collected"})
    _ctdna_state(record)
    _ctdna_limits(record)


def _ctdna_state(record: Any) -> None:
    """A detection state says which numbers there must be, and which there cannot be."""
    valued = record.vaf_percent is not None or record.copies_per_ml is not None
    word = record.get_detection_display()
    if record.detection == Detection.DETECTED and not valued:
        raise ValidationError({"vaf_percent": "detected needs a VAF or mutant copies/mL"})
    if record.detection in (Detection.NOT_DETECTED, Detection.BELOW_LOD) and record.lod_percent is None:
        raise ValidationError({"lod_percent": f"{word} says nothing without the assay's LoD"})
    if record.detection in _WITHOUT_VALUE and valued:
        field = "vaf_percent" if record.vaf_percent is not None else "copies_per_ml"
        raise ValidationError({field: f"{word} has no value; remove it or choose another word"})


def _ctdna_limits(record: Any) -> None:
    """The VAF, the blank and the limit of detection must agree with the word; science.md 6.2, 6.4."""
    value, blank, limit = record.vaf_percent, record.lob_percent, record.lod_percent
    if blank is not None and limit is not None and blank > limit:
        raise ValidationError({"lob_percent": f"the blank ({blank} %) cannot be above the LoD ({limit} %)"})
    if value is None:
        return
    if record.detection == Detection.DETECTED and blank is not None and value < blank:
        raise ValidationError(
            {"vaf_percent": f"called detected, but {value} % is below the blank (LoB {blank} %)"}
        )
    if record.detection == Detection.DETECTED and limit is not None and value < limit:
        raise ValidationError(
            {"vaf_percent": f"called detected, but {value} % is below the LoD ({limit} %); choose below LoD"}
        )
    if record.detection == Detection.BELOW_LOD and limit is not None and value >= limit:
        raise ValidationError(
            {"vaf_percent": f"called below LoD, but {value} % is not below the LoD ({limit} %)"}
        )


def _diagnosis(record: Any) -> None:
    """WHO CNS5: glioblastoma is IDH-wildtype, oligodendroglioma is IDH-mutant and codeleted; science.md 10.3."""
    if record.cns5_type == Cns5Type.ASTRO and record.grade == 1:
        raise ValidationError({"grade": "an IDH-mutant astrocytoma has grade 2, 3 or 4"})
    if record.cns5_type == Cns5Type.GBM and record.grade not in (None, 4):
        raise ValidationError({"grade": "glioblastoma, IDH-wildtype has grade 4"})
    for marker, statuses, types in _CONTRADICTIONS:
        if record.cns5_type in types and _tissue_status(record.patient_id, marker) in statuses:
            raise ValidationError(
                {"cns5_type": f"contradicts the tissue result: {marker} {' or '.join(statuses)}"}
            )


def _marker(record: Any) -> None:
    possible = _STATUSES_OF.get(record.marker)
    if possible is not None and record.status not in (*possible, MarkerStatus.INDETERMINATE):
        words = " or ".join(MarkerStatus(status).label for status in possible)
        raise ValidationError(
            {"status": f"{record.get_marker_display()} is {words}, not {record.get_status_display()}"}
        )
    if record.source != MarkerSource.TISSUE:
        return
    diagnosis = Diagnosis.objects.current().filter(patient_id=record.patient_id).last()
    for marker, statuses, types in _CONTRADICTIONS:
        if (
            diagnosis is not None
            and record.marker == marker
            and record.status in statuses
            and diagnosis.cns5_type in types
        ):
            raise ValidationError(
                {
                    "status": f"contradicts the diagnosis {diagnosis.get_cns5_type_display()}; correct that first"
                }
            )


def _tissue_status(patient_id: Any, marker: str) -> str | None:
    found = MolecularMarker.objects.current().filter(
        patient_id=patient_id, marker=marker, source=MarkerSource.TISSUE
    )
    newest = found.last()
    return newest.status if newest is not None else None


_WITHOUT_VALUE = (Detection.NOT_DETECTED, Detection.NOT_TESTED, Detection.NOT_EVALUABLE)

_STATUSES_OF: dict[str, tuple[MarkerStatus, ...]] = {
    Marker.IDH: (MarkerStatus.MUTANT, MarkerStatus.WILDTYPE),
    Marker.MGMT: (MarkerStatus.METHYLATED, MarkerStatus.UNMETHYLATED),
    Marker.CODEL: (MarkerStatus.CODELETED, MarkerStatus.INTACT),
}

_CONTRADICTIONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("idh", ("mutant",), (Cns5Type.GBM, Cns5Type.PHGG)),
    ("idh", ("wildtype",), (Cns5Type.ASTRO, Cns5Type.OLIGO)),
    ("codel_1p19q", ("intact",), (Cns5Type.OLIGO,)),
    ("codel_1p19q", ("codeleted",), (Cns5Type.ASTRO,)),
)

_RULES: dict[type[Record], Callable[[Any], None]] = {
    Radiotherapy: _ends_after_start,
    SystemicTherapy: _ends_after_start,
    Specimen: _specimen_times,
    CtdnaResult: _ctdna,
    Diagnosis: _diagnosis,
    MolecularMarker: _marker,
}
