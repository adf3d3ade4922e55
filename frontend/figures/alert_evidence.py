"""What an alert rests on, as a figure: the series, the items of evidence, reference and limit."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence

import plotly.graph_objects as go

INK, MUTED, GRID = "#16202b", "#4c5a69", "#d3d9e0"
BLUE, VERMILION = "#0072b2", "#d55e00"
FONT = "system-ui, sans-serif"
HEIGHT = 330
ROLE_WORDS = {
    "nadir": "nadir",
    "first_rise": "first rise",
    "between": "rise",
    "current": "now",
    "baseline": "baseline",
    "window": "end of radiotherapy",
}
# Never colour alone: each role has its own sign as well as its word.
ROLE_SIGNS = {
    "nadir": "triangle-down",
    "first_rise": "diamond",
    "between": "diamond",
    "current": "circle",
    "baseline": "square",
}
WINDOW_DAYS = 84  # the 12 weeks after radiotherapy in which growth may be pseudoprogression (RANO 2.0)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One item: `value` in `unit` on a day; None where the date is the fact. `role` is a key of ROLE_WORDS."""

    on: dt.date
    value: float | None
    unit: str
    role: str
    label: str


@dataclasses.dataclass(frozen=True)
class Context:
    """Another value of the same series; `below_lod`: nothing was found, drawn at the limit of detection."""

    on: dt.date
    value: float
    below_lod: bool = False


def alert_evidence_figure(
    evidence: Sequence[Evidence],
    series: Sequence[Context],
    *,
    quantity: str,
    unit: str,
    limit_percent: float | None,
    log_axis: bool,
) -> go.Figure:
    """Draw the evidence on its dates, over the rest of the series.

    Parameters
    ----------
    evidence : sequence of Evidence
        Items in `unit`, and dates such as the end of radiotherapy.
    series : sequence of Context
        The whole series as it stands now, in the same unit; may be empty.
    quantity, unit : str
        Words and unit of the y axis, such as "enhancing volume" and "mL".
    limit_percent : float or None
        The rise against the nadir at which the rule fires; None = not known, no limit is drawn.
    log_axis : bool
        True for variant allele fractions.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    if series:
        figure.add_trace(_series_trace(series, unit))
    valued = [item for item in evidence if item.value is not None]
    for item in valued:
        figure.add_trace(_item_trace(item, unit, log_axis))
    limit = _limit(valued, limit_percent)
    values = [item.value for item in valued if item.value is not None] + [point.value for point in series]
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 64, "r": 24, "t": 30, "b": 44},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 12, "family": FONT},
        showlegend=False,
        hovermode="closest",
        dragmode=False,
        xaxis=_date_axis([*(item.on for item in evidence), *(point.on for point in series)]),
        yaxis=_value_axis([*values, *([limit] if limit else [])], quantity, unit, log_axis),
    )
    _mark_limit(figure, limit, limit_percent, unit)
    _mark_radiotherapy(figure, evidence)
    return figure


def shown(value: float, unit: str) -> str:
    """A value as it is written: volumes with one decimal, fractions with three digits."""
    return f"{value:.1f} mL" if unit == "mL" else f"{value:.3g} {unit}"


def _series_trace(series: Sequence[Context], unit: str) -> go.Scatter:
    ordered = sorted(series, key=lambda point: point.on)
    return go.Scatter(
        x=[point.on for point in ordered],
        y=[point.value for point in ordered],
        mode="lines+markers",
        line={"color": MUTED, "width": 1.2},
        marker={
            "size": 7,
            "color": MUTED,
            "symbol": ["triangle-down-open" if point.below_lod else "circle-open" for point in ordered],
        },
        hovertext=[
            f"{point.on:%d %b %Y}: {'< ' if point.below_lod else ''}{shown(point.value, unit)}"
            for point in ordered
        ],
        hoverinfo="text",
        name="series",
    )


def _item_trace(item: Evidence, unit: str, log_axis: bool) -> go.Scatter:
    value = float(item.value or 0.0)
    below = "below the limit of detection" in item.label
    words = f"{ROLE_WORDS.get(item.role, item.role)}<br>{'< ' if below else ''}{shown(value, unit)}"
    sign = ROLE_SIGNS.get(item.role, "circle")
    return go.Scatter(
        x=[item.on],
        y=[value if value > 0 or not log_axis else None],
        mode="markers+text",
        text=[words],
        textposition="bottom center" if item.role == "nadir" else "top center",
        textfont={"size": 11, "color": INK},
        marker={
            "size": 12,
            "symbol": f"{sign}-open" if below else sign,
            "color": VERMILION if item.role in ("current", "first_rise", "between") else BLUE,
            "line": {"width": 1.6, "color": VERMILION if item.role == "current" else BLUE},
        },
        hovertext=[f"{item.label}<br>{item.on:%d %b %Y}: {shown(value, unit)}"],
        hoverinfo="text",
        cliponaxis=False,
        name=item.role,
    )


def _limit(valued: Sequence[Evidence], percent: float | None) -> float | None:
    nadir = next((item.value for item in valued if item.role == "nadir"), None)
    return nadir * (1 + percent / 100) if nadir and percent is not None else None


def _date_axis(days: Sequence[dt.date]) -> dict[str, object]:
    first, last = min(days), max(days)
    room = max((last - first) * 0.12, dt.timedelta(days=10))
    return {
        "type": "date",
        "range": [first - room, last + room],
        "tickformat": "%b %Y",
        "nticks": 7,
        "hoverformat": "%d %b %Y",
        "showgrid": False,
        "linecolor": MUTED,
        "ticks": "outside",
        "fixedrange": True,
    }


def _value_axis(values: Sequence[float], quantity: str, unit: str, log_axis: bool) -> dict[str, object]:
    axis: dict[str, object] = {
        "title": {"text": f"{quantity}, {unit}", "standoff": 8},
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": MUTED,
        "fixedrange": True,
    }
    drawn = [value for value in values if value > 0]
    if not log_axis or not drawn:
        return axis | {"range": [0, 1.3 * max(drawn, default=1.0)]}
    low, high = math.log10(min(drawn)) - 0.35, math.log10(max(drawn)) + 0.35
    return axis | {"type": "log", "range": [low, high], **_log_ticks(low, high)}


def _log_ticks(low: float, high: float) -> dict[str, object]:
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    ticks = [
        step * 10.0**power
        for power in range(math.floor(low), math.ceil(high) + 1)
        for step in steps
        if low <= math.log10(step * 10.0**power) <= high
    ]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _mark_limit(figure: go.Figure, limit: float | None, percent: float | None, unit: str) -> None:
    if limit is None:
        return
    figure.add_hline(y=limit, line={"color": VERMILION, "width": 1.4, "dash": "dash"})
    # In paper coordinates of x, so that the words start at the axis whatever the dates are.
    figure.add_annotation(
        xref="paper",
        x=0,
        yref="y",
        y=math.log10(limit) if figure.layout.yaxis.type == "log" else limit,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        text=f"limit: nadir +{percent:g} % = {shown(limit, unit)}",
        font={"size": 11, "color": INK},
    )


def _mark_radiotherapy(figure: go.Figure, evidence: Sequence[Evidence]) -> None:
    """Shade the weeks after radiotherapy in which growth may be a treatment effect."""
    for item in evidence:
        if item.role != "window":
            continue
        until = item.on + dt.timedelta(days=WINDOW_DAYS)
        figure.add_vrect(x0=item.on, x1=until, fillcolor="#e69f00", opacity=0.14, line_width=0, layer="below")
        figure.add_annotation(
            x=item.on,
            yref="paper",
            y=1.0,
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            text="pseudoprogression window (12 weeks after RT)",
            font={"size": 11, "color": INK},
        )
