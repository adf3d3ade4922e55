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
NOT_GIVEN = "not given"
K2_SHOWN_PER_STORED = 1e3  # stored 1/s, shown 10^-3 1/s


@dataclasses.dataclass(frozen=True)
class Quantity:
    """How a quantity is headed and written, and from which volume it was read."""

    title: str
    unit: str
    scale: float
    digits: int
    volume: str


@dataclasses.dataclass(frozen=True)
class Further:
    """A statistic shown on demand: its heading, and how it is written ("own" is the quantity's unit and digits)."""

    words: str
    written: str = "own"


FURTHER = {
    "p5": Further("5th percentile"),
    "skewness": Further("Skewness (0: symmetric)", "ratio"),
    "kurtosis": Further("Excess kurtosis (0: normal)", "ratio"),
    "radc": Further("Mean / normal white matter", "ratio"),
    "adc_l": Further("ADC_L: mean of the lower of two components"),
    "lcp": Further("Share of the lower component", "share"),
    "hotspot": Further("Hot spot: mean of the highest 10 %"),
    "ftb_low": Further("Voxels up to 1.0", "share"),
    "ftb_mid": Further("Voxels above 1.0, up to 1.75", "share"),
    "ftb_high": Further("Voxels above 1.75", "share"),
}
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
    further_statistics: list[str]
    further_rows: list[RegionRow]
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
    plain = [row for row in rows if row.statistic not in FURTHER]
    further = [row for row in rows if row.statistic in FURTHER]
    statistics = [name for name in STATISTICS if any(row.statistic == name for row in plain)]
    more = [name for name in FURTHER if any(row.statistic == name for row in further)]
    common = [flag for flag in rows[0].flags if all(flag in row.flags for row in rows)]
    said = {region: {flag for row in of for flag in row.flags} for region, of in _by_region(plain).items()}
    return QuantityTable(
        key=key,
        title=quantity.title,
        unit=quantity.unit,
        statistics=[STATISTICS[name] for name in statistics],
        rows=[
            _region(quantity, region, statistics, of, {*common}) for region, of in _by_region(plain).items()
        ],
        notes=selectors.flag_sentences(common),
        further_statistics=[FURTHER[name].words for name in more],
        further_rows=[
            _region(quantity, region, more, of, {*common, *said.get(region, ())})
            for region, of in _by_region(further).items()
        ],
        provenance=_provenance(rows, method),
    )


def _by_region(rows: list[Any]) -> dict[str, list[Any]]:
    """Rows of each region, regions in the order of the page."""
    regions = sorted({row.region for row in rows}, key=_place)
    return {region: [row for row in rows if row.region == region] for region in regions}


def _place(region: str) -> int:
    return REGION_ORDER.index(region) if region in REGION_ORDER else len(REGION_ORDER)


def _region(
    quantity: Quantity, region: str, statistics: list[str], rows: list[Any], said: set[str]
) -> RegionRow:
    """One region's line; flags in `said` are told elsewhere."""
    values = {row.statistic: row.value for row in rows}
    own = [flag for row in rows for flag in row.flags if flag not in said]
    return RegionRow(
        region=selectors.region_name(region),
        cells=[_cell(quantity, name, values) for name in statistics],
        n_voxels=max(row.n_voxels for row in rows),
        missing_percent=100 * max(row.nan_share for row in rows),
        notes=selectors.flag_sentences(own),
    )


def _cell(quantity: Quantity, statistic: str, values: dict[str, float]) -> str:
    if statistic not in FURTHER:
        return value_words(quantity, values.get(statistic))
    return further_words(quantity, statistic, values.get(statistic))


def value_words(quantity: Quantity, value: float | None) -> str:
    """A number with the quantity's digits, or that there is none."""
    if value is None or not math.isfinite(value):
        return "not measured"
    return f"{value * quantity.scale:.{quantity.digits}f}"


def further_words(quantity: Quantity, statistic: str, value: float | None) -> str:
    """A further statistic: in the quantity's unit, as a ratio, or as a share in percent."""
    if value is None or not math.isfinite(value):
        return NOT_GIVEN
    written = FURTHER[statistic].written
    if written == "share":
        return f"{100 * value:.0f} %"
    return f"{value:.2f}" if written == "ratio" else value_words(quantity, value)


def _provenance(rows: list[Any], method: str) -> Provenance:
    return Provenance(
        method=method or "not stated",
        code_versions=sorted({row.code_version for row in rows}),
        series_uids=sorted({uid for row in rows for uid in row.input_uids}),
        inputs_hashes=sorted({row.inputs_hash for row in rows}),
        computed_at=max(row.computed_at for row in rows),
    )
