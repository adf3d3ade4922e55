"""The Kaplan-Meier figure: step curves with bands and censor ticks, and the numbers under the axis."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

FloatArray = npt.NDArray[np.float64]

INK, MUTED, GRID = "#16202b", "#4c5a69", "#d3d9e0"
# Okabe-Ito without yellow and black, which vanish on one of the two grounds; never colour alone: each group also has
# a dash pattern and a letter.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
FONT = "system-ui, sans-serif"
BAND_OPACITY = 0.16
CURVE_HEIGHT, ROW_HEIGHT, MARGIN_TOP, MARGIN_BOTTOM, AXIS_GAP = 400, 17, 32, 12, 62
LETTER_FLOOR = 3.0  # percent; lower, the letter would stand on the axis
CENSOR_MARKS = 150  # per group; more would be a grey bar
COUNTS = ("at risk", "censored", "events")


@dataclasses.dataclass(frozen=True)
class CurveGroup:
    """One group, in months and fractions.

    Attributes
    ----------
    label, letter : str
        The level's name, and the letter that marks its curve and rows.
    months, survival, low, high : ndarray, shape (k,)
        Right-continuous steps from month 0; bounds are NaN where they are not defined.
    censor_months, censor_survival : ndarray, shape (m,)
        Where somebody's observation ended without an event.
    at_risk, censored, events : tuple of int, one per tick
        Counts at the ticks of the axis.
    """

    label: str
    letter: str
    months: FloatArray
    survival: FloatArray
    low: FloatArray
    high: FloatArray
    censor_months: FloatArray
    censor_survival: FloatArray
    at_risk: tuple[int, ...]
    censored: tuple[int, ...]
    events: tuple[int, ...]


def kaplan_meier_figure(
    groups: Sequence[CurveGroup], ticks: Sequence[float], *, simulated: bool = False
) -> go.Figure:
    """Draw the groups over months, with at risk / censored / events of each group aligned with the ticks.

    Parameters
    ----------
    groups : sequence of CurveGroup
        In the order in which they are named; an empty sequence gives an empty axis.
    ticks : sequence of float
        Months at which the counts were taken.
    simulated : bool
        True: the figure itself says that its patients are simulated.

    Returns
    -------
    Figure
        y in percent, 0-100; the table's rows stand on the same x axis.
    """
    figure = go.Figure()
    for place, group in enumerate(groups):
        for trace in _traces(group, place):
            figure.add_trace(trace)
    rows = len(groups) * (len(COUNTS) + 1)
    height = CURVE_HEIGHT + AXIS_GAP + rows * ROW_HEIGHT + MARGIN_TOP + MARGIN_BOTTOM
    inner = height - MARGIN_TOP - MARGIN_BOTTOM
    figure.update_layout(
        height=height,
        margin={"l": 92, "r": 34, "t": MARGIN_TOP, "b": MARGIN_BOTTOM},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 12, "family": FONT},
        showlegend=False,
        hovermode="closest",
        xaxis=_month_axis(ticks, _longest(groups)),
        yaxis=_percent_axis(1 - CURVE_HEIGHT / inner),
        annotations=[
            *_letters(groups),
            *_table(groups, ticks, inner),
            *([_simulated()] if simulated else []),
        ],
        shapes=[_sample(place, _row_at(place * (len(COUNTS) + 1), inner)) for place in range(len(groups))],
        dragmode=False,
    )
    return figure


def style_of(place: int) -> tuple[str, str]:
    """Colour and dash pattern of the group at this place; patterns shift when the colours start again."""
    turn = place // len(COLOURS)
    return COLOURS[place % len(COLOURS)], DASHES[(place + turn) % len(DASHES)]


def _longest(groups: Sequence[CurveGroup]) -> float:
    return max((float(group.months[-1]) for group in groups), default=12.0)


def _month_axis(ticks: Sequence[float], longest: float) -> dict[str, object]:
    last = max([*ticks, longest])
    return {
        "title": {"text": "months from time zero", "standoff": 6},
        "tickvals": list(ticks),
        "ticktext": [f"{tick:g}" for tick in ticks],
        "range": [-0.02 * last, 1.05 * last],
        "showgrid": False,
        "zeroline": False,
        "linecolor": MUTED,
        "ticks": "outside",
        "fixedrange": True,
        "anchor": "y",
    }


def _percent_axis(bottom: float) -> dict[str, object]:
    return {
        "title": {"text": "alive, %", "standoff": 8},
        "range": [0, 101],
        "tickvals": [0, 25, 50, 75, 100],
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": MUTED,
        "fixedrange": True,
        "domain": [max(bottom, 0.0), 1],
    }


def _traces(group: CurveGroup, place: int) -> list[go.Scatter]:
    colour, dash = style_of(place)
    band = np.isfinite(group.low) & np.isfinite(group.high)
    edge = {"color": colour, "width": 0, "shape": "hv"}
    return [
        go.Scatter(
            x=group.months[band],
            y=100 * group.low[band],
            mode="lines",
            line=edge,
            hoverinfo="skip",
            name="low",
        ),
        go.Scatter(
            x=group.months[band],
            y=100 * group.high[band],
            mode="lines",
            line=edge,
            fill="tonexty",
            fillcolor=_faint(colour),
            hoverinfo="skip",
            name="95 % CI",
        ),
        _curve(group, colour, dash),
        _censor_ticks(group, colour),
    ]


def _curve(group: CurveGroup, colour: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=group.months,
        y=100 * group.survival,
        mode="lines",
        line={"color": colour, "width": 2.4, "dash": dash, "shape": "hv"},
        name=f"{group.letter} {group.label}",
        customdata=np.stack([100 * group.low, 100 * group.high], axis=1),
        hovertemplate=f"{group.letter} {group.label}<br>month %{{x:.1f}}: %{{y:.1f}} % "
        "(95 % CI %{customdata[0]:.1f} to %{customdata[1]:.1f})<extra></extra>",
    )


def _censor_ticks(group: CurveGroup, colour: str) -> go.Scatter:
    step = math.ceil(len(group.censor_months) / CENSOR_MARKS) or 1
    return go.Scatter(
        x=group.censor_months[::step],
        y=100 * group.censor_survival[::step],
        mode="markers",
        marker={
            "symbol": "line-ns-open",
            "size": 8,
            "color": colour,
            "line": {"width": 1.2, "color": colour},
        },
        hoverinfo="skip",
        name="censored",
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"


def _letters(groups: Sequence[CurveGroup]) -> list[dict[str, object]]:
    """The letter of each group just after the end of its curve."""
    return [
        {
            "x": float(group.months[-1]),
            "y": max(100 * float(group.survival[-1]), LETTER_FLOOR),
            "text": group.letter,
            "xanchor": "left",
            "xshift": 5,
            "yanchor": "middle",
            "showarrow": False,
            "font": {"size": 13, "color": INK, "weight": 700},
        }
        for group in groups
    ]


def _simulated() -> dict[str, object]:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "bottom",
        "yshift": 4,
        "showarrow": False,
        "text": "SIMULATED PATIENTS",
        "font": {"size": 13, "color": INK, "weight": 700},
        "bordercolor": MUTED,
        "borderpad": 3,
    }


def _table(groups: Sequence[CurveGroup], ticks: Sequence[float], inner: int) -> list[dict[str, object]]:
    """The counts as text on the curve's own x axis, three rows per group under its name."""
    found: list[dict[str, object]] = []
    row = 0
    for group in groups:
        found.append(_heading(group, _row_at(row, inner)))
        row += 1
        for words, numbers in zip(COUNTS, (group.at_risk, group.censored, group.events), strict=True):
            height = _row_at(row, inner)
            found.append(_row_name(words, height))
            found += [_count(tick, number, height) for tick, number in zip(ticks, numbers, strict=True)]
            row += 1
    return found


def _row_at(row: int, inner: int) -> float:
    return 1 - (CURVE_HEIGHT + AXIS_GAP + (row + 0.5) * ROW_HEIGHT) / inner


def _sample(place: int, height: float) -> dict[str, object]:
    """A piece of the group's line beside its name."""
    colour, dash = style_of(place)
    return {
        "type": "line",
        "xref": "paper",
        "yref": "paper",
        "xsizemode": "pixel",
        "xanchor": 0,
        "x0": -84,
        "x1": -54,
        "y0": height,
        "y1": height,
        "line": {"color": colour, "width": 2.4, "dash": dash},
    }


def _heading(group: CurveGroup, height: float) -> dict[str, object]:
    words = {
        "text": f"{group.letter} {_plain(group.label)}",
        "font": {"size": 12, "color": INK, "weight": 700},
    }
    return _row_name("", height) | words | {"xshift": -48}


def _row_name(words: str, height: float) -> dict[str, object]:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": height,
        "xshift": -84,
        "xanchor": "left",
        "yanchor": "middle",
        "showarrow": False,
        "text": words,
        "font": {"size": 11, "color": MUTED},
    }


def _count(tick: float, number: int, height: float) -> dict[str, object]:
    return {
        "xref": "x",
        "yref": "paper",
        "x": tick,
        "y": height,
        "yanchor": "middle",
        "showarrow": False,
        "text": str(number),
        "font": {"size": 11, "color": INK},
    }


def _plain(words: str) -> str:
    """A value of somebody's table as text of a figure: plotly reads some tags."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
