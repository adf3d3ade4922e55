"""One horizontal strip of the timeline, and the words that colours go by.

Colours are tokens ("@ink", "@blue"): the browser replaces them by the style sheet's values, so that a figure follows
the light or dark scheme without being drawn again by the server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

Trace = dict[str, Any]
LegendEntry = tuple[str, str, str]

INK, MUTED, GRID, SURFACE = "@ink", "@muted", "@grid", "@surface"
ORANGE, SKY, GREEN, YELLOW = "@orange", "@sky", "@green", "@yellow"
BLUE, VERMILION, PURPLE = "@blue", "@vermilion", "@purple"

LANE_PIXELS = 22


@dataclasses.dataclass(frozen=True)
class Panel:
    """A strip: its height in pixels, traces, y axis, and what is written left of it.

    `lanes` are (y in axis units, name). `title` are lines of text, `legend` (sign, colour, words) lines under it.
    `notes` are (y, words) written where there is no data.
    """

    height: int
    traces: list[Trace]
    yaxis: dict[str, Any]
    lanes: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    title: tuple[str, ...] = ()
    legend: tuple[LegendEntry, ...] = ()
    notes: list[tuple[float, str]] = dataclasses.field(default_factory=list)


def lane_panel(lanes: Sequence[str], traces: list[Trace], *, notes: dict[int, str] | None = None) -> Panel:
    """A panel of named rows; the first lane is on top, row i lies at y = -i. `notes` are words in empty rows."""
    return Panel(
        height=LANE_PIXELS * len(lanes),
        traces=traces,
        yaxis={"range": [-len(lanes) + 0.5, 0.5], "visible": False, "fixedrange": True},
        lanes=[(-float(row), name) for row, name in enumerate(lanes)],
        notes=[(-float(row), words) for row, words in (notes or {}).items()],
    )


def empty_panel(title: str, note: str) -> Panel:
    """A strip without data says so: no data must never look like nothing wrong."""
    return lane_panel([title], [], notes={0: note})


def value_panel(
    title: tuple[str, ...],
    height: int,
    traces: list[Trace],
    *,
    axis_range: list[float],
    legend: tuple[LegendEntry, ...] = (),
    **axis: Any,
) -> Panel:
    """A strip with a numeric axis."""
    return Panel(
        height=height,
        traces=traces,
        yaxis={
            "range": axis_range,
            "fixedrange": True,
            "nticks": 4,
            "gridcolor": GRID,
            "zeroline": False,
            "tickfont": {"size": 10, "color": INK},
            "ticks": "outside",
            "ticklen": 3,
            "tickcolor": GRID,
            **axis,
        },
        title=title,
        legend=legend,
    )


def points(
    xs: Sequence[float],
    ys: Sequence[float | None],
    hover: Sequence[str],
    *,
    marker: dict[str, Any],
    mode: str = "markers",
    urls: Sequence[str] | None = None,
    **more: Any,
) -> Trace:
    """A scatter trace with ready-made tooltips; a point with a url opens it when clicked."""
    return {
        "type": "scatter",
        "mode": mode,
        "x": list(xs),
        "y": list(ys),
        "hovertext": list(hover),
        "hoverinfo": "text",
        "marker": marker,
        "showlegend": False,
        "cliponaxis": False,
        **({"customdata": list(urls)} if urls is not None else {}),
        **more,
    }
