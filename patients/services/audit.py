"""The only writer of the audit table."""

from __future__ import annotations

from typing import Any

from patients.models import AuditAction, AuditEvent, Patient, User


def audit_write(
    *,
    actor: User | None,
    action: AuditAction,
    what: str,
    patient: Patient | None = None,
    object_id: Any = "",
    request_id: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEvent:
    """Add one row. `detail` may hold ids and counts, never names or clinical values."""
    return AuditEvent.objects.create(
        actor=actor,
        action=action,
        what=what[:120],
        patient=patient,
        object_id=_storable(object_id),
        request_id=request_id,
        detail=detail or {},
    )


def _storable(object_id: Any) -> str:
    """What somebody asked for, cut to the column; Postgres takes no NUL, and an audit row must never fail on one."""
    return str(object_id).replace("\x00", "")[:64]
