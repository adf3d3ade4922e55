"""Who looked, who wrote, who was refused: one row per act, never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from gliomon.common.append_only import AppendOnly
from patients.models.people import Patient


class AuditAction(models.TextChoices):
    VIEW = "view", "viewed"
    CREATE = "create", "created"
    AMEND = "amend", "amended"
    EXPORT = "export", "exported"
    LOGIN = "login", "logged in"
    LOGIN_FAILED = "login_failed", "failed to log in"
    LOGOUT = "logout", "logged out"
    DENY = "deny", "was refused"
    RUN = "run", "had computed"
    ACKNOWLEDGE = "acknowledge", "acknowledged"


class AuditEvent(AppendOnly):
    """One act. `detail` holds ids and counts, never names or clinical values."""

    at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    action = models.CharField(max_length=14, choices=AuditAction)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    what = models.CharField(max_length=120)
    object_id = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    detail = models.JSONField(default=dict)

    class Meta(AppendOnly.Meta):
        ordering = ["-at"]
        indexes = [models.Index(fields=["patient", "-at"])]
