"""The patient's timeline as a plotly figure: swimlanes and numeric tracks on one axis of time."""

from __future__ import annotations

from typing import Any

from frontend.figures.ctdna import ctdna_panel
from frontend.figures.lanes import report_panel, scan_panel, treatment_panel
from frontend.figures.panel import GRID, INK, MUTED, SURFACE, Panel, Trace
from frontend.figures.time_axis import TimeAxis, pseudoprogression_band
from frontend.figures.tracks import Tracks
from frontend.figures.values import (
    adc_panel,
    enhancing_panel,
    other_volumes_panel,
    performance_panel,
    rcbv_panel,
    steroid_panel,
)

GAP_PIXELS = 8
TOP_PIXELS = 48
BOTTOM_PIXELS = 44
LEFT_PIXELS = 138
RIGHT_PIXELS = 18
TITLE_SHIFT_PIXELS = -36  # left of the tick labels of a numeric track
LANE_SHIFT_PIXELS = -8
LINE_PIXELS = 14
SIGN_PIXELS = 13


def timeline_figure(tracks: Tracks, axis: TimeAxis) -> dict[str, Any]:
    """Build the figure.

    Parameters
    ----------
    tracks : Tracks
        The patient's events and values.
    axis : TimeAxis
        Where days lie.

    Returns
    -------
    dict
        A plotly figure ({"data", "layout"}), JSON-ready, with colour tokens for the style sheet to fill.
    """
    panels = _panels(tracks, axis)
    domains = _domains(panels)
    layout = _layout(panels, domains, tracks, axis)
    return {"data": [*_placed_traces(panels), _top_axis_trace(tracks, axis)], "layout": layout}


def _panels(tracks: Tracks, axis: TimeAxis) -> list[Panel]:
    return [
        treatment_panel(tracks, axis),
        steroid_panel(tracks, axis),
        performance_panel(tracks, axis),
        scan_panel(tracks, axis),
        enhancing_panel(tracks, axis),
        other_volumes_panel(tracks, axis),
        adc_panel(tracks, axis),
        rcbv_panel(tracks, axis),
        ctdna_panel(tracks, axis, "plasma"),
        ctdna_panel(tracks, axis, "csf"),
        report_panel(tracks, axis),
    ]


def _plot_pixels(panels: list[Panel]) -> int:
    return sum(panel.height for panel in panels) + GAP_PIXELS * (len(panels) - 1)


def _domains(panels: list[Panel]) -> list[tuple[float, float]]:
    """Bottom and top of each panel as shares of the plot's height, the first panel on top."""
    total = _plot_pixels(panels)
    domains, top = [], float(total)
    for panel in panels:
        domains.append((max(0.0, (top - panel.height) / total), top / total))
        top -= panel.height + GAP_PIXELS
    return domains


def _axis_id(number: int) -> str:
    return "y" if number == 0 else f"y{number + 1}"


def _placed_traces(panels: list[Panel]) -> list[Trace]:
    return [
        {**trace, "xaxis": "x", "yaxis": _axis_id(number)}
        for number, panel in enumerate(panels)
        for trace in panel.traces
    ]


def _top_axis_trace(tracks: Tracks, axis: TimeAxis) -> Trace:
    """Nothing visible; it makes the axis at the top appear."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [axis.at(tracks.until)],
        "y": [0],
        "xaxis": "x2",
        "yaxis": "y",
        "marker": {"opacity": 0, "size": 1},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _layout(
    panels: list[Panel], domains: list[tuple[float, float]], tracks: Tracks, axis: TimeAxis
) -> dict[str, Any]:
    return {
        "height": _plot_pixels(panels) + TOP_PIXELS + BOTTOM_PIXELS,
        "margin": {"l": LEFT_PIXELS, "r": RIGHT_PIXELS, "t": TOP_PIXELS, "b": BOTTOM_PIXELS},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 11, "color": INK},
        "barmode": "overlay",
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "showlegend": False,
        **_x_axes(len(panels), tracks, axis),
        **_y_axes(panels, domains),
        "shapes": _shapes(panels, domains, tracks, axis),
        "annotations": _labels(panels, domains) + _band_words(tracks, axis) + _cut_words(axis),
    }


def _x_axes(count: int, tracks: Tracks, axis: TimeAxis) -> dict[str, Any]:
    band = pseudoprogression_band(tracks.anchors)
    first, last = tracks.first_day(), max([tracks.until, *tracks.days(), *(band or ())])
    pad = max(1.0, 0.03 * axis.span)
    shared = {
        "range": [axis.at(first) - pad, axis.at(last) + pad],
        "zeroline": False,
        "gridcolor": GRID,
        "tickcolor": GRID,
        "tickfont": {"size": 11, "color": INK},
        "ticks": "outside",
        **axis.ticks(first, last),
    }
    cursor = {
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
        "spikethickness": 1,
        "spikecolor": MUTED,
        "spikedash": "dot",
    }
    title = {"text": axis.title, "font": {"size": 12, "color": INK}, "standoff": 6}
    return {
        "xaxis": {**shared, **cursor, "anchor": _axis_id(count - 1), "title": title},
        "xaxis2": {**shared, "side": "top", "anchor": "y", "matches": "x", "showgrid": False},
    }


def _y_axes(panels: list[Panel], domains: list[tuple[float, float]]) -> dict[str, Any]:
    return {
        _axis_id(number).replace("y", "yaxis"): {**panel.yaxis, "domain": list(domain), "anchor": "x"}
        for number, (panel, domain) in enumerate(zip(panels, domains, strict=True))
    }


def _shapes(
    panels: list[Panel], domains: list[tuple[float, float]], tracks: Tracks, axis: TimeAxis
) -> list[dict[str, Any]]:
    shapes = [_rule(domain[0] - GAP_PIXELS / 2 / _plot_pixels(panels)) for domain in domains[:-1]]
    if axis.name != "calendar":
        shapes.append(_upright(0.0, "solid", MUTED))
    shapes += [_upright(position, "dashdot", MUTED) for position, _ in axis.cut_marks()]
    band = pseudoprogression_band(tracks.anchors)
    if band is not None:
        shapes.append(
            {
                "type": "rect",
                "layer": "below",
                "xref": "x",
                "yref": "paper",
                "x0": axis.at(band[0]),
                "x1": axis.at(band[1]),
                "y0": 0,
                "y1": 1,
                "line": {"width": 0},
                "fillcolor": "@band",
            }
        )
    return shapes


def _rule(height: float) -> dict[str, Any]:
    """A thin line between two tracks, running on under their titles."""
    return {
        "type": "line",
        "layer": "below",
        "xref": "paper",
        "yref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": GRID, "width": 1},
    }


def _upright(position: float, dash: str, colour: str) -> dict[str, Any]:
    return {
        "type": "line",
        "layer": "above",
        "xref": "x",
        "yref": "paper",
        "x0": position,
        "x1": position,
        "y0": 0,
        "y1": 1,
        "line": {"color": colour, "width": 1, "dash": dash},
    }


def _labels(panels: list[Panel], domains: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """Lane names and track titles in the left margin, and what an empty track says of itself."""
    annotations = []
    for number, (panel, domain) in enumerate(zip(panels, domains, strict=True)):
        annotations += [_lane_name(number, y, name) for y, name in panel.lanes]
        annotations += _title_lines(panel, (domain[0] + domain[1]) / 2)
        annotations += [_note(number, y, words) for y, words in panel.notes]
    return annotations


def _lane_name(number: int, y: float, name: str) -> dict[str, Any]:
    return _in_margin(name, LANE_SHIFT_PIXELS, yref=_axis_id(number), y=y)


def _title_lines(panel: Panel, middle: float) -> list[dict[str, Any]]:
    """Title and legend, one annotation per line; the coloured sign stands right of its words."""
    lines = len(panel.title) + len(panel.legend)
    shifts = [round(((lines - 1) / 2 - line) * LINE_PIXELS, 1) for line in range(lines)]
    found = [
        _in_margin(text, TITLE_SHIFT_PIXELS, y=middle, yshift=shift)
        for text, shift in zip(panel.title, shifts, strict=False)
    ]
    for (sign, colour, words), shift in zip(panel.legend, shifts[len(panel.title) :], strict=True):
        found.append(_in_margin(words, TITLE_SHIFT_PIXELS - SIGN_PIXELS, y=middle, yshift=shift, size=10))
        found.append(_in_margin(sign, TITLE_SHIFT_PIXELS, y=middle, yshift=shift, colour=colour))
    return found


def _in_margin(
    text: str,
    xshift: int,
    *,
    y: float,
    yref: str = "paper",
    yshift: float = 0,
    size: int = 11,
    colour: str = INK,
) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "right",
        "xshift": xshift,
        "yref": yref,
        "y": y,
        "yanchor": "middle",
        "yshift": yshift,
        "text": text,
        "align": "right",
        "showarrow": False,
        "font": {"size": size, "color": colour},
    }


def _note(number: int, y: float, text: str) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "xshift": 6,
        "yref": _axis_id(number),
        "y": y,
        "text": text,
        "bgcolor": SURFACE,
        "borderpad": 1,
        "showarrow": False,
        "font": {"size": 10, "color": MUTED},
    }


def _band_words(tracks: Tracks, axis: TimeAxis) -> list[dict[str, Any]]:
    band = pseudoprogression_band(tracks.anchors)
    return [_above(axis.at(band[0]), "pseudoprogression window")] if band is not None else []


def _cut_words(axis: TimeAxis) -> list[dict[str, Any]]:
    return [_above(position, f"// {words}") for position, words in axis.cut_marks()]


def _above(position: float, text: str) -> dict[str, Any]:
    return {
        "xref": "x",
        "x": position,
        "xanchor": "left",
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "yshift": 22,
        "text": text,
        "showarrow": False,
        "font": {"size": 10, "color": INK},
    }
