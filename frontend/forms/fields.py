"""From what can be entered (`patients.services.entry_fields`) to a form field with its unit beside the value."""

from __future__ import annotations

from typing import Any

from django import forms

from frontend.forms.dates import ClinicMomentField, IsoDateField
from frontend.forms.numbers import PlainDecimalField, PlainIntegerField
from frontend.forms.texts import PlainTextField
from patients.services.entry_fields import EntryField

LONG_TEXT = 300


def form_field(entry: EntryField, *, label: str = "", help_text: str = "") -> forms.Field:
    """Return the form field; `unit` is an attribute of it for the template."""
    options = {
        "label": label or entry.label,
        "help_text": help_text or entry.help,
        "required": entry.required,
        "initial": entry.default,
    }
    field = _MAKERS[entry.sort](entry, options)
    field.unit = entry.unit
    if entry.required:
        field.error_messages["required"] = "This is needed."
    return field


def _decimal(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    field = PlainDecimalField(
        min_value=entry.low if entry.low is not None else 0, max_value=entry.high, **options
    )
    field.validators.append(_at_most_places(entry.places))
    _say_range(field, entry)
    return field


def _integer(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    low = int(entry.low) if entry.low is not None else 0
    high = int(entry.high) if entry.high is not None else None
    field = PlainIntegerField(min_value=low, max_value=high, **options)
    _say_range(field, entry)
    return field


def _say_range(field: Any, entry: EntryField) -> None:
    """One sentence for both ends of the range."""
    low = entry.low if entry.low is not None else 0
    span = f"{_said(low)} or more" if entry.high is None else f"{_said(low)} to {_said(entry.high)}"
    sentence = f"This must be {span}{' ' + entry.unit if entry.unit else ''}."
    for validator in field.validators:
        if getattr(validator, "code", "") in ("min_value", "max_value"):
            # Django fills the sentence in with %-formatting; a percent sign of ours is none of its.
            validator.message = sentence.replace("%", "%%")


def _said(limit: float) -> str:
    return f"{limit:.6f}".rstrip("0").rstrip(".")


def _at_most_places(places: int) -> Any:
    def check(value: Any) -> None:
        exponent = value.normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > places:
            raise forms.ValidationError(f"At most {places} decimals are kept.", code="too_many_decimals")

    return check


def _choice(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    blank = "choose" if entry.required else "not recorded"
    choices = list(entry.choices)
    if entry.default is None:
        choices.insert(0, ("", blank))
    numeric = isinstance(entry.choices[0][0], int)
    coerce: Any = int if numeric else str
    empty = None if numeric else ""
    return forms.TypedChoiceField(choices=choices, coerce=coerce, empty_value=empty, **options)


def _text(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    long = entry.max_length is not None and entry.max_length > LONG_TEXT
    widget: Any = (
        forms.Textarea(attrs={"rows": 3}) if long else forms.TextInput(attrs={"autocomplete": "off"})
    )
    return PlainTextField(max_length=entry.max_length, widget=widget, **options)


def _flag(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(**options)


def _date(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    return IsoDateField(**options)


def _moment(entry: EntryField, options: dict[str, Any]) -> forms.Field:
    return ClinicMomentField(**options)


_MAKERS: dict[str, Any] = {
    "text": _text,
    "decimal": _decimal,
    "integer": _integer,
    "date": _date,
    "moment": _moment,
    "choice": _choice,
    "flag": _flag,
}
