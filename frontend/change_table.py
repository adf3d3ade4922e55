"""The change table as words: each measure now, against baseline, nadir and previous."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from frontend.figures.time_axis import date_words
from frontend.figures.timeline_table import shown_value
from frontend.figures.values import ADC_SHOWN_PER_STORED

NOT_MEASURED = "not measured"
REFERENCES = ("baseline", "nadir", "previous")
# judgement -> words and, for volumes, the badge; other quantities have no side that is simply good.
JUDGEMENTS = {
    "within_noise": ("within noise", "neutral"),
    "possible": ("possible change", "warn"),
    "real_rise": ("▲ real rise", "bad"),
    "real_fall": ("▼ real fall", "good"),
    "not_comparable": ("not comparable", "warn"),
    "unknown": ("noise not known", "neutral"),
}
FLAG_WORDS = {
    "band_doubled": "noise band doubled: another scanner",
    "reference_zero": "reference is 0",
    "below_measurement_floor": "below what can be measured (0.5 mL)",
    "measurable_from_zero": "measurable, was 0",
    "b_out_of_range": "b-values outside of the usual range",
}


@dataclasses.dataclass(frozen=True)
class ReferenceCell:
    """A reference value and the change since."""

    name: str
    value: str
    day: str
    change: str
    judgement: str
    badge: str
    notes: list[str]


@dataclasses.dataclass(frozen=True)
class ChangeRow:
    """One measure."""

    label: str
    now: str
    day: str
    references: list[ReferenceCell]
    flags: list[str]


def change_rows(assessment: Any) -> list[ChangeRow]:
    """The table's lines; none when nothing was assessed yet."""
    rows = assessment.content.get("rows", []) if assessment is not None else []
    return [_row(row) for row in rows]


def reference_reason(assessment: Any) -> str:
    """Why the baseline is the baseline."""
    return assessment.content.get("reference_reason", "") if assessment is not None else ""


def segments_of(assessment: Any) -> dict[str, int]:
    """The comparable stretch of every measurement that the assessment has looked at."""
    rows = assessment.content.get("rows", []) if assessment is not None else []
    return {
        point["id"]: point.get("segment", 0)
        for row in rows
        for point in row.get("points", [])
        if "id" in point
    }


def _row(row: dict[str, Any]) -> ChangeRow:
    now = row.get("now") or {}
    return ChangeRow(
        label=row["label"],
        now=_value_words(row, now),
        day=_day_words(now),
        references=[_cell(row, name) for name in REFERENCES],
        flags=[flag_words(flag) for flag in row.get("flags") or []],
    )


def _cell(row: dict[str, Any], name: str) -> ReferenceCell:
    reference, change = row.get(name) or {}, row.get(f"vs_{name}") or {}
    words, badge = JUDGEMENTS.get(change.get("judgement", ""), ("", "neutral"))
    if row["quantity"] != "volume" and badge in ("good", "bad"):
        badge = "info"
    return ReferenceCell(
        name=name,
        value=_value_words(row, reference),
        day=_day_words(reference),
        change=_change_words(row, change),
        judgement=words,
        badge=badge,
        notes=_notes(change),
    )


def _value_words(row: dict[str, Any], cell: dict[str, Any]) -> str:
    return shown_value(row["quantity"], cell.get("value"), row.get("unit", "")) if cell else NOT_MEASURED


def _day_words(cell: dict[str, Any]) -> str:
    return date_words(dt.date.fromisoformat(cell["date"])) if cell.get("date") else ""


def _change_words(row: dict[str, Any], change: dict[str, Any]) -> str:
    """Change in % and absolute, with sign."""
    if not change or change.get("absolute") is None:
        return ""
    percent = change.get("percent")
    share = "from 0" if percent is None else f"{percent:+.0f} %"
    return f"{share} ({_signed(row, change['absolute'])})"


def _signed(row: dict[str, Any], absolute: float) -> str:
    quantity = row["quantity"]
    if quantity == "volume":
        return f"{absolute:+.1f} mL"
    if quantity == "adc":
        return f"{absolute * ADC_SHOWN_PER_STORED:+.0f} ×10⁻⁶ mm²/s"
    return f"{absolute:+.2f}" if quantity == "nrcbv" else f"{absolute:+.3g} {row.get('unit', '')}".strip()


def _notes(change: dict[str, Any]) -> list[str]:
    """P(rise), what breaks the comparison, and the flags that change what the number means."""
    notes = []
    chance = change.get("probability_of_rise")
    if chance is not None:
        notes.append(f"P(true rise) {_percent_words(chance)}")
    notes += change.get("breaks") or []
    notes += [FLAG_WORDS[flag] for flag in change.get("flags") or [] if flag in FLAG_WORDS]
    return notes


def _percent_words(chance: float) -> str:
    if chance > 0.99:
        return "> 99 %"
    return "< 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"


def flag_words(flag: str) -> str:
    """A flag as a sentence, or its name without underscores."""
    return FLAG_WORDS.get(flag, flag.replace("_", " "))
