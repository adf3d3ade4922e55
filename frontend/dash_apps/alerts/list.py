"""The list of alerts."""

from __future__ import annotations

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from analytics.services.alert_reading import LIST_LIMIT, AlertLine, AlertPage
from frontend.dash_apps.alerts.question import View
from frontend.dash_apps.parts import Children

SEVERITY_BADGES = {"urgent": "badge badge-bad", "warning": "badge badge-warn", "info": "badge badge-info"}
SEVERITY_SIGNS = {"urgent": "‼", "warning": "!", "info": "i"}


def list_parts(page: AlertPage, view: View) -> Children:
    """How many there are, and one entry per alert."""
    return [
        html.P(_counts(page), className="muted small", role="status"),
        html.Ul([_entry(line, view) for line in page.lines], className="plain stack-tight")
        if page.lines
        else html.P(_nothing(page), className="empty"),
    ]


def badges(line: AlertLine) -> Children:
    """Severity and what qualifies the alert, each as a word."""
    words = f"{SEVERITY_SIGNS.get(line.severity, '')} {line.severity_words}".strip()
    found: Children = [html.Span(words, className=SEVERITY_BADGES.get(line.severity, "badge"))]
    if line.is_virtual:
        found.append(html.Span("virtual patient", className="badge badge-warn"))
    if line.preliminary:
        found.append(html.Span("preliminary (pPD)", className="badge badge-warn"))
    if line.backfilled:
        found.append(html.Span("backfilled: from history loaded later", className="badge badge-neutral"))
    if line.evidence_changed:
        found.append(html.Span("evidence was corrected", className="badge badge-warn"))
    if line.acknowledged:
        found.append(html.Span("✓ acknowledged", className="badge badge-good"))
    return found


def _entry(line: AlertLine, view: View) -> Component:
    is_open = line.id == view.alert
    current: dict[str, Any] = {"aria-current": "true"} if is_open else {}
    return html.Li(
        [
            dcc.Link(
                f"{line.patient}: {line.title}",
                href=f"/alerts/{view.opening(line.id)}",
                className="alert-link",
            ),
            html.Div(
                [html.Span(f"{line.occurred_on:%d %b %Y}", className="nowrap small"), *badges(line)],
                className="cluster",
            ),
            html.P(line.sentence, className="small"),
        ],
        className="card alert-card stack-tight alert-card-open" if is_open else "card alert-card stack-tight",
        **current,
    )


def _counts(page: AlertPage) -> str:
    shown = f"{page.fitting} fit the filter" if page.fitting != 1 else "1 fits the filter"
    more = f" (the newest {LIST_LIMIT} are shown)" if page.fitting > LIST_LIMIT else ""
    return f"{shown}{more}; {page.waiting} of {page.everything} wait to be acknowledged."


def _nothing(page: AlertPage) -> str:
    """No alert and nothing to look at are two different things."""
    if page.everything:
        return "No alert fits the filter."
    return "There is no alert among the patients you look after. That no rule fired does not mean that all data are there."
