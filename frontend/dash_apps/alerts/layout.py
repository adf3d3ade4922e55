"""The alerts screen: filters, the list, and the alert that is open."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from analytics.services.alert_reading import ACKNOWLEDGED, ALL, OPEN, RULE_WORDS
from frontend.dash_apps.parts import named
from frontend.dash_apps.select import Select

STATUSES = ((OPEN, "open"), (ACKNOWLEDGED, "acknowledged"), (ALL, "all"))
SEVERITIES = (("", "any"), ("urgent", "urgent"), ("warning", "warning"), ("info", "for information"))
RULES = (("", "any"), *RULE_WORDS.items())


def layout() -> Component:
    """Controls, then what the callbacks fill."""
    return html.Div(
        className="stack",
        children=[
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="acknowledged"),
            html.Section(_controls(), className="card", **named("Which alerts")),
            html.Div(
                className="dash-columns dash-columns-list",
                children=[
                    html.Section(id="alert-list", **named("Alerts")),
                    html.Section(id="alert-detail", **named("The open alert")),
                ],
            ),
        ],
    )


def _controls() -> Component:
    return html.Div(
        className="form-grid",
        children=[
            Select("status", label="Status", options=STATUSES, value=OPEN),
            Select("severity", label="Severity", options=SEVERITIES),
            Select("rule", label="Rule", options=RULES),
            html.Div(
                [
                    html.Label("Patient", htmlFor="patient"),
                    dcc.Input(
                        id="patient", type="text", value="", debounce=True, placeholder="part of the key"
                    ),
                ],
                className="field",
            ),
        ],
    )
