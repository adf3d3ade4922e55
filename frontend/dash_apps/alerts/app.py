"""The alerts screen's Dash app and its three callbacks: list, open, acknowledge."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from analytics.services.alert_reading import alert_in_scope, alert_open, alerts_list
from analytics.services.alerts import alert_acknowledge
from frontend.dash_apps.alerts.detail import NOTE_LIMIT, detail_parts, not_found, nothing_open
from frontend.dash_apps.alerts.layout import layout
from frontend.dash_apps.alerts.list import list_parts
from frontend.dash_apps.alerts.question import view_from_controls, view_from_search
from frontend.dash_apps.bridge import Screen, current_request_id, current_user
from gliomon.common.errors import Conflict, NotFound
from gliomon.common.policy import requires

ALREADY = "Somebody has acknowledged this alert already; who, when and why stands above."

screen = Screen("alerts", action="alert.view", title="Alerts")
screen.layout = layout


@screen.callback(
    Output("url", "search"),
    Output("status", "value"),
    Output("severity", "value"),
    Output("rule", "value"),
    Output("patient", "value"),
    Output("alert-list", "children"),
    Input("url", "search"),
    Input("status", "value"),
    Input("severity", "value"),
    Input("rule", "value"),
    Input("patient", "value"),
    Input("acknowledged", "data"),
)
@requires("alert.view")
def list_alerts(search: Any, status: Any, severity: Any, rule: Any, patient: Any, _done: Any) -> list[Any]:
    """List what the address or the controls ask for, whichever was changed."""
    controls = {f"{name}.value" for name in ("status", "severity", "rule", "patient")}
    by_controls = any(item["prop_id"] in controls for item in ctx.triggered) and not _triggered("url.search")
    view = (
        view_from_controls(search, status, severity, rule, patient)
        if by_controls
        else view_from_search(search)
    )
    page = alerts_list(user=current_user(), chosen=view.chosen, request_id=current_request_id())
    chosen = view.chosen
    shown = list_parts(page, view)
    # Only a control changes the address: writing it back to where it came from would break the way back.
    search_shown = view.search if by_controls else no_update
    return [search_shown, chosen.status, chosen.severity, chosen.rule, chosen.patient, shown]


@screen.callback(
    Output("alert-detail", "children"),
    Input("url", "search"),
    Input("acknowledged", "data"),
)
@requires("alert.view")
def open_alert(search: Any, done: Any) -> Component:
    """Show the alert that the address names, if its patient is one of the user's."""
    alert_id = view_from_search(search).alert
    if not alert_id:
        return nothing_open()
    said = ALREADY if isinstance(done, dict) and done.get("alert") == alert_id and done.get("already") else ""
    try:
        return detail_parts(
            alert_open(user=current_user(), alert_id=alert_id, request_id=current_request_id()), said
        )
    except NotFound:
        return not_found()


@screen.callback(
    Output("acknowledged", "data"),
    Input("alert-acknowledge", "n_clicks"),
    State("url", "search"),
    State("alert-note", "value"),
    prevent_initial_call=True,
)
@requires("alert.acknowledge")
def acknowledge(clicks: Any, search: Any, note: Any) -> Any:
    """Take the open alert; a second time says that somebody has."""
    if not clicks:
        return no_update
    alert_id, user = view_from_search(search).alert, current_user()
    request_id = current_request_id()
    alert = alert_in_scope(user=user, alert_id=alert_id, request_id=request_id)
    words = note[:NOTE_LIMIT] if isinstance(note, str) else ""
    try:
        alert_acknowledge(alert=alert, by=user, note=words, request_id=request_id)
    except Conflict:
        return {"alert": alert_id, "already": True, "request": request_id}
    return {"alert": alert_id, "already": False, "request": request_id}


def _triggered(name: str) -> bool:
    return any(item["prop_id"] == name for item in ctx.triggered)
