"""Cells of other people's tables: missing words, plain numbers, deaths."""

import numpy as np
import pandas as pd
import pytest

from analytics.compute.cohort_values import event_flag, is_missing, number
from gliomon.common.errors import DomainError


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.nan, pd.NaT, pd.NA, "", " NA ", "[Not Available]", "Unknown", "-"]
)
def test_missing_words(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "WT", "None", "no"])
def test_values_that_look_empty_but_are_not(value):
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), (" -3.5 ", -3.5), (".5", 0.5), ("1e3", 1000), ("+4.", 4)]
)
def test_plain_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "text", ["1,5", "٣", "1_000", "inf", "nan", "0x10", "1e999", "12 d", "", "²", "１２"]
)
def test_anything_else_is_no_number(text):
    with pytest.raises(DomainError) as caught:
        number(text)
    assert caught.value.code == "not_a_number"


@pytest.mark.parametrize("text", ["1", "TRUE", "dead", "Deceased", "1.0", "1:DECEASED"])
def test_words_for_an_event(text):
    assert event_flag(text) is True


@pytest.mark.parametrize("text", ["0", "False", "alive", "LIVING", "0.0"])
def test_words_for_no_event(text):
    assert event_flag(text) is False


@pytest.mark.parametrize("text", ["2", "yes?", "-1", "10", "1.00"])
def test_other_words_are_no_event(text):
    with pytest.raises(DomainError) as caught:
        event_flag(text)
    assert caught.value.code == "not_an_event"
