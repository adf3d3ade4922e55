"""Assessments are asked for here; the worker answers them (analytics.tasks)."""

from __future__ import annotations

import uuid

from analytics.models import AssessmentRun
from gliomon.common import runs


def assessment_request(*, patient_id: uuid.UUID, cause: str) -> AssessmentRun:
    """Write the work to do, in the caller's transaction; the same cause never makes two runs."""
    run, created = AssessmentRun.objects.get_or_create(
        effect_key=f"{patient_id}:{cause}"[:200], defaults={"patient_id": patient_id, "cause": cause[:120]}
    )
    if created:
        runs.enqueue(run)
    return run
