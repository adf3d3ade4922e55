"""Dates and moments, as the browser's own pickers send them; other spellings are refused, never guessed."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")


def clinic_zone() -> str:
    """The name of the time zone in which times of day are entered and shown."""
    return timezone.get_current_timezone_name()


class IsoDateField(forms.DateField):
    """A day, year first."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
        super().__init__(input_formats=["%Y-%m-%d"], **options)
        self.error_messages["invalid"] = "Enter a day that exists, as year-month-day: 2026-03-01."

    def to_python(self, value: Any) -> Any:
        _refuse_other_digits(value)
        return super().to_python(value)


class ClinicMomentField(forms.DateTimeField):
    """A day and time of day in the clinic's zone; a day alone is no moment, and no time is made up for it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})
        options.setdefault("widget", widget)
        super().__init__(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], **options)
        self.error_messages["invalid"] = "Enter a day and a time that exist: 2026-03-01T09:30."

    def to_python(self, value: Any) -> Any:
        _refuse_other_digits(value)
        if isinstance(value, str) and value.strip() and not _MOMENT.fullmatch(value.strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


def _refuse_other_digits(value: Any) -> None:
    if isinstance(value, str) and not value.isascii():
        raise ValidationError("Use the digits 0 to 9.", code="other_digits")
