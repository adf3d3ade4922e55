"""Specimens and ctDNA results: submitted by one person, verified by another."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction

from gliomon.common.errors import Conflict, DomainError, PermissionRefused
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
from patients.services import consistency
from patients.services.audit import audit_write
from patients.services.records import insert

# Haploid genome equivalents per nanogram of cfDNA (3.3 pg each); science.md 6.2.
GE_PER_NG = 303


@dataclasses.dataclass(frozen=True)
class Implausible:
    """A value that is possible but unlikely: shown, and confirmed by the person who enters it."""

    field: str
    sentence: str


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
    if collected_at.tzinfo is None:
        raise DomainError("date_naive", "the collection time needs a time zone")
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
    successor = result.supersede(by=by, reason=reason, check=consistency.check, **changes)
    audit_write(
        actor=by,
        action=AuditAction.AMEND,
        what="ctdna result",
        patient=result.patient,
        object_id=successor.pk,
        request_id=request_id,
        detail={"supersedes": str(result.pk)},
    )
    record_written.send(sender=CtdnaResult, record=successor)
    return successor


@transaction.atomic
def draft_save(*, patient: Patient, by: User, content: dict[str, Any]) -> ResultDraft:
    """Keep an unfinished entry for its author."""
    _refuse_unless(may(by, "ctdna.write"), "your role may not enter results")
    draft, _ = ResultDraft.objects.update_or_create(patient=patient, by=by, defaults={"content": content})
    return draft


@transaction.atomic
def draft_discard(*, patient: Patient, by: User) -> None:
    """Forget the author's draft for this patient."""
    ResultDraft.objects.filter(patient=patient, by=by).delete()


def plausibility(*, fluid: str, values: dict[str, Any]) -> list[Implausible]:
    """Return what is possible but unlikely, to be confirmed by the person; science.md 6.4."""
    warnings = []
    vaf_limit = {"plasma": 5.0, "csf": 80.0}[fluid]
    volume_limit = {"plasma": 2.0, "csf": 1.0}[fluid]
    checks = (
        (
            "vaf_percent",
            lambda v: v > vaf_limit,
            f"above {vaf_limit:g} % is rare in {fluid}; is it a percent?",
        ),
        ("copies_per_ml", lambda v: v > 1e4, "above 10,000 copies/mL is rare"),
        ("cfdna_ng_per_ml", lambda v: v > 100 or v < 1, "outside 1-100 ng/mL is rare"),
        ("volume_ml", lambda v: v < volume_limit, f"under {volume_limit:g} mL limits what can be found"),
        ("total_ge", lambda v: v < 1000, "under 1,000 genome equivalents a negative result says little"),
        ("lod_percent", lambda v: v > 1, "an LoD above 1 % is unusual; is it a percent?"),
    )
    for field, unlikely, sentence in checks:
        value = values.get(field)
        if value is not None and unlikely(float(value)):
            warnings.append(Implausible(field, sentence))
    warnings.extend(_copies_disagree(values))
    return warnings


def _copies_disagree(values: dict[str, Any]) -> list[Implausible]:
    vaf, cfdna, copies = (values.get(name) for name in ("vaf_percent", "cfdna_ng_per_ml", "copies_per_ml"))
    if not vaf or not cfdna or not copies:
        return []
    expected = float(vaf) / 100.0 * float(cfdna) * GE_PER_NG
    if 1 / 3 <= float(copies) / expected <= 3:
        return []
    return [
        Implausible(
            "copies_per_ml", f"VAF and cfDNA give about {expected:.3g} copies/mL, entered {float(copies):g}"
        )
    ]


def _refuse_unless(allowed: bool, sentence: str) -> None:
    if not allowed:
        raise PermissionRefused("not_allowed", sentence)
