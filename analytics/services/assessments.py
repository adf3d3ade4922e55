"""Assessments are asked for and answered here: the change table and the alerts of one patient."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics.models import Assessment, AssessmentRun
from analytics.services.alerts import alerts_judge
from analytics.services.change_table import change_content
from gliomon.common import runs
from gliomon.common.runs import RunState
from gliomon.common.version import code_version
from imaging import selectors as imaging
from patients.selectors import timeline_of


def assessment_request(*, patient_id: uuid.UUID, cause: str) -> AssessmentRun:
    """Write the work to do, in the caller's transaction; the same cause never makes two runs."""
    run, created = AssessmentRun.objects.get_or_create(
        effect_key=f"{patient_id}:{cause}"[:200], defaults={"patient_id": patient_id, "cause": cause[:120]}
    )
    if created:
        runs.enqueue(run)
    return run


def patient_assess(run: AssessmentRun) -> None:
    """Judge everything that is known of the patient now: change table and alerts, in one transaction."""
    _cover_waiting(run)
    with transaction.atomic():
        runs.hold(run)
        now = timezone.now()
        timeline = timeline_of(run.patient, as_of=now)
        measurements = list(imaging.current_measurements([run.patient]))
        content = change_content(timeline, measurements)
        if content["rows"]:
            _store(run, now, content)
        alerts_judge(timeline=timeline, measurements=measurements)


def _cover_waiting(run: AssessmentRun) -> None:
    """Runs of the same patient that wait already are answered by this one, which reads what they announced."""
    AssessmentRun.objects.filter(patient=run.patient, state=RunState.QUEUED).exclude(pk=run.pk).update(
        state=RunState.DONE, finished_at=timezone.now(), error_code="covered"
    )


def _store(run: AssessmentRun, as_of: dt.datetime, content: dict[str, Any]) -> None:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    Assessment.objects.get_or_create(
        patient=run.patient,
        kind="change",
        inputs_hash=digest,
        code_version=code_version("analytics"),
        defaults={"as_of": as_of, "content": content},
    )
