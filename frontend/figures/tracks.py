"""What the timeline draws: plain tables of one patient's events and values, without any notion of a screen."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pandas as pd

INTERVAL_COLUMNS = ["lane", "group", "start", "end", "text", "detail"]
EVENT_COLUMNS = ["lane", "date", "kind", "text", "detail", "url"]
STEROID_COLUMNS = ["date", "mg_per_day", "detail"]
PERFORMANCE_COLUMNS = ["date", "kps", "ecog", "change", "detail"]
SCAN_COLUMNS = ["date", "state", "detail", "url"]
MEASUREMENT_COLUMNS = ["date", "region", "quantity", "statistic", "value", "unit", "flags", "segment", "url"]
CTDNA_COLUMNS = [
    "date",
    "fluid",
    "analyte",
    "series",
    "detection",
    "vaf_percent",
    "copies_per_ml",
    "lod_percent",
    "verified",
    "detail",
]


def _empty(columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=columns)


@dataclasses.dataclass(frozen=True)
class Anchors:
    """The days that may be week 0; None where there is no such record."""

    radiotherapy_end: dt.date | None = None
    surgery: dt.date | None = None
    diagnosis: dt.date | None = None


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Everything on one patient's timeline.

    Attributes
    ----------
    anchors : Anchors
        Possible zero days.
    until : datetime.date
        Last day of the figure: open treatments are drawn up to it.
    intervals : DataFrame
        Treatments: lane (row label), group (drug family or "radiotherapy"), start, end (None = going on), text, detail.
    events : DataFrame
        Single days: lane ("outcome", "alerts", "surgery", "reports"), date, kind, text, detail, url.
    steroids : DataFrame
        Dose in force from `date`, dexamethasone equivalent, mg/day.
    performance : DataFrame
        KPS (0-100) and ECOG (0-5), either may be missing; change: improved, stable, worse, unknown.
    scans : DataFrame
        Imaging visits; state: measured, running, queued, failed, waiting.
    measurements : DataFrame
        Stored values in stored units (volume mL, ADC mm2/s, nrCBV 1), flags: tuple of words; segment
        rises where a value is not comparable with the one before.
    ctdna : DataFrame
        Results in percent; detection: detected, not_detected, below_lod, not_evaluable, not_tested.
    """

    anchors: Anchors
    until: dt.date
    intervals: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(INTERVAL_COLUMNS))
    events: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(EVENT_COLUMNS))
    steroids: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(STEROID_COLUMNS))
    performance: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(PERFORMANCE_COLUMNS))
    scans: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(SCAN_COLUMNS))
    measurements: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(MEASUREMENT_COLUMNS))
    ctdna: pd.DataFrame = dataclasses.field(default_factory=lambda: _empty(CTDNA_COLUMNS))

    def days(self) -> list[dt.date]:
        """Every day on which something is drawn, in order, each once."""
        columns = [self.intervals["start"], self.intervals["end"]]
        tables = (self.events, self.steroids, self.performance, self.scans, self.measurements, self.ctdna)
        columns += [table["date"] for table in tables]
        found = {day for column in columns for day in column if isinstance(day, dt.date)}
        return sorted(found)

    def first_day(self) -> dt.date:
        """The earliest day drawn, or `until` for an empty record."""
        return min([*self.days(), self.until])
