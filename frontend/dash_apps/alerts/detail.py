"""One alert: cause, evidence as a figure and a table, what would clear it, and what people did with it."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component
from django.urls import reverse

from analytics.services.alert_reading import Act, AlertDetail, EvidencePoint
from frontend.dash_apps.alerts.list import badges
from frontend.dash_apps.parts import Children, figure, table
from frontend.figures.alert_evidence import (
    ROLE_WORDS,
    Context,
    Evidence,
    alert_evidence_figure,
    shown,
)

# What the y axis carries, by rule: words, unit, logarithmic.
AXES = {
    "ctdna_molecular_rise": ("variant allele fraction", "%", True),
    "enhancing_volume_beyond_nadir": ("enhancing volume", "mL", False),
}
NOTE_LIMIT = 500


def detail_parts(detail: AlertDetail, said: str = "") -> Component:
    """The whole alert."""
    line = detail.line
    return html.Div(
        [
            html.Div(
                [
                    html.H2(line.title),
                    dcc.Link(
                        f"Patient {line.patient}",
                        href=reverse("patient", args=[line.patient]),
                        refresh=True,
                        className="button button-small",
                    ),
                ],
                className="split",
            ),
            html.Div(badges(line), className="cluster"),
            html.P(line.sentence),
            *_figure(detail),
            _facts(detail),
            _evidence(detail),
            *_acts(detail),
            *([html.P(said, className="alert-line alert-warning", role="status")] if said else []),
            *_form(detail),
        ],
        className="card stack",
    )


def nothing_open() -> Component:
    """Where no alert was chosen yet."""
    return html.P("Choose an alert to see its evidence.", className="empty")


def not_found() -> Component:
    """The same words whether it exists elsewhere or not."""
    return html.P(
        "There is no such alert among the patients you look after.", className="alert-line alert-warning"
    )


def _figure(detail: AlertDetail) -> Children:
    valued = [point for point in detail.evidence if point.value is not None]
    if not valued:
        return []
    quantity, unit, log_axis = AXES.get(detail.line.rule, ("value", valued[0].unit, False))
    drawn = alert_evidence_figure(
        [Evidence(point.on, point.value, point.unit, point.role, point.label) for point in detail.evidence],
        [Context(point.on, point.value, point.below_lod) for point in detail.series],
        quantity=quantity,
        unit=unit,
        limit_percent=detail.limit_percent,
        log_axis=log_axis,
    )
    return [figure("alert-figure", drawn, "Evidence over time; the same values are in the table below")]


def _facts(detail: AlertDetail) -> Component:
    missing = (
        html.Ul([html.Li(words) for words in detail.missing])
        if detail.missing
        else "nothing that the rule asks for"
    )
    raised = f"{detail.created_at:%d %b %Y %H:%M} UTC, rule {detail.line.rule} version {detail.rule_version}"
    pairs: list[tuple[str, Component | str]] = [
        ("Judged against", detail.reference),
        ("Would be cleared when", detail.clears_when),
        ("Not known", missing),
        ("Raised", raised),
    ]
    return html.Dl(
        [item for term, words in pairs for item in (html.Dt(term), html.Dd(words))], className="dash-facts"
    )


def _evidence(detail: AlertDetail) -> Component:
    heads = ("date", "value", "evidence")
    return table("Evidence", heads, [_row(point) for point in detail.evidence], numbers_from=len(heads))


def _row(point: EvidencePoint) -> Component:
    value = "–" if point.value is None else shown(point.value, point.unit)
    role = ROLE_WORDS.get(point.role, point.role)
    less = "< " if "below the limit of detection" in point.label else ""
    return html.Tr(
        [
            html.Th(f"{point.on:%d %b %Y}", scope="row", className="nowrap"),
            html.Td(f"{less}{value}", className="nowrap"),
            html.Td(f"{role}: {point.label}" if role != point.label else role),
        ]
    )


def _acts(detail: AlertDetail) -> Children:
    if not detail.acts:
        return []
    return [html.Ul([html.Li(_act_words(act)) for act in detail.acts], className="plain stack-tight")]


def _act_words(act: Act) -> Children:
    said: Children = [
        html.Strong(f"{act.words[:1].upper()}{act.words[1:]}"),
        f", {act.by}, {act.at:%d %b %Y %H:%M} UTC",
    ]
    return [*said, f": “{act.note}”"] if act.note else said


def _form(detail: AlertDetail) -> Children:
    """The note and the button, for those who may and while nobody has."""
    if detail.line.acknowledged:
        return []
    if not detail.may_acknowledge:
        return [html.P("Not acknowledged yet; an MDT clinician of the team can do it.", className="muted")]
    return [
        html.Div(
            [
                html.Div(
                    [
                        html.Label("Note (optional)", htmlFor="alert-note"),
                        dcc.Textarea(id="alert-note", value="", maxLength=NOTE_LIMIT),
                    ],
                    className="field",
                ),
                html.Button(
                    "Acknowledge", id="alert-acknowledge", n_clicks=0, className="button button-primary"
                ),
            ],
            className="stack-tight",
        )
    ]
