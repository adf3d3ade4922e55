"""A patient in one line, as words: diagnosis, markers, line of therapy, weeks since radiotherapy."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from frontend.figures.time_axis import date_words
from patients.selectors import Headline

MARKERS = (("idh", "IDH"), ("codel_1p19q", "1p/19q"), ("mgmt", "MGMT"))
NOT_RECORDED = "not recorded"


@dataclasses.dataclass(frozen=True)
class HeadlineWords:
    """What the work list and the patient page show of a patient's headline."""

    name: str
    diagnosis: str
    markers: list[tuple[str, str]]
    line: str
    weeks_since_radiotherapy: str
    outcome: str
    deceased: bool


def headline_words(headline: Headline, today: dt.date) -> HeadlineWords:
    """The headline as words; `today` is the day up to which weeks are counted, unless the patient has died."""
    return HeadlineWords(
        name=headline.name,
        diagnosis=_diagnosis_words(headline.diagnosis),
        markers=[(label, _marker_words(headline.markers.get(name))) for name, label in MARKERS],
        line=f"line {headline.line}" if headline.line is not None else "none",
        weeks_since_radiotherapy=_weeks_words(headline.radiotherapy_end, headline.death or today),
        outcome=_outcome_words(headline.outcome),
        deceased=headline.death is not None,
    )


def _diagnosis_words(diagnosis: Any) -> str:
    if diagnosis is None:
        return NOT_RECORDED
    grade = f", grade {diagnosis.grade}" if diagnosis.grade else ", grade not recorded"
    suffix = f" {diagnosis.suffix}" if diagnosis.suffix else ""
    return f"{diagnosis.get_cns5_type_display()}{suffix}{grade}"


def _marker_words(marker: Any) -> str:
    return marker.get_status_display() if marker is not None else "not tested"


def _weeks_words(end: dt.date | None, today: dt.date) -> str:
    if end is None:
        return "-"
    weeks = (today - end).days // 7
    return f"wk {weeks}" if weeks >= 0 else "going on"


def _outcome_words(outcome: Any) -> str:
    if outcome is None:
        return "none"
    words = "alive" if outcome.kind == "last_contact" else outcome.get_kind_display()
    return f"{words}, {date_words(outcome.occurred_on)}"
