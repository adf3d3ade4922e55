"""The ctDNA tracks: one per fluid, VAF in percent on a log axis; below the limit of detection is never a number."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from frontend.figures.panel import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Panel,
    Trace,
    empty_panel,
    points,
    value_panel,
)
from frontend.figures.time_axis import TimeAxis
from frontend.figures.tracks import Tracks

FLUID_WORDS = {"plasma": "ctDNA plasma", "csf": "ctDNA CSF"}
Mark = tuple[str, str, str, str]  # sign, plotly symbol, colour, where its words stand
ANALYTE_MARKS: tuple[Mark, ...] = (
    ("●", "circle", BLUE, "top center"),
    ("■", "square", VERMILION, "bottom center"),
    ("▲", "triangle-up", GREEN, "top right"),
    ("◆", "diamond", PURPLE, "bottom right"),
    ("⬟", "pentagon", ORANGE, "top left"),
    ("★", "star", SKY, "bottom left"),
)
AT_LOD = ("not_detected", "below_lod")
DETECTION_WORDS = {
    "detected": "detected",
    "not_detected": "not detected",
    "below_lod": "below LoD",
    "not_evaluable": "not evaluable",
    "not_tested": "not tested",
}
DEFAULT_RANGE_PERCENT = (0.01, 10.0)


def ctdna_panel(tracks: Tracks, axis: TimeAxis, fluid: str) -> Panel:
    """The results of one fluid."""
    title = FLUID_WORDS[fluid]
    results = tracks.ctdna[(tracks.ctdna["fluid"] == fluid) & (tracks.ctdna["detection"] != "not_tested")]
    if results.empty:
        return empty_panel(title, "no result")
    low, high = _range_percent(results)
    marks = {name: mark for name, mark in _marks(tracks.ctdna).items() if name in set(results["analyte"])}
    traces = [
        trace
        for analyte, mark in marks.items()
        for trace in _analyte_traces(results[results["analyte"] == analyte], mark, axis, foot=low * 1.5)
    ]
    legend = tuple((mark[0], mark[2], analyte) for analyte, mark in marks.items())
    return value_panel(
        (title, "VAF, %"),
        max(88, 14 * (len(marks) + 3)),
        traces,
        axis_range=[math.log10(low), math.log10(high)],
        legend=legend,
        type="log",
        tickmode="array",
        **_decades(low, high),
    )


def _marks(results: pd.DataFrame) -> dict[str, Mark]:
    """The mark of each analyte, the same in plasma and CSF."""
    analytes = sorted(set(results["analyte"]))
    return {analyte: ANALYTE_MARKS[place % len(ANALYTE_MARKS)] for place, analyte in enumerate(analytes)}


def _range_percent(results: pd.DataFrame) -> tuple[float, float]:
    shown = [
        float(value)
        for column in ("vaf_percent", "lod_percent")
        for value in results[column]
        if value is not None and not math.isnan(value) and value > 0
    ]
    low, high = (min(shown), max(shown)) if shown else DEFAULT_RANGE_PERCENT
    return 10 ** (math.log10(low) - 0.35), 10 ** (math.log10(high) + 0.35)


def _decades(low: float, high: float) -> dict[str, Any]:
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    ticks = [10.0**power for power in powers] or [round(math.sqrt(low * high), 3)]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _analyte_traces(results: pd.DataFrame, mark: Mark, axis: TimeAxis, *, foot: float) -> list[Trace]:
    """A line per assay and laboratory through the verified results, then the marks of all results."""
    traces = [
        _line(rows, mark, axis) for _, rows in results[results["verified"]].groupby("series", sort=False)
    ]
    return [trace for trace in traces if len(trace["x"]) > 1] + [_all_marks(results, mark, axis, foot)]


def _line(rows: pd.DataFrame, mark: Mark, axis: TimeAxis) -> Trace:
    drawn = [row for row in rows.sort_values("date").itertuples() if height_percent(row) is not None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [axis.at(row.date) for row in drawn],
        "y": [height_percent(row) for row in drawn],
        "line": {"color": mark[2], "width": 1.8},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _all_marks(results: pd.DataFrame, mark: Mark, axis: TimeAxis, foot: float) -> Trace:
    rows = list(results.itertuples())
    heights = [height_percent(row) for row in rows]
    return points(
        [axis.at(row.date) for row in rows],
        [foot if height is None else height for height in heights],
        [f"{row.analyte}: {result_words(row)}<br>{row.detail}<br>{axis.words(row.date)}" for row in rows],
        marker={
            "symbol": [_symbol(row, mark[1]) for row in rows],
            "size": 8,
            "color": mark[2],
            "line": {"width": 1.5, "color": mark[2]},
        },
        mode="markers+text",
        text=[_beside(row) for row in rows],
        textposition=mark[3],
        textfont={"size": 9, "color": INK},
    )


def height_percent(row: Any) -> float | None:
    """Where a result stands: its VAF, or the LoD where nothing was found; None where there is no percent."""
    value = row.lod_percent if row.detection in AT_LOD else row.vaf_percent
    return None if value is None or math.isnan(value) or value <= 0 else float(value)


def _symbol(row: Any, symbol: str) -> str:
    if row.detection in AT_LOD:
        return "triangle-down-open"
    if row.detection == "not_evaluable":
        return "x-thin-open"
    return symbol if row.verified else f"{symbol}-open"


def _beside(row: Any) -> str:
    words = {
        "not_detected": f"<{_short(row.lod_percent)}",
        "below_lod": f"<{_short(row.lod_percent)}",
        "not_evaluable": "n.e.",
    }.get(row.detection, "")
    if row.detection == "detected" and height_percent(row) is None:
        words = f"{_short(row.copies_per_ml)} copies/mL"
    return words if row.verified else f"{words} unverified".strip()


def result_words(row: Any) -> str:
    """A result as it is spoken of: detection word, value, limit, and whether it is verified."""
    words = DETECTION_WORDS[row.detection]
    if row.detection == "detected":
        values = [
            f"{_short(value)} {unit}"
            for value, unit in ((row.vaf_percent, "%"), (row.copies_per_ml, "copies/mL"))
            if value is not None and not math.isnan(value)
        ]
        words = f"{words}, {', '.join(values)}"
    elif row.lod_percent is not None and not math.isnan(row.lod_percent):
        words = f"{words} (LoD {_short(row.lod_percent)} %)"
    return words if row.verified else f"{words}; unverified"


def _short(value: float | None) -> str:
    return "?" if value is None or math.isnan(value) else f"{value:.3g}"
