"""Measurements as tables: digits and units by quantity, regions in a fixed order, notes that all share said once."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from frontend.measurements import QUANTITIES, measurement_tables, value_words


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
