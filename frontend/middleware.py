"""Errors that gliomon raised on purpose become clear answers instead of a 500."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from frontend.views.errors import from_domain_error
from gliomon.common.errors import GliomonError


class DomainErrorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a GliomonError with its page; leave everything else to Django."""
        return from_domain_error(request, exception) if isinstance(exception, GliomonError) else None
