"""What the scanner sent: timepoints, studies, series and instances."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from patients.models import Patient


class SeriesKind(models.TextChoices):
    T1 = "t1", "T1"
    T1CE = "t1ce", "T1 post-contrast"
    T2 = "t2", "T2"
    FLAIR = "flair", "FLAIR"
    DWI = "dwi", "diffusion (DWI)"
    ADC = "adc", "scanner's ADC map"
    DSC = "dsc", "DSC perfusion"
    OTHER = "other", "other"


class Timepoint(models.Model):
    """One imaging visit: the studies of a patient within a few days (setting TIMEPOINT_WINDOW_DAYS)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="timepoints")
    date = models.DateField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    backfilled = models.BooleanField(
        default=False, help_text="Loaded long after the scan; known since its date."
    )

    class Meta:
        ordering = ["date"]
        constraints = [models.UniqueConstraint(fields=["patient", "date"], name="timepoint_once_per_day")]

    def __str__(self) -> str:
        return f"{self.patient} {self.date}"


class Study(models.Model):
    """One DICOM study."""

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="studies")
    study_uid = models.CharField(max_length=64, unique=True)
    study_date = models.DateField()
    received_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "studies"


class Series(models.Model):
    """One DICOM series, with what it was recognised as and why."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="series")
    series_uid = models.CharField(max_length=64, unique=True)
    number = models.IntegerField(null=True)
    description = models.CharField(max_length=200, blank=True)
    recognised_kind = models.CharField(max_length=8, choices=SeriesKind)
    confidence = models.FloatField()
    reasons = models.JSONField(default=list)
    chosen_kind = models.CharField(max_length=8, choices=SeriesKind, blank=True)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    chosen_at = models.DateTimeField(null=True, blank=True)
    scanner = models.JSONField(default=dict, help_text="Manufacturer, model, software, field strength.")

    class Meta:
        ordering = ["number"]
        verbose_name_plural = "series"

    @property
    def kind(self) -> str:
        """The person's choice where there is one, else what was recognised."""
        return self.chosen_kind or self.recognised_kind


class Instance(models.Model):
    """One stored DICOM object: its bytes as they came, under a name of ours."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    sop_uid = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64)
    file = models.CharField(max_length=200, help_text="Path below the media folder.")
    header: models.JSONField[Any, Any] = models.JSONField(default=dict)


class QuarantinedFile(models.Model):
    """A file that came and was not taken in, with the reason."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="quarantined_files")
    received_at = models.DateTimeField(default=timezone.now)
    sop_uid = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=60)
    reason = models.CharField(max_length=500)
