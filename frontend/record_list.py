"""The records of a patient by kind, each as one line with what may be done to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from frontend.data import read_words, status_words
from patients.permissions import may
from patients.selectors import Timeline
from patients.services.records import KINDS


@dataclasses.dataclass(frozen=True)
class RecordLine:
    """One record."""

    record: Any
    words: str


@dataclasses.dataclass(frozen=True)
class RecordGroup:
    """The records of one kind, newest first."""

    slug: str
    title: str
    lines: list[RecordLine]
    may_write: bool


def record_groups(timeline: Timeline, user: Any) -> list[RecordGroup]:
    """One group per kind, also where it is empty."""
    return [
        RecordGroup(
            slug=slug,
            title=kind.title,
            lines=[RecordLine(row, WORDS[slug](row)) for row in reversed(_ROWS[slug](timeline))],
            may_write=may(user, kind.action),
        )
        for slug, kind in KINDS.items()
    ]


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _until(record: Any) -> str:
    return f"until {record.ended_on:%-d %b %Y}" if record.ended_on else "going on"


def _diagnosis(row: Any) -> str:
    grade = f"grade {row.grade}" if row.grade else "grade not recorded"
    return _joined(row.get_cns5_type_display(), grade, row.suffix, row.icdo, row.source_label)


def _histology(row: Any) -> str:
    return _joined(row.get_finding_display(), row.description)


def _marker(row: Any) -> str:
    return f"{row.get_marker_display()}: " + _joined(
        row.get_status_display(), row.get_source_display(), row.variant, row.method
    )


def _surgery(row: Any) -> str:
    resected = f"{row.resected_percent} % of the enhancing tumour" if row.resected_percent is not None else ""
    residual = f"residual {row.residual_ml} mL" if row.residual_ml is not None else ""
    return _joined(row.get_extent_display(), row.location, resected, residual)


def _radiotherapy(row: Any) -> str:
    again = "re-irradiation" if row.is_reirradiation else ""
    return _joined(again, f"{row.dose_gy.normalize():f} Gy in {row.fractions} fractions", _until(row))


def _therapy(row: Any) -> str:
    return _joined(row.agent, f"line {row.line}", row.get_family_display(), row.dose, _until(row))


def _steroid(row: Any) -> str:
    given = f"{row.get_drug_display()} {row.dose_mg_per_day.normalize():f} mg/day"
    equivalent = f"{row.dexamethasone_mg_per_day:.1f} mg/day dexamethasone equivalent"
    return _joined(given, "" if row.drug == "dexamethasone" else equivalent, row.get_dose_reason_display())


def _outcome(row: Any) -> str:
    related = f"tumour related: {row.get_tumour_related_display()}" if row.kind == "death" else ""
    return _joined(row.get_kind_display(), f"basis: {row.get_basis_display()}", related, row.note)


def _read(row: Any) -> str:
    return _joined(read_words(row), row.impression)


WORDS: dict[str, Callable[[Any], str]] = {
    "diagnosis": _diagnosis,
    "histology": _histology,
    "marker": _marker,
    "surgery": _surgery,
    "radiotherapy": _radiotherapy,
    "therapy": _therapy,
    "steroid": _steroid,
    "status": status_words,
    "read": _read,
    "outcome": _outcome,
}
_ROWS: dict[str, Callable[[Timeline], list[Any]]] = {
    "diagnosis": lambda timeline: timeline.diagnoses,
    "histology": lambda timeline: timeline.histologies,
    "marker": lambda timeline: timeline.markers,
    "surgery": lambda timeline: timeline.surgeries,
    "radiotherapy": lambda timeline: timeline.radiotherapies,
    "therapy": lambda timeline: timeline.therapies,
    "steroid": lambda timeline: timeline.steroids,
    "status": lambda timeline: timeline.statuses,
    "read": lambda timeline: timeline.reads,
    "outcome": lambda timeline: timeline.outcomes,
}
