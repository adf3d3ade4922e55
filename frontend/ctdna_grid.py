"""The ctDNA grid as rows and columns of text: analytes down, samples across, corrections struck through."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from typing import Any

from frontend.forms.numbers import plain

NOTHING = "–"


@dataclasses.dataclass(frozen=True)
class OldValue:
    """A value that was corrected."""

    text: str
    reason: str
    by: str


@dataclasses.dataclass(frozen=True)
class Shown:
    """One analyte in one sample, with the values that it replaced, newest first."""

    id: Any
    text: str
    note: str
    detection: str
    verified_by: str
    entered_by_id: Any
    entered_by: str
    retracted: bool
    old: list[OldValue]

    @property
    def is_unverified(self) -> bool:
        return not self.verified_by and not self.retracted


@dataclasses.dataclass(frozen=True)
class Column:
    """One sample."""

    id: Any
    collected_at: dt.datetime
    fluid: str
    facts: dict[str, str]
    cells: dict[str, list[Shown]]


@dataclasses.dataclass(frozen=True)
class FactRow:
    """One fact about the samples, across the columns."""

    name: str
    label: str
    unit: str
    texts: list[str]


@dataclasses.dataclass(frozen=True)
class AnalyteRow:
    """One analyte, across the columns."""

    name: str
    cells: list[list[Shown]]


# name, label, unit, whether it is the result's (else the specimen's)
_FACTS = (
    ("fluid", "Fluid", "", False),
    ("tube", "Tube", "", False),
    ("collected_at", "Collected", "", False),
    ("spun_at", "Centrifuged", "", False),
    ("received_at", "Received", "", False),
    ("volume_ml", "Volume", "mL", False),
    ("cfdna_ng_per_ml", "cfDNA", "ng/mL", False),
    ("laboratory", "Laboratory", "", False),
    ("assay", "Assay", "", True),
    ("lod_percent", "LoD", "%", True),
    ("lob_percent", "LoB", "%", True),
    ("total_ge", "Input", "GE", True),
    ("reported_on", "Reported", "", True),
)


def columns(specimens: list[Any], results: list[Any]) -> list[Column]:
    """One column per sample, oldest first; `results` holds every version."""
    by_id = {result.pk: result for result in results}
    heads: dict[Any, list[Any]] = defaultdict(list)
    for result in results:
        if _is_head(result):
            heads[result.specimen_id].append(result)
    return [_column(specimen, heads[specimen.pk], by_id) for specimen in specimens]


def _is_head(result: Any) -> bool:
    successor = getattr(result, "superseded_by", None)
    return successor is None or successor.entered_in_error


def _column(specimen: Any, heads: list[Any], by_id: dict[Any, Any]) -> Column:
    cells: dict[str, list[Shown]] = defaultdict(list)
    for result in heads:
        cells[result.analyte].append(_shown(result, by_id))
    standing = [result for result in heads if not hasattr(result, "superseded_by")]
    facts = {
        name: _several(standing, name) if of_result else value_text(specimen, name)
        for name, _, _, of_result in _FACTS
    }
    return Column(specimen.pk, specimen.collected_at, specimen.get_fluid_display(), facts, dict(cells))


def _several(results: list[Any], name: str) -> str:
    """The values of all results: one text where they agree, all of them where they differ."""
    texts = dict.fromkeys(value_text(result, name) for result in results)
    return " / ".join(texts) or NOTHING


def value_text(record: Any, name: str) -> str:
    """One value as the grid writes it, without its unit."""
    value = getattr(record, name)
    if value is None or value == "":
        return NOTHING
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    display = getattr(record, f"get_{name}_display", None)
    if display is not None:
        return str(display())
    return str(value) if not hasattr(value, "as_tuple") else plain(value)


def _shown(result: Any, by_id: dict[Any, Any]) -> Shown:
    verification = getattr(result, "verification", None)
    successor = getattr(result, "superseded_by", None)
    return Shown(
        id=result.pk,
        text=result_text(result),
        note=_note(result),
        detection=result.detection,
        verified_by=str(verification.verified_by) if verification else "",
        entered_by_id=result.recorded_by_id,
        entered_by=str(result.recorded_by),
        retracted=successor is not None,
        old=_replaced(result, by_id),
    )


def _replaced(result: Any, by_id: dict[Any, Any]) -> list[OldValue]:
    old = []
    newer = result
    while (older := by_id.get(newer.supersedes_id)) is not None:
        text = result_text(older)
        if older.analyte != newer.analyte:
            text = f"{older.analyte}: {text}"
        old.append(OldValue(text, newer.reason, str(newer.recorded_by)))
        newer = older
    return old


def result_text(result: Any) -> str:
    """A result in one line. Below LoD is "< LoD"; "not detected" is never called wild-type."""
    if result.detection == "below_lod":
        return f"< {plain(result.lod_percent)} %"
    if result.detection != "detected":
        return str(result.get_detection_display())
    parts = []
    if result.vaf_percent is not None:
        parts.append(f"{plain(result.vaf_percent)} %")
    if result.copies_per_ml is not None:
        parts.append(f"{plain(result.copies_per_ml)} /mL")
    return " · ".join(parts)


def _note(result: Any) -> str:
    if result.detection == "below_lod":
        return "below LoD"
    if result.detection == "not_detected" and result.lod_percent is not None:
        return f"LoD {plain(result.lod_percent)} %"
    return ""


def analytes(samples: list[Column]) -> list[str]:
    """The analytes that were ever reported for the patient and still stand, by name."""
    return sorted(
        {
            name
            for column in samples
            for name, cells in column.cells.items()
            if any(not c.retracted for c in cells)
        },
        key=str.casefold,
    )


def fact_rows(samples: list[Column]) -> list[FactRow]:
    """The facts about the samples."""
    return [
        FactRow(name, label, unit, [column.facts[name] for column in samples])
        for name, label, unit, _ in _FACTS
    ]


def analyte_cells(samples: list[Column], analyte: str) -> list[list[Shown]]:
    """What stands for one analyte in each sample."""
    return [column.cells.get(analyte, []) for column in samples]
