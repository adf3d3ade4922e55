"""Careful access to single DICOM values: bad text, numbers and dates never raise and never carry control codes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset

MAX_TEXT = 256
_SECONDS = (3600.0, 60.0, 1.0)


def clean_text(value: Any) -> str:
    """Text in NFC without control and direction characters, at most 256 characters."""
    text = unicodedata.normalize("NFC", str(value)[: 4 * MAX_TEXT])
    kept = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    return kept.strip()[:MAX_TEXT]


def raw(dataset: Dataset, keyword: str) -> Any:
    """Value of an element, None where it is absent, empty or not decodable."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return None
    return None if value is None or value == "" else value


def text(dataset: Dataset, keyword: str) -> str:
    """First value as clean text, empty where absent."""
    values = texts(dataset, keyword)
    return values[0] if values else ""


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """All values as clean text."""
    return tuple(clean_text(value) for value in as_list(raw(dataset, keyword)))[:32]


def joined(dataset: Dataset, keyword: str) -> str:
    """All values as one line of clean text."""
    return " ".join(texts(dataset, keyword))[:MAX_TEXT]


def number(dataset: Dataset, keyword: str) -> float | None:
    """First value as a finite float."""
    values = as_list(raw(dataset, keyword))
    return as_float(values[0]) if values else None


def whole(dataset: Dataset, keyword: str) -> int | None:
    """First value as a Python int."""
    value = number(dataset, keyword)
    return int(value) if value is not None and value == int(value) else None


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly `count` values; values that are not finite stay so, for the caller to refuse. None where absent."""
    values = as_list(raw(dataset, keyword))
    if not values:
        return None
    return tuple(_float_or_nan(value) for value in values) if len(values) == count else (math.nan,) * count


def as_list(value: Any) -> list[Any]:
    """A single value, a multi-value or nothing, as a list."""
    if value is None:
        return []
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def as_float(value: Any) -> float | None:
    """A finite float or None."""
    result = _float_or_nan(value)
    return result if math.isfinite(result) else None


def _float_or_nan(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def clock_s(value: str) -> float | None:
    """Seconds since midnight of a DICOM time (HHMMSS.ffffff) or date-time (YYYYMMDDHHMMSS.ffffff).

    Date-times count days too, so that a series over midnight keeps its order.
    """
    digits, _, fraction = value.split("+")[0].split("-")[0].partition(".")
    if not digits.isascii() or not digits.isdigit() or len(digits) < 6:
        return None
    days = 0
    if len(digits) >= 14:
        days, digits = int(digits[6:8]), digits[8:14]
    elif len(digits) != 6:
        return None
    parts = (int(digits[i : i + 2]) for i in (0, 2, 4))
    seconds = sum(part * unit for part, unit in zip(parts, _SECONDS, strict=True))
    return days * 86400.0 + seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)


def item(dataset: Dataset | None, keyword: str) -> Dataset | None:
    """First item of a sequence, None where the sequence is absent or empty."""
    if dataset is None:
        return None
    value = raw(dataset, keyword)
    return value[0] if value is not None and len(value) else None
