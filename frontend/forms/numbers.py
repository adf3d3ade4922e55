"""Numbers as people type them: ASCII digits with a decimal point, or a sentence that says what was wrong."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_WITH_COMMA = re.compile(r"-?[0-9]+,[0-9]+")


def refuse_unless_plain(text: str) -> None:
    """Refuse everything that is not digits with at most one point; nothing is guessed."""
    if _PLAIN.fullmatch(text):
        return
    if _WITH_COMMA.fullmatch(text):
        raise ValidationError(f"Use a decimal point: {text.replace(',', '.')}", code="decimal_comma")
    if text[:1] in "<≤":
        raise ValidationError(
            "Only a number stands here. Choose the state “below LoD” and enter the limit as LoD.",
            code="censored_value",
        )
    if text[:1] in ">≥":
        raise ValidationError("Only a number stands here, without a sign before it.", code="not_a_number")
    if text.endswith("%"):
        raise ValidationError("Leave out the unit; it stands beside the box.", code="unit_in_value")
    if any(sign.isdigit() and not sign.isascii() for sign in text):
        raise ValidationError("Use the digits 0 to 9.", code="other_digits")
    raise ValidationError("Enter a number in digits, such as 12.5.", code="not_a_number")


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class PlainDecimalField(forms.DecimalField):
    """A decimal number; typed text is refused rather than silently dropped by the browser."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(**options)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip():
            refuse_unless_plain(value.strip())
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return plain(value) if isinstance(value, Decimal) else value


class PlainIntegerField(forms.IntegerField):
    """A whole number."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}))
        super().__init__(**options)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip():
            refuse_unless_plain(value.strip())
            if "." in value:
                raise ValidationError("Enter a whole number.", code="not_whole")
        return super().to_python(value)
