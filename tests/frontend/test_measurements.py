"""Measurements as tables: digits and units by quantity, regions in a fixed order, notes that all share said once."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from frontend.measurements import QUANTITIES, further_words, measurement_tables, value_words


def row(
    region: str, quantity: str, value: float, statistic: str = "mean", flags: tuple[str, ...] = ()
) -> Any:
    return SimpleNamespace(
        region=region,
        quantity=quantity,
        statistic=statistic,
        value=value,
        n_voxels=100,
        nan_share=0.0,
        flags=list(flags),
        input_uids=["2.25.2", "2.25.1"],
        inputs_hash="h",
        code_version="v",
        computed_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize(
    ("quantity", "value", "words"),
    [
        ("volume", 12.345, "12.3"),
        ("adc", 1.2346e-3, "1235"),
        ("nrcbv", 1.987, "1.99"),
        ("k2", -0.00413, "-4.13"),
        ("adc", float("nan"), "not measured"),
        ("adc", None, "not measured"),
    ],
)
def test_digits_and_units(quantity: str, value: float | None, words: str) -> None:
    assert value_words(QUANTITIES[quantity], value) == words


def test_tables_and_regions_come_in_a_fixed_order() -> None:
    measured = [
        row("nawm", "adc", 1e-3),
        row("oedema", "volume", 3.0, "total"),
        row("enhancing", "adc", 2e-3),
    ]
    tables = measurement_tables(measured, [SimpleNamespace(kind="adc", space="reference", method="wls")])
    assert [table.key for table in tables] == ["volume", "adc"]
    assert [found.region for found in tables[1].rows] == ["Enhancing tumour", "Normal-appearing white matter"]
    assert tables[1].provenance.method == "wls"
    assert tables[1].provenance.series_uids == ["2.25.1", "2.25.2"]
    assert tables[0].provenance.method == "not stated"


def test_a_note_that_all_share_is_said_once() -> None:
    measured = [
        row("enhancing", "adc", 1e-3, flags=("b_out_of_range", "small_region")),
        row("nawm", "adc", 1e-3, flags=("b_out_of_range",)),
    ]
    (table,) = measurement_tables(measured, [])
    assert len(table.notes) == 1
    assert "1500 s/mm2" in table.notes[0]
    assert [len(found.notes) for found in table.rows] == [1, 0]


@pytest.mark.parametrize(
    ("quantity", "statistic", "value", "words"),
    [
        ("adc", "p5", 0.8124e-3, "812"),
        ("adc", "skewness", -0.456, "-0.46"),
        ("adc", "kurtosis", 1.2, "1.20"),
        ("adc", "radc", 1.375, "1.38"),
        ("adc", "adc_l", 1.1004e-3, "1100"),
        ("adc", "lcp", 0.604, "60 %"),
        ("nrcbv", "hotspot", 3.456, "3.46"),
        ("nrcbv", "ftb_high", 0.375, "38 %"),
        ("k2", "p5", -0.00413, "-4.13"),
        ("nrcbv", "ftb_low", None, "not given"),
    ],
)
def test_further_statistics_are_written_by_what_they_are(
    quantity: str, statistic: str, value: float | None, words: str
) -> None:
    assert further_words(QUANTITIES[quantity], statistic, value) == words


def test_further_statistics_stand_apart_with_the_notes_that_only_they_have() -> None:
    measured = [
        row("enhancing", "adc", 1e-3, flags=("small_region",)),
        row("enhancing", "adc", 0.9e-3, "p5", flags=("small_region", "adc_l_too_small")),
        row("enhancing", "adc", 0.5, "skewness", flags=("small_region",)),
        row("nawm", "adc", 0.8e-3),
        row("nawm", "adc", 0.7e-3, "p5"),
    ]
    (table,) = measurement_tables(measured, [])
    assert table.statistics == ["Mean"]
    assert [found.cells for found in table.rows] == [["1000"], ["800"]]
    assert [len(found.notes) for found in table.rows] == [1, 0]
    assert table.further_statistics == ["5th percentile", "Skewness (0: symmetric)"]
    assert [found.cells for found in table.further_rows] == [["900", "0.50"], ["700", "not given"]]
    (note,) = table.further_rows[0].notes
    assert "ADC_L" in note


def test_a_volume_has_nothing_further() -> None:
    (table,) = measurement_tables([row("enhancing", "volume", 3.0, "total")], [])
    assert (table.further_statistics, table.further_rows) == ([], [])
