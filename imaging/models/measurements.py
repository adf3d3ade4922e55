"""Numbers: timepoint x region x quantity x statistic -> value, with unit, flags and provenance."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from gliomon.common.append_only import AppendOnly
from imaging.models.runs import ImagingRun
from imaging.models.scans import Timepoint


class Measurement(AppendOnly):
    """One number. Never changed: a new run adds new rows, and the newest run's rows are the current ones."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(ImagingRun, on_delete=models.PROTECT, related_name="measurements")
    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="measurements")
    region = models.CharField(max_length=20)
    quantity = models.CharField(max_length=20)
    statistic = models.CharField(max_length=10)
    value = models.FloatField()
    unit = models.CharField(max_length=20)
    n_voxels = models.PositiveIntegerField()
    nan_share = models.FloatField(default=0.0)
    flags = models.JSONField(default=list)
    input_uids = models.JSONField(default=list)
    inputs_hash = models.CharField(max_length=64)
    code_version = models.CharField(max_length=40)
    computed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AppendOnly.Meta):
        ordering = ["computed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "region", "quantity", "statistic"], name="measurement_once_per_run"
            )
        ]
        indexes = [models.Index(fields=["timepoint", "region", "quantity", "statistic"])]
