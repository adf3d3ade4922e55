"""What can be entered for each sort of record: names, units, ranges and choices, read from the tables themselves."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from gliomon.common.record import Record
from patients.models import CtdnaResult, Specimen
from patients.services.records import kind_of

Sort = Literal["text", "decimal", "integer", "date", "moment", "choice", "flag"]

# Subclasses stand before their bases: a DateTimeField is a DateField too.
_SORTS: tuple[tuple[type[models.Field[Any, Any]], Sort], ...] = (
    (models.DateTimeField, "moment"),
    (models.DateField, "date"),
    (models.DecimalField, "decimal"),
    (models.PositiveIntegerField, "integer"),
    (models.PositiveSmallIntegerField, "integer"),
    (models.BooleanField, "flag"),
    (models.CharField, "text"),
)


@dataclasses.dataclass(frozen=True)
class EntryField:
    """One thing to enter. `unit` stands beside the value; `low` and `high` are the hard range."""

    name: str
    sort: Sort
    label: str
    unit: str = ""
    required: bool = True
    help: str = ""
    choices: tuple[tuple[Any, str], ...] = ()
    default: Any = None
    low: float | None = None
    high: float | None = None
    places: int = 0
    max_length: int | None = None


def record_fields(slug: str) -> tuple[EntryField, ...]:
    """The fields of one kind of record (`patients.services.records.KINDS`), the date first."""
    return _fields_of(kind_of(slug).model)


def specimen_fields() -> tuple[EntryField, ...]:
    """The fields of a tube."""
    return tuple(field for field in _fields_of(Specimen) if field.name != "occurred_on")


def result_fields() -> tuple[EntryField, ...]:
    """The fields of one analyte's result."""
    return tuple(field for field in _fields_of(CtdnaResult) if field.name != "occurred_on")


def _fields_of(model: type[Record]) -> tuple[EntryField, ...]:
    editable = (f for f in model._meta.concrete_fields if f.editable and not f.is_relation)
    return tuple(_entry_field(field) for field in editable)


def _entry_field(field: models.Field[Any, Any]) -> EntryField:
    label, _, unit = str(field.verbose_name).partition(", ")
    return EntryField(
        name=field.name,
        sort="choice" if field.choices else _sort_of(field),
        label=label[:1].upper() + label[1:],
        unit=unit,
        required=not field.blank and not isinstance(field, models.BooleanField),
        help=str(field.help_text),
        choices=tuple((value, str(word)) for value, word in field.flatchoices),
        default=field.default if field.has_default() else None,
        low=_limit(field, MinValueValidator),
        high=_limit(field, MaxValueValidator),
        places=getattr(field, "decimal_places", 0) or 0,
        max_length=getattr(field, "max_length", None),
    )


def _sort_of(field: models.Field[Any, Any]) -> Sort:
    return next(sort for kind, sort in _SORTS if isinstance(field, kind))


def _limit(field: models.Field[Any, Any], kind: type[Any]) -> float | None:
    """The limit that the table itself states; Django adds the column type's own, which says nothing to a person."""
    stated = [v.limit_value for v in field._validators if isinstance(v, kind)]  # type: ignore[attr-defined]
    return stated[0] if stated else None
