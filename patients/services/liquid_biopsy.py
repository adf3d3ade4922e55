"""Specimens and ctDNA results: submitted by one person, verified by another."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

from django.db import IntegrityError, transaction

from gliomon.common.errors import Conflict, DomainError, NotFound, PermissionRefused
from gliomon.common.news import record_written
from patients.models import (
    AuditAction,
    CtdnaResult,
    Patient,
    ResultDraft,
    ResultVerification,
    Specimen,
    User,
)
from patients.permissions import may
from patients.services.audit import audit_write
from patients.services.records import RecordInvalid, insert, superseded

DRAFT_LIMIT_CHARACTERS = 50_000
_ENTERED_AS = {"occurred_on": "collected_at"}


@dataclasses.dataclass(frozen=True)
class SampleFault:
    """What is wrong with a sample: in which result (None: the tube itself), in which field, and why."""

    row: int | None
    field: str
    sentence: str


class SampleInvalid(DomainError):
    """A sample that was refused as a whole."""

    def __init__(self, faults: list[SampleFault]) -> None:
        super().__init__("sample_invalid", "; ".join(f"{f.field}: {f.sentence}" for f in faults))
        self.faults = faults

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.faults,)


@transaction.atomic
def specimen_add(
    *,
    patient: Patient,
    by: User,
    collected_at: dt.datetime,
    known_at: dt.datetime | None = None,
    request_id: str = "",
    **fields: Any,
) -> Specimen:
    """Record one tube."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not enter samples")
    _refuse_naive(collected_at)
    specimen = Specimen(
        patient=patient,
        recorded_by=by,
        occurred_on=collected_at.date(),
        collected_at=collected_at,
        **fields,
    )
    return insert(specimen, known_at=known_at, by=by, what="specimen", request_id=request_id)


@transaction.atomic
def result_submit(
    *,
    specimen: Specimen,
    by: User,
    known_at: dt.datetime | None = None,
    request_id: str = "",
    **fields: Any,
) -> CtdnaResult:
    """Record one result; it feeds no rule until a second person has verified it."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not enter results")
    result = CtdnaResult(
        patient=specimen.patient,
        specimen=specimen,
        occurred_on=specimen.occurred_on,
        recorded_by=by,
        **fields,
    )
    return insert(result, known_at=known_at, by=by, what="ctdna result", request_id=request_id)


@transaction.atomic
def sample_submit(
    *,
    patient: Patient,
    by: User,
    specimen: dict[str, Any],
    results: list[dict[str, Any]],
    request_id: str = "",
) -> Specimen:
    """Record a tube with all its results, or nothing; the author's draft is gone afterwards.

    Raises `SampleInvalid`, whose errors say which result and which field.
    """
    _refuse_unless(may(by, "ctdna.write"), "your role may not enter samples")
    if not results:
        raise SampleInvalid([SampleFault(None, "", "a sample needs at least one analyte")])
    _refuse_naive(specimen["collected_at"])
    _refuse_repeats(results)
    _refuse_second_sample(patient, specimen)
    tube = _specimen_or_faults(patient=patient, by=by, request_id=request_id, fields=specimen)
    faults: list[SampleFault] = []
    for row, fields in enumerate(results):
        try:
            result_submit(specimen=tube, by=by, request_id=request_id, **fields)
        except RecordInvalid as error:
            faults.extend(_faults(row, error))
    if faults:
        raise SampleInvalid(faults)
    draft_discard(patient=patient, by=by)
    return tube


def _specimen_or_faults(*, patient: Patient, by: User, request_id: str, fields: dict[str, Any]) -> Specimen:
    try:
        return specimen_add(patient=patient, by=by, request_id=request_id, **fields)
    except RecordInvalid as error:
        # The day of a tube is that of its collection time; nobody enters it.
        faults = (
            dataclasses.replace(f, field=_ENTERED_AS.get(f.field, f.field)) for f in _faults(None, error)
        )
        raise SampleInvalid(list(faults)) from error


def _faults(row: int | None, error: RecordInvalid) -> list[SampleFault]:
    return [SampleFault(row, field, text) for field, texts in error.errors.items() for text in texts]


def _refuse_naive(collected_at: dt.datetime) -> None:
    if collected_at.tzinfo is None:
        raise DomainError("date_naive", "the collection time needs a time zone")


def _refuse_repeats(results: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for row, fields in enumerate(results):
        name = fields["analyte"].casefold()
        if name in seen:
            raise SampleInvalid([SampleFault(row, "analyte", "this analyte is in the sample already")])
        seen.add(name)


def _refuse_second_sample(patient: Patient, specimen: dict[str, Any]) -> None:
    """One tube per fluid and moment: the lock makes a double click wait, and then find the first one."""
    Patient.objects.select_for_update().get(pk=patient.pk)
    same = Specimen.objects.current().filter(
        patient=patient, fluid=specimen["fluid"], collected_at=specimen["collected_at"]
    )
    if same.exists():
        raise SampleInvalid(
            [SampleFault(None, "collected_at", "a sample of this fluid and time is recorded already")]
        )


@transaction.atomic
def sample_retract(*, specimen: Specimen, by: User, reason: str, request_id: str = "") -> Specimen:
    """Mark a tube and all its results as entered in error: the wrong patient, the wrong day."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not retract samples")
    for result in CtdnaResult.objects.current().filter(specimen=specimen):
        result_retract(result=result, by=by, reason=reason, request_id=request_id)
    successor = superseded(specimen, by=by, reason=reason, entered_in_error=True)
    _amended(successor, by=by, request_id=request_id, detail={"retracts": str(specimen.pk)})
    return successor


def specimen_get(*, patient: Patient, specimen_id: str) -> Specimen:
    """Return one tube of this patient."""
    found = Specimen.objects.filter(patient=patient, pk=specimen_id).first()
    if found is None:
        raise NotFound("specimen_not_found", "no such sample for this patient")
    return found


@transaction.atomic
def result_verify(*, result: CtdnaResult, by: User, request_id: str = "") -> ResultVerification:
    """State that the result was checked against the laboratory's report, by somebody other than who entered it."""
    _refuse_unless(may(by, "ctdna.verify"), "your role may not verify results")
    if result.recorded_by_id == by.pk:
        raise PermissionRefused("own_result", "a second person must verify; you entered this result yourself")
    if hasattr(result, "superseded_by"):
        raise Conflict("result_superseded", "this result was corrected meanwhile; verify the corrected one")
    try:
        with transaction.atomic():
            verification = ResultVerification.objects.create(result=result, verified_by=by)
    except IntegrityError as error:
        raise Conflict("already_verified", "somebody has verified this result already") from error
    audit_write(
        actor=by,
        action=AuditAction.CREATE,
        what="ctdna verification",
        patient=result.patient,
        object_id=result.pk,
        request_id=request_id,
    )
    record_written.send(sender=ResultVerification, record=result)
    return verification


@transaction.atomic
def result_correct(
    *, result: CtdnaResult, by: User, reason: str, request_id: str = "", **changes: Any
) -> CtdnaResult:
    """Replace a result by a corrected one, which needs its own verification."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not correct results")
    successor = superseded(result, by=by, reason=reason, **changes)
    _amended(successor, by=by, request_id=request_id, detail={"supersedes": str(result.pk)})
    return successor


@transaction.atomic
def result_retract(*, result: CtdnaResult, by: User, reason: str, request_id: str = "") -> CtdnaResult:
    """Mark a result as entered in error; it stays readable, struck through, and counts for nothing."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not retract results")
    successor = superseded(result, by=by, reason=reason, entered_in_error=True)
    _amended(successor, by=by, request_id=request_id, detail={"retracts": str(result.pk)})
    return successor


def _amended(successor: CtdnaResult | Specimen, *, by: User, request_id: str, detail: dict[str, str]) -> None:
    audit_write(
        actor=by,
        action=AuditAction.AMEND,
        what="specimen" if isinstance(successor, Specimen) else "ctdna result",
        patient=successor.patient,
        object_id=successor.pk,
        request_id=request_id,
        detail=detail,
    )
    record_written.send(sender=type(successor), record=successor)


def result_get(*, patient: Patient, result_id: str) -> CtdnaResult:
    """Return one result of this patient, whether it stands or was superseded."""
    rows = CtdnaResult.objects.select_related("specimen", "recorded_by", "superseded_by")
    found = rows.filter(patient=patient, pk=result_id).first()
    if found is None:
        raise NotFound("result_not_found", "no such result for this patient")
    return found


@transaction.atomic
def draft_save(*, patient: Patient, by: User, content: dict[str, Any]) -> ResultDraft:
    """Keep an unfinished entry for its author."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not enter results")
    if len(json.dumps(content)) > DRAFT_LIMIT_CHARACTERS:
        raise DomainError("draft_too_large", "this draft is too long to be kept; submit what is complete")
    draft, _ = ResultDraft.objects.update_or_create(patient=patient, by=by, defaults={"content": content})
    return draft


@transaction.atomic
def draft_discard(*, patient: Patient, by: User) -> None:
    """Forget the author's draft for this patient."""
    ResultDraft.objects.filter(patient=patient, by=by).delete()


def _refuse_unless(allowed: bool, sentence: str) -> None:
    if not allowed:
        raise PermissionRefused("not_allowed", sentence)
