"""Computed images: volumes, alignments and segmentations, each traceable to its inputs and its code."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from gliomon.common.append_only import AppendOnly
from imaging.models.runs import ImagingRun
from imaging.models.scans import Timepoint


class Volume(AppendOnly):
    """A stored volume: NIfTI file, kind, unit, geometry, and what it was made from.

    `space` says which grid it lives on: "native" (its own acquisition) or "reference" (the post-contrast T1 where there
    is one, else the best structural volume of the visit).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(ImagingRun, on_delete=models.PROTECT, related_name="volumes")
    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="volumes")
    kind = models.CharField(max_length=20)
    space = models.CharField(
        max_length=10, choices=[("native", "native"), ("reference", "on the grid of the reference")]
    )
    unit = models.CharField(max_length=20)
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    shape = models.JSONField()
    affine = models.JSONField()
    axis_values = models.JSONField(default=dict, help_text="b_values or times_s of the last axis.")
    input_uids = models.JSONField(default=list, help_text="DICOM series UIDs it was made from.")
    method = models.CharField(max_length=80, blank=True)
    code_version = models.CharField(max_length=40)
    flags = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AppendOnly.Meta):
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["run", "kind", "space"], name="volume_once_per_run")]


class Registration(AppendOnly):
    """A rigid alignment and how it was judged. `matrix` maps fixed RAS mm to moving RAS mm."""

    run = models.ForeignKey(ImagingRun, on_delete=models.PROTECT, related_name="registrations")
    moving_kind = models.CharField(max_length=20)
    fixed_kind = models.CharField(max_length=20)
    matrix = models.JSONField()
    accepted = models.BooleanField()
    reason = models.CharField(max_length=300, blank=True)
    quality = models.JSONField(default=dict)
    method = models.CharField(max_length=80)
    code_version = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AppendOnly.Meta):
        constraints = [
            models.UniqueConstraint(fields=["run", "moving_kind"], name="registration_once_per_run")
        ]


class Segmentation(AppendOnly):
    """A label volume and the method that drew it."""

    run = models.ForeignKey(ImagingRun, on_delete=models.PROTECT, related_name="segmentations")
    volume = models.OneToOneField(Volume, on_delete=models.PROTECT, related_name="segmentation")
    method = models.CharField(max_length=80)
    version = models.CharField(max_length=80)
    inputs_used = models.JSONField(default=list)
    inputs_missing = models.JSONField(default=list)
    flags = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AppendOnly.Meta):
        constraints = [models.UniqueConstraint(fields=["run"], name="segmentation_once_per_run")]
