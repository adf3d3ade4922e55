"""Error pages: one clear sentence and the request's id; never a traceback, never a name."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from gliomon.common.errors import Conflict, GliomonError, NotFound, PermissionRefused, RetriableError

_STATUS = (
    (NotFound, 404, "Not found"),
    (PermissionRefused, 403, "Not allowed"),
    (Conflict, 409, "Changed meanwhile"),
    (RetriableError, 503, "Not available at the moment"),
)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return error_page(request, 403, "Not allowed", "Your role may not open this page.", "not_allowed")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return error_page(
        request, 404, "Not found", "There is no such page, or it is not yours to see.", "not_found"
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    return error_page(
        request, 500, "Something went wrong", "The error was logged under the number below.", "server_error"
    )


def from_domain_error(request: HttpRequest, error: GliomonError) -> HttpResponse:
    """The page for an error that gliomon raised on purpose."""
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return error_page(request, status, title, error.message, error.code)
    return error_page(request, 422, "Not accepted", error.message, error.code)


def error_page(request: HttpRequest, status: int, title: str, sentence: str, code: str) -> HttpResponse:
    """An error as a page, or as problem+json where no page was asked for."""
    content: dict[str, Any] = {
        "title": title,
        "detail": sentence,
        "code": code,
        "request_id": getattr(request, "request_id", ""),
    }
    if "text/html" not in request.headers.get("Accept", "text/html"):
        return JsonResponse(content, status=status, content_type="application/problem+json")
    return render(request, "frontend/error.html", content, status=status)
