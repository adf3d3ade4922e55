"""Logins, failed logins and logouts are audited like any other act."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from patients.models import AuditAction, User
from patients.services.audit import audit_write


def _request_id(request: HttpRequest | None) -> str:
    return getattr(request, "request_id", "")


def on_login(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    audit_write(actor=user, action=AuditAction.LOGIN, what="login", request_id=_request_id(request))


def on_failure(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    audit_write(actor=None, action=AuditAction.LOGIN_FAILED, what="login", request_id=_request_id(request))


def on_logout(sender: Any, request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    audit_write(actor=user, action=AuditAction.LOGOUT, what="logout", request_id=_request_id(request))


def connect() -> None:
    user_logged_in.connect(on_login, dispatch_uid="patients.login")
    user_login_failed.connect(on_failure, dispatch_uid="patients.login_failed")
    user_logged_out.connect(on_logout, dispatch_uid="patients.logout")
