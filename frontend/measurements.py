"""A visit's measurements as tables: one per quantity, regions down, statistics across, provenance beside."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from frontend.figures.values import ADC_SHOWN_PER_STORED
from imaging import selectors

REGION_ORDER = ("enhancing", "necrosis", "oedema", "cavity", "whole_lesion", "nawm", "brain")
STATISTICS = {
    "total": "Total",
    "mean": "Mean",
    "median": "Median",
    "p10": "10th percentile",
    "p90": "90th percentile",
    "p95": "95th percentile",
    "sd": "SD",
}
K2_SHOWN_PER_STORED = 1e3  # stored 1/s, shown 10^-3 1/s


@dataclasses.dataclass(frozen=True)
class Quantity:
    """How a quantity is headed and written, and from which volume it was read."""

    title: str
    unit: str
    scale: float
    digits: int
    volume: str


QUANTITIES = {
    "volume": Quantity("Volume", "mL", 1.0, 1, "labels"),
    "adc": Quantity("ADC", "10⁻⁶ mm²/s", ADC_SHOWN_PER_STORED, 0, "adc"),
    "nrcbv": Quantity("nRCBV", "ratio to normal-appearing white matter", 1.0, 2, "rcbv"),
    "k2": Quantity("K2 (leakage)", "10⁻³ 1/s", K2_SHOWN_PER_STORED, 2, "k2"),
}


@dataclasses.dataclass(frozen=True)
class RegionRow:
    """One region's numbers as written, in the order of the table's statistics; notes that only it has."""

    region: str
    cells: list[str]
    n_voxels: int
    missing_percent: float
    notes: list[str]


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a table's numbers come from."""

    method: str
    code_versions: list[str]
    series_uids: list[str]
    inputs_hashes: list[str]
    computed_at: Any


@dataclasses.dataclass(frozen=True)
class QuantityTable:
    """All numbers of one quantity; `notes` hold for each of them."""

    key: str
    title: str
    unit: str
    statistics: list[str]
    rows: list[RegionRow]
    notes: list[str]
    provenance: Provenance


def measurement_tables(measured: Sequence[Any], volumes: Sequence[Any]) -> list[QuantityTable]:
    """The tables, in a fixed order; none for a quantity without numbers."""
    methods = {volume.kind: volume.method for volume in volumes if volume.space == "reference"}
    tables = []
    for key, quantity in QUANTITIES.items():
        rows = [row for row in measured if row.quantity == key]
        if rows:
            tables.append(_table(key, quantity, rows, methods.get(quantity.volume, "")))
    return tables


def _table(key: str, quantity: Quantity, rows: list[Any], method: str) -> QuantityTable:
    statistics = [name for name in STATISTICS if any(row.statistic == name for row in rows)]
    regions = sorted({row.region for row in rows}, key=_place)
    common = [flag for flag in rows[0].flags if all(flag in row.flags for row in rows)]
    return QuantityTable(
        key=key,
        title=quantity.title,
        unit=quantity.unit,
        statistics=[STATISTICS[name] for name in statistics],
        rows=[
            _region(quantity, region, statistics, [row for row in rows if row.region == region], common)
            for region in regions
        ],
        notes=selectors.flag_sentences(common),
        provenance=_provenance(rows, method),
    )


def _place(region: str) -> int:
    return REGION_ORDER.index(region) if region in REGION_ORDER else len(REGION_ORDER)


def _region(
    quantity: Quantity, region: str, statistics: list[str], rows: list[Any], common: list[str]
) -> RegionRow:
    values = {row.statistic: row.value for row in rows}
    own = [flag for row in rows for flag in row.flags if flag not in common]
    return RegionRow(
        region=selectors.region_name(region),
        cells=[value_words(quantity, values.get(name)) for name in statistics],
        n_voxels=max(row.n_voxels for row in rows),
        missing_percent=100 * max(row.nan_share for row in rows),
        notes=selectors.flag_sentences(own),
    )


def value_words(quantity: Quantity, value: float | None) -> str:
    """A number with the quantity's digits, or that there is none."""
    if value is None or not math.isfinite(value):
        return "not measured"
    return f"{value * quantity.scale:.{quantity.digits}f}"


def _provenance(rows: list[Any], method: str) -> Provenance:
    return Provenance(
        method=method or "not stated",
        code_versions=sorted({row.code_version for row in rows}),
        series_uids=sorted({uid for row in rows for uid in row.input_uids}),
        inputs_hashes=sorted({row.inputs_hash for row in rows}),
        computed_at=max(row.computed_at for row in rows),
    )
