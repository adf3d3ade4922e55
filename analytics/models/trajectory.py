"""Assessments of a patient: work to do, and the change table it produced."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from gliomon.common.append_only import AppendOnly
from gliomon.common.runs import AbstractRun
from patients.models import Patient


class AssessmentRun(AbstractRun):
    """Look at one patient again because something about the patient was learned."""

    task_name = "analytics.assess_patient"
    queue = "default"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="assessment_runs")
    cause = models.CharField(max_length=120)

    class Meta(AbstractRun.Meta):
        pass


class Assessment(AppendOnly):
    """What gliomon said: a pure function of the inputs whose hash is kept, so nothing is computed twice."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="assessments")
    kind = models.CharField(max_length=20, choices=[("change", "change of measurements")])
    as_of = models.DateTimeField(help_text="What was known until then went in.")
    inputs_hash = models.CharField(max_length=64)
    code_version = models.CharField(max_length=40)
    content = models.JSONField()
    computed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AppendOnly.Meta):
        ordering = ["computed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "kind", "inputs_hash", "code_version"], name="assessment_once_per_inputs"
            )
        ]
