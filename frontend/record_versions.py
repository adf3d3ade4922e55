"""Versions of a record as text: what stood, what replaced it, who said so and why."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

from frontend.forms.numbers import plain
from frontend.forms.records import EntryForm, record_form
from patients.services.entry_fields import EntryField, record_fields

NOTHING = "not recorded"


@dataclasses.dataclass(frozen=True)
class ShownValue:
    """One field of one version; `was` is the text that it replaced, empty when it did not change."""

    label: str
    text: str
    was: str = ""


@dataclasses.dataclass(frozen=True)
class ShownVersion:
    """One version of a record."""

    number: int
    id: Any
    recorded_at: dt.datetime
    recorded_by: str
    reason: str
    retracted: bool
    backfilled: bool
    known_at: dt.datetime
    current: bool
    values: list[ShownValue]


@dataclasses.dataclass(frozen=True)
class ConflictRow:
    """One field on the conflict page: what the person had read, what stands now, what the person entered."""

    label: str
    read: str
    now: str
    entered: str

    @property
    def differs(self) -> bool:
        return len({self.read, self.now, self.entered}) > 1


def shown_versions(kind: str, versions: list[Any]) -> list[ShownVersion]:
    """All versions, newest first, each with what it changed in the one before."""
    shown = []
    for index, record in enumerate(versions):
        before = versions[index - 1] if index else None
        shown.append(_shown(kind, record, before, number=index + 1, last=index == len(versions) - 1))
    return shown[::-1]


def _shown(kind: str, record: Any, before: Any, *, number: int, last: bool) -> ShownVersion:
    return ShownVersion(
        number=number,
        id=record.pk,
        recorded_at=record.recorded_at,
        recorded_by=str(record.recorded_by),
        reason=record.reason,
        retracted=record.entered_in_error,
        backfilled=record.backfilled,
        known_at=record.known_at,
        current=last and not record.entered_in_error,
        values=shown_values(kind, record, before),
    )


def shown_values(kind: str, record: Any, before: Any = None) -> list[ShownValue]:
    """The fields of a record as text, with what they were in the version before."""
    form = record_form(kind)
    values = []
    for entry in record_fields(kind):
        text = field_text(entry, getattr(record, entry.name))
        was = field_text(entry, getattr(before, entry.name)) if before is not None else text
        label = str(form.base_fields[entry.name].label)
        values.append(ShownValue(label, text, was if was != text else ""))
    return values


def conflict_rows(
    entries: tuple[EntryField, ...], *, read: Any, now: Any, form: EntryForm
) -> list[ConflictRow]:
    """Field by field: the version the person had read, the one that stands, and what the person entered."""
    rows = []
    for entry in entries:
        entered = form.cleaned_data.get(entry.name)
        values = (getattr(read, entry.name), getattr(now, entry.name), entered)
        texts = (field_text(entry, value) for value in values)
        rows.append(ConflictRow(str(form.fields[entry.name].label), *texts))
    return rows


def field_text(entry: EntryField, value: Any) -> str:
    """One value with its unit, in words."""
    if value is None or value == "":
        return NOTHING
    words = dict(entry.choices)
    if value in words:
        return words[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = plain(value) if isinstance(value, Decimal) else str(value)
    return f"{text} {entry.unit}".strip()
