"""Opening a patient: scope and audit in one step, so that no screen can have one without the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gliomon.common.errors import NotFound, PermissionRefused
from patients import selectors
from patients.models import AuditAction, AuditEvent, Patient, User
from patients.permissions import may
from patients.services.audit import audit_write


def patient_open(*, user: User, key: str, what: str, request_id: str = "") -> Patient:
    """Return the patient and write that `user` looked; outside the user's scope it does not exist."""
    # Postgres takes no NUL in a text, so such a key is nobody's.
    patient = None if "\x00" in key else selectors.patients_visible_to(user).filter(key=key).first()
    if patient is None:
        audit_write(actor=user, action=AuditAction.DENY, what=what, object_id=key[:64], request_id=request_id)
        raise NotFound("patient_not_found", "no such patient among those you look after")
    audit_write(actor=user, action=AuditAction.VIEW, what=what, patient=patient, request_id=request_id)
    return patient


def refuse_unless_may(
    *, user: User, action: str, patient: Patient, sentence: str, request_id: str = ""
) -> None:
    """Raise PermissionRefused, and write that it was, unless the user's role may do `action`."""
    if may(user, action):
        return
    audit_write(actor=user, action=AuditAction.DENY, what=action, patient=patient, request_id=request_id)
    raise PermissionRefused("not_allowed", sentence)


def patients_listed(
    *,
    user: User,
    patients: Iterable[Patient],
    what: str,
    request_id: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write which patients a list has shown, one row each, so that "who viewed me" finds lists too."""
    AuditEvent.objects.bulk_create(
        AuditEvent(
            actor=user,
            action=AuditAction.VIEW,
            what=what,
            patient=patient,
            request_id=request_id,
            detail=detail or {},
        )
        for patient in patients
    )
