"""Free text: one spelling of each letter, and no signs that are invisible or turn the line around."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

# Control, format (bidirectional marks among them), private-use, surrogate and unassigned code points.
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}


class PlainTextField(forms.CharField):
    """Text in normal form C without control or bidirectional characters."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str):
            return text
        text = unicodedata.normalize("NFC", text)
        if any(unicodedata.category(sign) in _UNSEEN for sign in text):
            raise ValidationError("Remove the invisible characters from this text.", code="unseen_character")
        return text
