"""What is asked of the survival screen, as the address says it: ?cohort=&by=&where=FIELD:VALUE&reference=."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlencode

from frontend.dash_apps.parts import address_pairs, words_of

FILTERS = 2  # pairs of field and value that the screen offers


@dataclasses.dataclass(frozen=True)
class Question:
    """Empty words are not chosen; a filter without a value is not applied yet."""

    cohort: str = ""
    by: str = ""
    reference: str = ""
    filters: tuple[tuple[str, str], ...] = ()

    @property
    def where(self) -> dict[str, str]:
        """The filters that are complete; of two on one field the last counts."""
        return {field: value for field, value in self.filters if field and value}


def question_from_search(search: Any) -> Question:
    """Read the address; what is not understood is left out."""
    pairs = address_pairs(search)
    single = {name: value for name, value in pairs if name in ("cohort", "by", "reference")}
    filters = [value.partition(":") for name, value in pairs if name == "where"]
    return Question(filters=tuple((field, value) for field, _, value in filters[:FILTERS]), **single)


def search_of(question: Question) -> str:
    """The address of a question; the same question has one address."""
    pairs = [(name, value) for name in ("cohort", "by", "reference") if (value := getattr(question, name))]
    pairs += [("where", f"{field}:{value}") for field, value in question.filters if field and value]
    return f"?{urlencode(pairs)}" if pairs else ""


def question_from_controls(cohort: Any, by: Any, reference: Any, *filters: Any) -> Question:
    """Read the drop-downs: field 1, value 1, field 2, value 2."""
    words = [words_of(value) for value in (cohort, by, reference, *filters)]
    pairs = tuple(zip(words[3::2], words[4::2], strict=True))
    return Question(words[0], words[1], words[2], pairs)
