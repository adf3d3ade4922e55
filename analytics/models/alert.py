"""Alerts with their evidence, and what people did with them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from gliomon.common.append_only import AppendOnly
from patients.models import Patient


class Severity(models.TextChoices):
    URGENT = "urgent", "urgent"
    WARNING = "warning", "warning"
    INFO = "info", "for information"


class Alert(AppendOnly):
    """One alert: exactly one per patient, rule and evidence set. It is never closed by itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="alerts")
    rule_id = models.CharField(max_length=60)
    rule_version = models.CharField(max_length=20)
    evidence_key = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity)
    title = models.CharField(max_length=160)
    sentence = models.CharField(max_length=600)
    reference = models.CharField(max_length=300, blank=True)
    clears_when = models.CharField(max_length=300)
    occurred_on = models.DateField(help_text="Date of the newest item of evidence.")
    evidence = models.JSONField(help_text="Record or measurement ids, values, units, dates and roles.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    backfilled = models.BooleanField(default=False, help_text="Rests on history that was loaded later.")

    class Meta(AppendOnly.Meta):
        ordering = ["-occurred_on", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "rule_id", "evidence_key"], name="alert_once_per_rule_and_evidence"
            )
        ]


class AlertActKind(models.TextChoices):
    SEEN = "seen", "seen"
    ACKNOWLEDGED = "acknowledged", "acknowledged"
    EVIDENCE_CHANGED = "evidence_changed", "evidence was corrected"


class AlertAct(AppendOnly):
    """What happened to an alert after it was raised."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="acts")
    kind = models.CharField(max_length=20, choices=AlertActKind)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)
    note = models.CharField(max_length=500, blank=True)

    class Meta(AppendOnly.Meta):
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert"],
                condition=models.Q(kind="acknowledged"),
                name="alert_acknowledged_once",
            )
        ]
