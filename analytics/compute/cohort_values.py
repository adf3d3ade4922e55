"""What a cell of somebody else's table means: a missing word, a number, a death."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from gliomon.common.errors import DomainError

MISSING_WORDS = frozenset(
    {
        "", "-", "--", ".", "?", "na", "n/a", "n.a.", "nan", "null", "nd", "unk", "unknown", "missing",
        "not available", "[not available]", "[not applicable]", "not applicable", "[unknown]", "[not evaluated]",
        "not evaluated", "[discrepancy]", "not known", "not reported", "[not reported]", "not tested", "#n/a",
    }
)  # fmt: skip

EVENT_WORDS = {
    "1": True, "true": True, "dead": True, "deceased": True, "1:deceased": True,
    "0": False, "false": False, "alive": False, "living": False, "0:living": False,
}  # fmt: skip

# re.ASCII matters: float() also reads Arabic-Indic digits, underscores, "inf" and "nan".
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def is_missing(value: Any) -> bool:
    """Say whether a cell holds no value: None, NaN, NaT, NA or one of the words tables use for it.

    Parameters
    ----------
    value : object
        A cell of a table; text is compared without case and outer blanks.
    """
    if isinstance(value, str):
        return value.strip().casefold() in MISSING_WORDS
    return bool(pd.isna(value))


def number(text: str) -> float:
    """Read a plain ASCII decimal number.

    Parameters
    ----------
    text : str
        Digits with an optional sign, point and exponent; outer blanks are ignored.

    Raises
    ------
    DomainError
        `not_a_number`: anything else, such as a decimal comma, other digits, "inf" or "1_000".
    """
    stripped = text.strip(" \t")
    if not _NUMBER.fullmatch(stripped) or not math.isfinite(float(stripped)):
        raise DomainError(
            "not_a_number", f"{_shown(text)} is not a number; write digits with a point, such as 12.5"
        )
    return float(stripped)


def event_flag(text: str) -> bool:
    """Read whether the event (death, progression) happened.

    Parameters
    ----------
    text : str
        1, true, dead or deceased; 0, false, alive or living (any case); "1.0" and "0.0" as spreadsheets write them.

    Raises
    ------
    DomainError
        `not_an_event`: any other word.
    """
    word = text.strip().casefold().removesuffix(".0")
    if word not in EVENT_WORDS:
        raise DomainError(
            "not_an_event",
            f"{_shown(text)} is not an event; write 1, true, dead, deceased or 0, false, alive, living",
        )
    return EVENT_WORDS[word]


def _shown(text: str) -> str:
    """Return text quoted for a message: one line, at most 40 characters."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return ascii(short) if not short.isprintable() else f'"{short}"'
