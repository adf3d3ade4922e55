"""Asking for a timepoint's processing, trying it again, and saying what a series is."""

from __future__ import annotations

import hashlib
import json

from django.db import transaction
from django.utils import timezone

from gliomon.common import runs
from gliomon.common.errors import Conflict, DomainError, PermissionRefused
from gliomon.common.runs import RunState
from gliomon.common.version import code_version
from imaging.models import ImagingRun, ImagingStep, Instance, Series, SeriesKind, StepState, Timepoint
from imaging.pipeline.steps import STEP_NAMES
from patients.models import AuditAction, User
from patients.permissions import may
from patients.services.audit import audit_write


def inputs_hash(timepoint: Timepoint) -> str:
    """Hash of everything a timepoint's numbers depend on: bytes, kinds, code."""
    rows = (
        Instance.objects.filter(series__study__timepoint=timepoint)
        .order_by("sop_uid")
        .values_list("sop_uid", "sha256")
    )
    kinds = sorted(
        (series.series_uid, series.kind) for series in Series.objects.filter(study__timepoint=timepoint)
    )
    content = json.dumps([list(rows), kinds, code_version("imaging")], default=list)
    return hashlib.sha256(content.encode()).hexdigest()


@transaction.atomic
def processing_request(*, timepoint: Timepoint, by: User) -> ImagingRun:
    """Ask for the timepoint's numbers; the same inputs and code never make a second run."""
    run, created = ImagingRun.objects.get_or_create(
        effect_key=f"{timepoint.pk}:{inputs_hash(timepoint)}",
        defaults={"timepoint": timepoint, "requested_by": by},
    )
    if created:
        _supersede_waiting(run)
        ImagingStep.objects.bulk_create(
            ImagingStep(run=run, name=name, position=position) for position, name in enumerate(STEP_NAMES)
        )
        runs.enqueue(run)
    return run


def _supersede_waiting(run: ImagingRun) -> None:
    """An earlier run of the visit that nobody has begun would compute from fewer images: it is not done."""
    waiting = ImagingRun.objects.filter(timepoint=run.timepoint, state=RunState.QUEUED).exclude(pk=run.pk)
    waiting.update(
        state=RunState.DONE,
        finished_at=timezone.now(),
        error_code="superseded",
        error="newer images of the visit came before it began",
    )


@transaction.atomic
def processing_retry(*, run: ImagingRun, by: User, request_id: str = "") -> None:
    """Do the failed and left-out steps of a run again."""
    if not may(by, "run.retry"):
        raise PermissionRefused("not_allowed", "your role may not start a computation again")
    if not runs.retry(run):
        raise Conflict("run_not_failed", "only a run that failed can be tried again")
    run.steps.exclude(state=StepState.DONE).update(
        state=StepState.WAITING, error="", error_code="", seconds=None
    )
    run.steps.filter(name="measure").update(state=StepState.WAITING)
    audit_write(
        actor=by,
        action=AuditAction.RUN,
        what="imaging run",
        patient=run.timepoint.patient,
        object_id=run.pk,
        request_id=request_id,
    )


@transaction.atomic
def series_kind_choose(*, series: Series, kind: str, by: User, request_id: str = "") -> Series:
    """Say by hand what a series is; the visit is processed again with it."""
    if not may(by, "study.annotate"):
        raise PermissionRefused("not_allowed", "your role may not say what a series is")
    if kind not in SeriesKind.values:
        raise DomainError("series_kind_unknown", f"{kind[:20]!r} is not a kind of series")
    series.chosen_kind, series.chosen_by, series.chosen_at = kind, by, timezone.now()
    series.save(update_fields=["chosen_kind", "chosen_by", "chosen_at"])
    timepoint = series.study.timepoint
    audit_write(
        actor=by,
        action=AuditAction.AMEND,
        what="series kind",
        patient=timepoint.patient,
        object_id=series.pk,
        request_id=request_id,
        detail={"kind": kind, "recognised": series.recognised_kind},
    )
    processing_request(timepoint=timepoint, by=by)
    return series
