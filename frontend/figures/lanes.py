"""The swimlanes of the timeline: outcomes, alerts, surgery, treatments, scans, reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pandas as pd

from frontend.figures.panel import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Panel,
    Trace,
    empty_panel,
    lane_panel,
    points,
)
from frontend.figures.time_axis import TimeAxis, date_words
from frontend.figures.tracks import Tracks

# Drug families share a hue; radiotherapy has its own.
FAMILY_COLOURS = {
    "radiotherapy": YELLOW,
    "alkylating": BLUE,
    "antiangiogenic": VERMILION,
    "immunotherapy": GREEN,
    "targeted": PURPLE,
    "ttfields": SKY,
    "other": ORANGE,
}
FAMILY_ORDER = list(FAMILY_COLOURS)

# kind -> symbol, fill, outline. Shape and letter carry the meaning; colour repeats it.
EVENT_MARKS: dict[str, tuple[str, str, str]] = {
    "progression": ("triangle-up", VERMILION, INK),
    "pseudoprogression": ("diamond", ORANGE, INK),
    "death": ("square", "#000000", INK),
    "last_contact": ("line-ns-open", INK, INK),
    "urgent": ("diamond", VERMILION, INK),
    "warning": ("triangle-up", ORANGE, INK),
    "info": ("circle", SKY, INK),
    "acknowledged": ("circle-open", MUTED, MUTED),
    "resection": ("triangle-down", INK, INK),
    "biopsy": ("triangle-down-open", INK, INK),
    "histology": ("hexagon", PURPLE, INK),
    "read": ("circle-open", INK, INK),
}
SCAN_MARKS: dict[str, tuple[str, str]] = {
    "measured": ("square", BLUE),
    "running": ("square-open-dot", BLUE),
    "queued": ("square-open", BLUE),
    "waiting": ("square-open", MUTED),
    "failed": ("x", VERMILION),
}
EDGE_SHARE = 0.03  # of the axis, drawn beyond its last day
SAME_DAY_STEP = 0.3  # of a lane's height, between marks of one day


def treatment_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """Outcome, alerts, surgery, radiotherapy, then one lane per agent, grouped by family."""
    agents = _agent_lanes(tracks.intervals)
    lanes = ["Outcome", "Alerts", "Surgery", "Radiotherapy", *agents]
    rows = {"outcome": 0, "alerts": 1, "surgery": 2}
    traces = [
        trace
        for lane, row in rows.items()
        for trace in _event_traces(tracks.events[tracks.events["lane"] == lane], row, axis, tracks.until)
    ]
    traces += _interval_traces(tracks, {name: row for row, name in enumerate(lanes)}, axis)
    if not agents:
        lanes.append("Systemic therapy")
    return lane_panel(lanes, traces, notes=_empty_lanes(tracks, lanes))


def _empty_lanes(tracks: Tracks, lanes: list[str]) -> dict[int, str]:
    """What is written in each lane without a mark: nothing recorded is not the same as nothing happened."""
    filled = set(tracks.events["lane"]) | set(tracks.intervals["lane"])
    words = {"Alerts": "none raised"}
    return {
        row: words.get(name, "none recorded")
        for row, name in enumerate(lanes)
        if not filled & {name, name.lower()}
    }


def scan_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """One mark per imaging visit; click opens it."""
    if tracks.scans.empty:
        return empty_panel("MRI", "no imaging visit")
    scans = tracks.scans
    marks = [SCAN_MARKS[state] for state in scans["state"]]
    trace = points(
        [axis.at(day) for day in scans["date"]],
        [0.0] * len(scans),
        [f"MRI, {row.state}<br>{axis.words(row.date)}<br>{row.detail}" for row in scans.itertuples()],
        marker={"symbol": [mark[0] for mark in marks], "color": [mark[1] for mark in marks], "size": 11},
        urls=list(scans["url"]),
    )
    return lane_panel(["MRI"], [trace])


def report_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """Pathology and radiology reads."""
    reports = tracks.events[tracks.events["lane"] == "reports"]
    if reports.empty:
        return empty_panel("Reports", "none recorded")
    return lane_panel(["Reports"], _event_traces(reports, 0, axis, tracks.until))


def _agent_lanes(intervals: pd.DataFrame) -> list[str]:
    drugs = intervals[intervals["group"] != "radiotherapy"]
    if drugs.empty:
        return []
    first = drugs.groupby(["group", "lane"], sort=False)["start"].min().reset_index()
    first["order"] = [FAMILY_ORDER.index(group) for group in first["group"]]
    return list(first.sort_values(["order", "start", "lane"])["lane"])


def _event_traces(events: pd.DataFrame, row: int, axis: TimeAxis, until: dt.date) -> list[Trace]:
    if events.empty:
        return []
    marks = [EVENT_MARKS[kind] for kind in events["kind"]]
    texts = _spaced(events, axis)
    return [
        points(
            [axis.at(day) for day in events["date"]],
            [-row + shift for shift in _same_day_shifts(list(events["date"]))],
            [_event_words(event, axis) for event in events.itertuples()],
            marker={
                "symbol": [mark[0] for mark in marks],
                "color": [mark[1] for mark in marks],
                "size": 11,
                "line": {"color": [mark[2] for mark in marks], "width": 1.2},
            },
            mode="markers+text",
            text=[f" {text} " for text in texts],
            textposition=_text_sides(events, texts, axis, until),
            textfont={"size": 10, "color": INK},
            urls=list(events["url"]),
        )
    ]


def _event_words(event: Any, axis: TimeAxis) -> str:
    return f"{event.detail}<br>{axis.words(event.date)}"


def _spaced(events: pd.DataFrame, axis: TimeAxis) -> list[str]:
    """The text beside each mark, left out where the next mark of the lane stands too near."""
    order = sorted(range(len(events)), key=lambda place: events["date"].iloc[place])
    texts = [""] * len(events)
    for place, after in zip(order, [*order[1:], None], strict=True):
        here = axis.at(events["date"].iloc[place])
        room = axis.at(events["date"].iloc[after]) - here if after is not None else float("inf")
        text = str(events["text"].iloc[place])
        texts[place] = text if room > axis.room_for(text) else ""
    return texts


def _text_sides(events: pd.DataFrame, texts: list[str], axis: TimeAxis, until: dt.date) -> list[str]:
    """Right of the mark, but left of one that stands too near the figure's right edge for its words."""
    end = axis.at(until)
    return [
        "middle left" if axis.at(day) + axis.room_for(text) > end + EDGE_SHARE * axis.span else "middle right"
        for day, text in zip(events["date"], texts, strict=True)
    ]


def _same_day_shifts(days: Sequence[dt.date]) -> list[float]:
    """Marks of one day stand beside each other vertically, so that each can be seen and pointed at."""
    total = {day: days.count(day) for day in days}
    seen: dict[dt.date, int] = {}
    shifts = []
    for day in days:
        place = seen.get(day, 0)
        seen[day] = place + 1
        step = min(SAME_DAY_STEP, 0.7 / total[day])
        shifts.append(round(((total[day] - 1) / 2 - place) * step, 3))
    return shifts


def _interval_traces(tracks: Tracks, rows: dict[str, int], axis: TimeAxis) -> list[Trace]:
    intervals = tracks.intervals
    if intervals.empty:
        return []
    bars = list(intervals.itertuples())
    ends = [_drawn_end(bar, tracks.until) for bar in bars]
    widths = [max(axis.at(end) - axis.at(bar.start), 0.3) for bar, end in zip(bars, ends, strict=True)]
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "base": [axis.at(bar.start) for bar in bars],
            "x": widths,
            "y": [-rows[bar.lane] for bar in bars],
            "width": 0.5,
            "marker": {
                "color": [FAMILY_COLOURS[bar.group] for bar in bars],
                "opacity": 0.55,
                "line": {"color": INK, "width": 1},
            },
            "hovertext": [_interval_words(bar, axis) for bar in bars],
            "hoverinfo": "text",
            "textposition": "none",
            "showlegend": False,
        },
        _interval_texts(bars, widths, rows, axis),
    ]
    return traces + _open_ends(bars, tracks.until, rows, axis)


def _drawn_end(bar: Any, until: dt.date) -> dt.date:
    return bar.end if isinstance(bar.end, dt.date) else max(until, bar.start)


def _interval_words(bar: Any, axis: TimeAxis) -> str:
    end = date_words(bar.end) if isinstance(bar.end, dt.date) else "going on"
    return f"{bar.lane} {bar.detail}<br>{date_words(bar.start)} to {end}<br>start: {axis.words(bar.start)}"


def _interval_texts(bars: list[Any], widths: list[float], rows: dict[str, int], axis: TimeAxis) -> Trace:
    """Words inside the bar where they fit, else right of it where nothing follows near."""
    places = [_text_place(bar, width, bars, axis) for bar, width in zip(bars, widths, strict=True)]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [
            axis.at(bar.start) if place is None else place for bar, place in zip(bars, places, strict=True)
        ],
        "y": [-rows[bar.lane] for bar in bars],
        "text": ["" if place is None else f" {bar.text}" for bar, place in zip(bars, places, strict=True)],
        "textposition": "middle right",
        "textfont": {"size": 10, "color": INK},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _text_place(bar: Any, width: float, bars: list[Any], axis: TimeAxis) -> float | None:
    start, room = axis.at(bar.start), axis.room_for(bar.text)
    if width > room:
        return start
    followers = [axis.at(other.start) for other in bars if other.lane == bar.lane and other.start > bar.start]
    clear = not isinstance(bar.end, dt.date) or any(
        start < place < start + width + room for place in followers
    )
    return None if clear else start + width


def _open_ends(bars: list[Any], until: dt.date, rows: dict[str, int], axis: TimeAxis) -> list[Trace]:
    """An open arrow at the end of whatever is going on."""
    ongoing = [bar for bar in bars if not isinstance(bar.end, dt.date)]
    if not ongoing:
        return []
    return [
        points(
            [axis.at(_drawn_end(bar, until)) for bar in ongoing],
            [-rows[bar.lane] for bar in ongoing],
            [f"{bar.lane}: going on at {date_words(until)}" for bar in ongoing],
            marker={"symbol": "triangle-right-open", "size": 13, "color": INK, "line": {"width": 2}},
        )
    ]
