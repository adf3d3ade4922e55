"""Cohorts for survival: subjects of a table, virtual or registry, outside the clinical record."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Cohort(models.Model):
    """A named table of subjects with time and event; `basis` says why it may be used."""

    name = models.CharField(max_length=80, unique=True)
    basis = models.CharField(max_length=300, help_text="Consent or legal basis, as given at import.")
    is_virtual = models.BooleanField(default=False)
    source_name = models.CharField(max_length=200)
    source_sha256 = models.CharField(max_length=64)
    mapping = models.JSONField(default=dict)
    rejected = models.JSONField(default=list, help_text="Rows that were not taken, each with the reason.")
    imported_at = models.DateTimeField(default=timezone.now, editable=False)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CohortSubject(models.Model):
    """One subject. `fields` holds baseline facts by name; the source's diagnosis is kept beside ours."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="subjects")
    subject = models.CharField(max_length=80)
    time_days = models.FloatField(null=True)
    event = models.BooleanField(null=True)
    fields = models.JSONField(default=dict)
    source_diagnosis = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cohort", "subject"], name="subject_once_per_cohort")]
