"""The survival screen: what to ask, the figure, and its numbers."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from frontend.dash_apps.parts import Children, named
from frontend.dash_apps.select import Select
from frontend.dash_apps.survival.question import FILTERS


def layout() -> Component:
    """Controls, then what the callback fills."""
    return html.Div(
        className="stack",
        children=[
            dcc.Location(id="url", refresh=False),
            html.Section(_controls(), className="card", **named("What to compare")),
            html.Div(id="survival-said", role="status"),
            html.Div(id="survival-answer", className="dash-columns"),
        ],
    )


def _controls() -> Children:
    filters = [
        control
        for number in range(1, FILTERS + 1)
        for control in (
            Select(f"field-{number}", label=f"Population {number}: field"),
            Select(f"value-{number}", label=f"Population {number}: value", hidden=True),
        )
    ]
    return [
        html.Div(
            className="form-grid",
            children=[
                Select("cohort", label="Cohort"),
                Select("by", label="Groups by"),
                Select("reference", label="Reference of the hazard ratio", hidden=True),
                *filters,
            ],
        )
    ]
