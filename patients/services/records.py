"""Clinical records are added, corrected and retracted here, and nowhere else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from gliomon.common.errors import Conflict, DomainError, NotFound, PermissionRefused
from gliomon.common.news import record_written
from gliomon.common.record import Record
from patients.models import (
    AuditAction,
    ClinicalStatus,
    Diagnosis,
    Histology,
    MolecularMarker,
    Outcome,
    Patient,
    RadiologyRead,
    Radiotherapy,
    SteroidDose,
    Surgery,
    SystemicTherapy,
    User,
)
from patients.permissions import may
from patients.services import consistency
from patients.services.audit import audit_write


class RecordInvalid(DomainError):
    """Values that cannot be stored; `errors` holds the sentences by field, "" for those about the whole entry."""

    def __init__(self, code: str, message: str, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(code, message)
        self.errors = errors or {}


@dataclasses.dataclass(frozen=True)
class RecordKind:
    """A sort of record: its table, the permission to write it, and its name for people."""

    slug: str
    model: type[Record]
    action: str
    title: str


KINDS: dict[str, RecordKind] = {
    kind.slug: kind
    for kind in (
        RecordKind("diagnosis", Diagnosis, "record.write", "Diagnosis"),
        RecordKind("histology", Histology, "record.write", "Histology"),
        RecordKind("marker", MolecularMarker, "record.write", "Molecular marker"),
        RecordKind("surgery", Surgery, "record.write", "Surgery"),
        RecordKind("radiotherapy", Radiotherapy, "record.write", "Radiotherapy"),
        RecordKind("therapy", SystemicTherapy, "record.write", "Systemic therapy"),
        RecordKind("steroid", SteroidDose, "steroid.write", "Steroid dose"),
        RecordKind("status", ClinicalStatus, "clinical_status.write", "Clinical status"),
        RecordKind("read", RadiologyRead, "radiology_read.write", "Radiology read"),
        RecordKind("outcome", Outcome, "record.write", "Outcome"),
    )
}


def kind_of(slug: str) -> RecordKind:
    """Return the kind, or refuse an unknown word."""
    if slug not in KINDS:
        raise NotFound("record_kind_unknown", f"no such kind of record: {slug[:40]}")
    return KINDS[slug]


@transaction.atomic
def record_add(
    *,
    slug: str,
    patient: Patient,
    by: User,
    occurred_on: dt.date,
    known_at: dt.datetime | None = None,
    request_id: str = "",
    **fields: Any,
) -> Record:
    """Add a record of the kind `slug`. `known_at` is for history that the clinic knew before gliomon did (import, demo)."""
    chosen = kind_of(slug)
    _refuse_unless(may(by, chosen.action), chosen)
    record = chosen.model(patient=patient, occurred_on=occurred_on, recorded_by=by, **fields)
    return insert(record, known_at=known_at, by=by, what=slug, request_id=request_id)


@transaction.atomic
def record_correct(*, record: Record, by: User, reason: str, request_id: str = "", **changes: Any) -> Record:
    """Replace a record by a corrected one; the old row stays."""
    chosen = _kind_of_record(record)
    _refuse_unless(may(by, chosen.action), chosen)
    successor = superseded(record, by=by, reason=reason, **changes)
    audit_write(
        actor=by,
        action=AuditAction.AMEND,
        what=chosen.slug,
        patient=record.patient,
        object_id=successor.pk,
        request_id=request_id,
        detail={"supersedes": str(record.pk)},
    )
    record_written.send(sender=type(successor), record=successor)
    return successor


@transaction.atomic
def record_retract(*, record: Record, by: User, reason: str, request_id: str = "") -> Record:
    """Mark a record as entered in error; it stays readable in the history and counts for nothing."""
    chosen = _kind_of_record(record)
    _refuse_unless(may(by, chosen.action), chosen)
    successor = superseded(record, by=by, reason=reason, entered_in_error=True)
    audit_write(
        actor=by,
        action=AuditAction.AMEND,
        what=chosen.slug,
        patient=record.patient,
        object_id=successor.pk,
        request_id=request_id,
        detail={"retracts": str(record.pk)},
    )
    record_written.send(sender=type(successor), record=successor)
    return successor


def record_get(*, kind: str, patient: Patient, record_id: str) -> Record:
    """Return one record of this patient, whether it stands or was superseded."""
    try:
        wanted = uuid.UUID(str(record_id))
    except ValueError as error:
        raise NotFound("record_not_found", "no such entry for this patient") from error
    found = kind_of(kind).model._base_manager.filter(patient=patient, pk=wanted).first()
    if found is None:
        raise NotFound("record_not_found", "no such entry for this patient")
    return found


def insert(record: Record, *, known_at: dt.datetime | None, by: User, what: str, request_id: str) -> Any:
    """Validate and store a new record with its audit row, and send the news. Callers hold the transaction."""
    if known_at is not None:
        record.known_at, record.backfilled = known_at, True
    validate(record)
    record.save(force_insert=True)
    audit_write(
        actor=by,
        action=AuditAction.CREATE,
        what=what,
        patient=record.patient,
        object_id=record.pk,
        request_id=request_id,
    )
    record_written.send(sender=type(record), record=record)
    return record


def validate(record: Record) -> None:
    """Refuse impossible values and impossible histories, naming the field."""
    stamps = ["supersedes", "recorded_at", "known_at"]
    try:
        record.full_clean(exclude=stamps, validate_constraints=False)
        consistency.check(record)
        record.validate_constraints(exclude=stamps)
    except ValidationError as error:
        raise invalid(error) from error


def superseded(record: Record, *, by: User, reason: str, **changes: Any) -> Any:
    """Write the successor of a record, refusing what cannot be true. Callers hold the transaction."""
    try:
        return record.supersede(by=by, reason=reason, check=consistency.check, **changes)
    except ValidationError as error:
        raise invalid(error) from error


def invalid(error: ValidationError) -> RecordInvalid:
    """Return the refusal that carries a ValidationError's sentences by field."""
    if not hasattr(error, "error_dict"):
        return RecordInvalid("record_invalid", " ".join(error.messages), {"": list(error.messages)})
    errors = {"" if name == "__all__" else name: list(texts) for name, texts in error.message_dict.items()}
    sentence = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items())
    return RecordInvalid("record_invalid", sentence, errors)


def _kind_of_record(record: Record) -> RecordKind:
    for kind in KINDS.values():
        if isinstance(record, kind.model):
            return kind
    raise Conflict("record_kind_fixed", "this kind of entry is corrected on its own page")


def _refuse_unless(allowed: bool, kind: RecordKind) -> None:
    if not allowed:
        raise PermissionRefused("not_allowed", f"your role may not write: {kind.title}")
