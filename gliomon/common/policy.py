"""Every door declares who may use it: a URL's view, a Dash callback, a command. Undeclared means closed.

This module only marks and finds the marks; `patients.middleware` enforces them for views, `patients.permissions`
holds the table of roles and actions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.urls import URLPattern, URLResolver, get_resolver

ATTRIBUTE = "gliomon_policy"

View = TypeVar("View", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class Policy:
    """Who may pass: everybody (`public`), anybody logged in, or the roles that may do `action`."""

    public: bool = False
    action: str | None = None


PUBLIC = Policy(public=True)
LOGGED_IN = Policy()


def requires(action: str) -> Callable[[View], View]:
    """Mark a view, Dash callback or command: only roles that may do `action` (patients.permissions)."""
    return _mark(Policy(action=action))


def public(view: View) -> View:
    """Mark a view as open to everybody: login, health."""
    return _mark(PUBLIC)(view)


def logged_in(view: View) -> View:
    """Mark a view as open to everybody who has logged in; it shows nothing of a patient."""
    return _mark(LOGGED_IN)(view)


def _mark(policy: Policy) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, ATTRIBUTE, policy)
        return view

    return mark


def policy_of(door: Any) -> Policy | None:
    """Return the declared policy, looking through class-based views."""
    declared = getattr(door, ATTRIBUTE, None)
    if declared is None and hasattr(door, "view_class"):
        declared = getattr(door.view_class, ATTRIBUTE, None)
    return declared


def all_views() -> Iterator[tuple[str, Any]]:
    """Yield (route, view) for every URL of the site."""
    yield from _views(get_resolver().url_patterns, "")


def _views(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback
