"""The timeline's x axis: weeks from a chosen day, or the calendar; long empty stretches are cut out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any, Literal, get_args

from frontend.figures.tracks import Anchors

AxisName = Literal["rt", "surgery", "diagnosis", "calendar"]
AXIS_NAMES: tuple[AxisName, ...] = get_args(AxisName)

TITLES: dict[AxisName, str] = {
    "rt": "weeks from the end of radiotherapy",
    "surgery": "weeks from first surgery",
    "diagnosis": "weeks from diagnosis",
    "calendar": "calendar",
}
AFTER: dict[AxisName, str] = {
    "rt": "end of radiotherapy",
    "surgery": "first surgery",
    "diagnosis": "diagnosis",
}

PSEUDOPROGRESSION_WINDOW = dt.timedelta(weeks=12)  # RANO 2.0: first hit within 12 weeks needs confirmation
LONG_GAP_WEEKS = 52.0
KEPT_OF_GAP_WEEKS = 2.0  # left standing on either side of a cut
TICKS_WANTED = 14
NARROWEST_PIXELS = 600.0  # drawn width of the figure on a phone, inside its scrolling box
PIXELS_PER_LETTER = 5.6
PIXELS_OF_MARK = 14.0
WEEK_STEPS = (1, 2, 4, 8, 12, 26, 52, 104, 260)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60)


@dataclasses.dataclass(frozen=True)
class Cut:
    """A stretch without events that is not drawn, in weeks from the origin."""

    start: float
    end: float

    @property
    def weeks(self) -> float:
        """How much is left out."""
        return self.end - self.start


@dataclasses.dataclass(frozen=True)
class TimeAxis:
    """Where a day lies on the axis, and how it is spoken of. `span` is the drawn length in weeks."""

    name: AxisName
    origin: dt.date
    cuts: tuple[Cut, ...] = ()
    span: float = 52.0

    @property
    def title(self) -> str:
        """The axis title."""
        return TITLES[self.name]

    def weeks(self, day: dt.date) -> float:
        """Weeks from the origin, negative before it."""
        return (day - self.origin).days / 7.0

    def at(self, day: dt.date) -> float:
        """Position on the drawn axis, in weeks less what was cut out before it."""
        return self._drawn(self.weeks(day))

    def _drawn(self, weeks: float) -> float:
        removed = sum(max(0.0, min(weeks, cut.end) - cut.start) for cut in self.cuts)
        return round(weeks - removed, 3)

    def cut_marks(self) -> list[tuple[float, str]]:
        """Position and wording of every cut."""
        return [(self._drawn(cut.start), f"{cut.weeks:.0f} weeks left out") for cut in self.cuts]

    def room_for(self, text: str) -> float:
        """How many weeks of the axis a small label covers on the narrowest figure."""
        return self.span * (len(text) * PIXELS_PER_LETTER + PIXELS_OF_MARK) / NARROWEST_PIXELS

    def words(self, day: dt.date) -> str:
        """The calendar date, and the week where the axis has one; for every tooltip and table row."""
        if self.name == "calendar":
            return date_words(day)
        return f"{date_words(day)}, week {self.weeks(day):+.1f} from {AFTER[self.name]}"

    def ticks(self, first: dt.date, last: dt.date) -> dict[str, Any]:
        """Plotly's tick settings: its own where the axis is a plain number line, ours otherwise."""
        if self.name == "calendar":
            days = _month_starts(first, last)
            wanted = [(self.weeks(day), f"{day:%b}<br>{day:%Y}") for day in days]
        elif self.cuts:
            wanted = [
                (float(week), str(week))
                for week in _week_ticks(self.weeks(first), self.weeks(last), self.span)
            ]
        else:
            return {"tickmode": "auto", "nticks": TICKS_WANTED}
        kept = [(week, text) for week, text in wanted if not any(c.start < week < c.end for c in self.cuts)]
        return {
            "tickmode": "array",
            "tickvals": [self._drawn(week) for week, _ in kept],
            "ticktext": [text for _, text in kept],
        }


def date_words(day: dt.date) -> str:
    """3 Nov 2026."""
    return f"{day.day} {day:%b %Y}"


def available_axes(anchors: Anchors) -> list[AxisName]:
    """The axes that this patient's record allows, in order of preference."""
    origins = _origins(anchors)
    return [name for name in AXIS_NAMES if name == "calendar" or origins.get(name)]


def choose_axis(wanted: str | None, anchors: Anchors, days: Sequence[dt.date], until: dt.date) -> TimeAxis:
    """The wanted axis where the record allows it, else the first of radiotherapy, surgery, diagnosis, calendar."""
    possible = available_axes(anchors)
    name = next((axis for axis in possible if axis == wanted), possible[0])
    origin = _origins(anchors).get(name) or min([*days, until])
    band = pseudoprogression_band(anchors)
    shown = sorted({*days, *(band or ()), until})
    axis = TimeAxis(name, origin, _cuts(shown, origin))
    return dataclasses.replace(axis, span=max(1.0, axis.at(shown[-1]) - axis.at(shown[0])))


def pseudoprogression_band(anchors: Anchors) -> tuple[dt.date, dt.date] | None:
    """First and last day of the 0-12 week band after radiotherapy."""
    end = anchors.radiotherapy_end
    return (end, end + PSEUDOPROGRESSION_WINDOW) if end else None


def _origins(anchors: Anchors) -> dict[AxisName, dt.date | None]:
    return {"rt": anchors.radiotherapy_end, "surgery": anchors.surgery, "diagnosis": anchors.diagnosis}


def _cuts(days: Sequence[dt.date], origin: dt.date) -> tuple[Cut, ...]:
    weeks = [(day - origin).days / 7.0 for day in days]
    gaps = itertools.pairwise(weeks)
    return tuple(
        Cut(start + KEPT_OF_GAP_WEEKS, end - KEPT_OF_GAP_WEEKS)
        for start, end in gaps
        if end - start > LONG_GAP_WEEKS
    )


def _week_ticks(first: float, last: float, drawn: float) -> list[int]:
    step = next((step for step in WEEK_STEPS if drawn / step <= TICKS_WANTED), WEEK_STEPS[-1])
    return list(range(int(first // step) * step, int(last) + 1, step))


def _month_starts(first: dt.date, last: dt.date) -> list[dt.date]:
    low, high = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    step = next((step for step in MONTH_STEPS if (high - low) / step <= TICKS_WANTED), MONTH_STEPS[-1])
    months = range(-(-low // step) * step, high + 1, step)
    return [dt.date(month // 12, month % 12 + 1, 1) for month in months]
