"""Dash screens behind the site's own doors.

A screen is a plain Dash app whose WSGI server is never exposed: Django views call it after login, policy and CSRF have
been checked, and only for the five addresses that the browser's renderer needs. A callback without a declared policy
is closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from io import BytesIO
from typing import Any

from csp.decorators import csp_update
from dash import Dash
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import URLPattern, path
from django.utils.safestring import mark_safe
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_POST
from werkzeug.wrappers import Response

from analytics.services.refusing import refuse_unless_role_may
from frontend.dash_apps.renderer_styles import RENDERER_STYLES
from gliomon.common.errors import DomainError
from gliomon.common.policy import Policy, policy_of, requires

_REQUEST: ContextVar[HttpRequest] = ContextVar("gliomon_dash_request")
_SCREENS: list[Screen] = []
# Headers that are the business of Django's response, not of the inner server's.
_DROPPED_HEADERS = {"content-length", "content-type", "set-cookie", "connection"}

View = Callable[..., HttpResponseBase]


class Screen(Dash):
    """One Dash screen: where it lives, who may open it, and its callbacks."""

    def __init__(self, name: str, *, action: str, title: str) -> None:
        super().__init__(
            name=f"gliomon.{name}",
            requests_pathname_prefix=f"/{name}/",
            routes_pathname_prefix=f"/{name}/",
            serve_locally=True,
            include_assets_files=False,
            suppress_callback_exceptions=True,
            csrf_token_name=settings.CSRF_COOKIE_NAME,
            csrf_header_name="X-CSRFToken",
            add_log_handler=False,
            title=f"{title} | gliomon",
            update_title="",
            enable_mcp=False,
            # asgiref comes with Django, which Dash takes for a wish to run callbacks in an event loop.
            use_async=False,
        )
        self.screen_name, self.action, self.heading = name, action, title
        # An error inside a callback belongs to Django's handlers: one sentence, no traceback.
        self.server.config["PROPAGATE_EXCEPTIONS"] = True
        self.config.external_scripts = [static("frontend/dash_select.js")]
        _SCREENS.append(self)

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]
        """The page of the site around Dash's container."""
        context = {
            "heading": self.heading,
            "title": self.title,
            "config": mark_safe(parts["config"]),  # noqa: S308 - made by Dash from settings, nothing of a user
            "scripts": mark_safe(parts["scripts"]),  # noqa: S308
            "renderer": mark_safe(parts["renderer"]),  # noqa: S308
        }
        return render_to_string("frontend/dash.html", context, current_request())


def current_request() -> HttpRequest:
    """The Django request that a callback answers."""
    return _REQUEST.get()


def current_user() -> Any:
    """The account (AUTH_USER_MODEL) for which a callback answers; the view has checked that there is one."""
    user = current_request().user
    if not user.is_authenticated:
        raise PermissionDenied("log in first")
    return user


def current_request_id() -> str:
    """The number under which this request is logged and audited."""
    return str(getattr(current_request(), "request_id", ""))


def dash_callbacks() -> Iterator[tuple[str, Policy | None]]:
    """Yield (screen and output, declared policy) for every server callback of every screen."""
    for screen in _SCREENS:
        for output, entry in screen.callback_map.items():
            yield f"{screen.screen_name}:{output}", policy_of(entry.get("callback"))


def screen_urls(screen: Screen) -> list[URLPattern]:
    """The five addresses of a screen, each with the screen's policy."""
    base = f"{screen.screen_name}/"
    name = screen.screen_name

    def address(route: str, view: View, suffix: str) -> URLPattern:
        return path(base + route, requires(screen.action)(view), name=name + suffix)

    return [
        address("", _page_view(screen), ""),
        address("_dash-layout", _get_view(screen), "-layout"),
        address("_dash-dependencies", _get_view(screen), "-dependencies"),
        address("_dash-update-component", _callback_view(screen), "-callback"),
        address("_dash-component-suites/<path:file>", gzip_page(_get_view(screen)), "-files"),
    ]


def _page_view(screen: Screen) -> View:
    @require_GET
    @ensure_csrf_cookie
    def page(request: HttpRequest) -> HttpResponse:
        return _call(screen, request)

    # The one inline script of a Dash page starts its renderer; its hash opens the policy for these pages alone.
    return csp_update({"script-src": list(screen.csp_hashes()), "style-src": list(RENDERER_STYLES)})(page)


def _get_view(screen: Screen) -> View:
    @require_GET
    def view(request: HttpRequest, file: str = "") -> HttpResponse:
        return _call(screen, request)

    return view


def _callback_view(screen: Screen) -> View:
    """The address that all callbacks of the screen share; Django's middleware has checked the CSRF token."""

    @require_POST
    def view(request: HttpRequest) -> HttpResponse:
        _refuse_undeclared(screen, request, _checked_body(screen, request))
        return _call(screen, request)

    return view


def _checked_body(screen: Screen, request: HttpRequest) -> dict[str, Any]:
    """The renderer's message, refused unless it is exactly of the shape of a registered callback."""
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise DomainError("callback_malformed", "the request is not JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("output"), str):
        raise DomainError("callback_malformed", "the request names no output")
    entry = screen.callback_map.get(body["output"])
    if entry is None:
        raise Http404("no such callback")
    asked = (
        _properties(body.get("inputs", [])),
        _properties(body.get("state", [])),
        _outputs(body.get("outputs")),
    )
    known = (_properties(entry["inputs"]), _properties(entry["state"]), _registered_outputs(entry["output"]))
    changed = body.get("changedPropIds", [])
    if asked != known or not isinstance(changed, list) or not all(isinstance(name, str) for name in changed):
        raise DomainError("callback_malformed", "the request does not fit the callback that it names")
    return body


def _properties(items: Any) -> list[tuple[str, str]]:
    """(id, property) of each input; anything of another shape fits no callback."""
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        return [("?", "?")]
    return [(str(item.get("id")), str(item.get("property"))) for item in items]


def _outputs(outputs: Any) -> list[tuple[str, str]]:
    return _properties(outputs if isinstance(outputs, list) else [outputs])


def _registered_outputs(output: Any) -> list[tuple[str, str]]:
    items = output if isinstance(output, list | tuple) else [output]
    return [(str(item.component_id), str(item.component_property)) for item in items]


def _refuse_undeclared(screen: Screen, request: HttpRequest, body: dict[str, Any]) -> None:
    """Closed unless the callback declares a policy that the user's role meets."""
    policy = policy_of(screen.callback_map[body["output"]].get("callback"))
    if policy is None or policy.action is None:
        raise PermissionDenied("this callback has no declared policy and stays closed")
    if not request.user.is_authenticated:
        raise PermissionDenied("log in first")
    request_id = str(getattr(request, "request_id", ""))
    refuse_unless_role_may(user=request.user, action=policy.action, request_id=request_id)


def _call(screen: Screen, request: HttpRequest) -> HttpResponse:
    """Let the inner server answer, with Django's request at hand for its callbacks."""
    token = _REQUEST.set(request)
    try:
        inner = Response.from_app(screen.server, _environ(request), buffered=True)
    finally:
        _REQUEST.reset(token)
    response = HttpResponse(
        inner.get_data(),
        status=inner.status_code,
        content_type=inner.headers.get("Content-Type", "text/plain"),
    )
    for header, value in inner.headers.items():
        if header.lower() not in _DROPPED_HEADERS:
            response[header] = value
    return response


def _environ(request: HttpRequest) -> dict[str, Any]:
    """The WSGI environment with the body that Django has read already."""
    environ = dict(getattr(request, "environ", request.META))
    body = request.body
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
    return environ
