"""Refusing an action that is bound to no one patient, and writing that it was refused."""

from __future__ import annotations

from gliomon.common.errors import PermissionRefused
from patients.models import AuditAction, User
from patients.permissions import may
from patients.services.audit import audit_write


def refuse_unless_role_may(*, user: User, action: str, request_id: str = "") -> None:
    """Raise PermissionRefused, and write that it was, unless the user's role may do `action`."""
    if may(user, action):
        return
    audit_write(actor=user, action=AuditAction.DENY, what=action, request_id=request_id)
    raise PermissionRefused("not_allowed", "your role may not do this")
