"""The timeline in words: every point of the figure as a row of a table."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator

from frontend.figures.ctdna import FLUID_WORDS, result_words
from frontend.figures.time_axis import TimeAxis, date_words
from frontend.figures.tracks import Tracks
from frontend.figures.values import ADC_SHOWN_PER_STORED, QUANTITY_WORDS, flag_words

LANE_WORDS = {"outcome": "Outcome", "alerts": "Alert", "surgery": "Surgery", "reports": "Report"}


@dataclasses.dataclass(frozen=True)
class TableRow:
    """One line: when, in which track, what, and where it leads."""

    day: dt.date
    when: str
    week: str
    track: str
    text: str
    url: str = ""


def timeline_rows(tracks: Tracks, axis: TimeAxis) -> list[TableRow]:
    """All rows, oldest first."""
    found = [*_events(tracks), *_intervals(tracks), *_doses(tracks), *_performance(tracks)]
    found += [*_scans(tracks), *_measurements(tracks), *_ctdna(tracks)]
    return [
        TableRow(
            day,
            date_words(day),
            "" if axis.name == "calendar" else f"{axis.weeks(day):+.1f}",
            track,
            text,
            url,
        )
        for day, track, text, url in sorted(found, key=lambda row: row[0])
    ]


Found = Iterator[tuple[dt.date, str, str, str]]


def _events(tracks: Tracks) -> Found:
    for row in tracks.events.itertuples():
        yield row.date, LANE_WORDS[row.lane], row.detail, row.url


def _intervals(tracks: Tracks) -> Found:
    for row in tracks.intervals.itertuples():
        end = f"until {date_words(row.end)}" if isinstance(row.end, dt.date) else "going on"
        yield row.start, row.lane, f"{row.detail}, {end}".lstrip(", "), ""


def _doses(tracks: Tracks) -> Found:
    for row in tracks.steroids.itertuples():
        text = f"{row.mg_per_day:.1f} mg/day dexamethasone equivalent; {row.detail}"
        yield row.date, "Steroid", text, ""


def _performance(tracks: Tracks) -> Found:
    for row in tracks.performance.itertuples():
        yield row.date, "Clinical status", row.detail, ""


def _scans(tracks: Tracks) -> Found:
    for row in tracks.scans.itertuples():
        yield row.date, "MRI", f"{row.state}; {row.detail}".rstrip("; "), row.url


def _measurements(tracks: Tracks) -> Found:
    for row in tracks.measurements.itertuples():
        flags = f" (flagged: {', '.join(flag_words(row.flags))})" if row.flags else ""
        name = f"{QUANTITY_WORDS.get(row.quantity, row.quantity)}, {row.region.replace('_', ' ')}"
        yield (
            row.date,
            name,
            f"{row.statistic} {shown_value(row.quantity, row.value, row.unit)}{flags}",
            row.url,
        )


def _ctdna(tracks: Tracks) -> Found:
    for row in tracks.ctdna.itertuples():
        yield row.date, FLUID_WORDS[row.fluid], f"{row.analyte}: {result_words(row)}; {row.detail}", ""


def shown_value(quantity: str, value: float | None, unit: str) -> str:
    """A measured value as it is written: mL with one decimal, ADC in 10^-6 mm2/s without, ratios with two."""
    if value is None or not math.isfinite(value):
        return "not measured"
    if quantity == "volume":
        return f"{value:.1f} mL"
    if quantity == "adc":
        return f"{value * ADC_SHOWN_PER_STORED:.0f} ×10⁻⁶ mm²/s"
    if quantity == "nrcbv":
        return f"{value:.2f}"
    return f"{value:.3g} {unit}".strip()
