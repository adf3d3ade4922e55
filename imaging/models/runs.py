"""The processing of a timepoint: one run, many steps, each with its state, seconds and reason."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from gliomon.common.runs import AbstractRun
from imaging.models.scans import Timepoint


class StepState(models.TextChoices):
    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    SKIPPED = "skipped", "not possible"
    FAILED = "failed", "failed"


class ImagingRun(AbstractRun):
    """Take one timepoint from its series to measurements."""

    task_name = "imaging.process_timepoint"
    queue = "imaging"

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="runs")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta(AbstractRun.Meta):
        pass


class ImagingStep(models.Model):
    """One step of a run. A done step is not done again when the run is resumed."""

    run = models.ForeignKey(ImagingRun, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=30)
    state = models.CharField(max_length=8, choices=StepState, default=StepState.WAITING)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    seconds = models.FloatField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="step_once_per_run")]
