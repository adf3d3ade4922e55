"""The gate: a view without a declared policy is closed; one with a policy is open to those it names."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from gliomon.common.policy import Policy, policy_of
from patients.models import AuditAction, User
from patients.permissions import may
from patients.services.audit import audit_write

logger = logging.getLogger(__name__)


class PolicyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated:
            response.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Refuse before the view runs."""
        policy = policy_of(view)
        if policy is None:
            logger.error("no policy declared for %s", getattr(view, "__qualname__", view))
            raise PermissionDenied("this page has no declared policy and stays closed")
        if policy.public:
            return None
        if not request.user.is_authenticated:
            return _ask_to_log_in(request)
        _refuse_wrong_role(request, request.user, policy)
        return None


def _ask_to_log_in(request: HttpRequest) -> HttpResponseBase:
    wants_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    if wants_page and not request.headers.get("HX-Request"):
        return redirect_to_login(request.get_full_path())
    return HttpResponse("Log in first.", status=401, content_type="text/plain")


def _refuse_wrong_role(request: HttpRequest, user: User, policy: Policy) -> None:
    if policy.action is None or may(user, policy.action):
        return
    audit_write(
        actor=user,
        action=AuditAction.DENY,
        what=policy.action,
        request_id=getattr(request, "request_id", ""),
    )
    raise PermissionDenied("your role may not do this")
