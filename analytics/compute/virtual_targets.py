"""Whether the virtual cohort reaches the published figures: target, reached, tolerance, source."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from analytics.compute.cns5 import ASTROCYTOMA, GLIOBLASTOMA, OLIGODENDROGLIOMA
from analytics.compute.cox import cox_by_level
from analytics.compute.kaplan_meier import kaplan_meier
from analytics.compute.virtual_cohort import linear_predictor, virtual_cohort
from analytics.compute.virtual_priors import DAYS_PER_MONTH

TARGET_PATIENTS = 30_000
TARGET_SEED = 11


@dataclasses.dataclass(frozen=True)
class _Target:
    name: str
    target: float
    low: float
    high: float
    source: str
    reach: Callable[[pd.DataFrame], float]


def targets_table(n: int = TARGET_PATIENTS, *, seed: int = TARGET_SEED) -> pd.DataFrame:
    """Compare a large uncensored virtual cohort with the published figures it is built from.

    Agreement shows that the simulation does what its priors say. It validates neither biology nor gliomon.

    Parameters
    ----------
    n : int
        Patients; at 30,000 the random error of a median is about 1 %.
    seed : int
        Seed of the cohort.

    Returns
    -------
    DataFrame
        Columns name, target, reached, low, high (accepted range), within (bool), source; months, fractions or
        hazard ratios as named.
    """
    cohort = virtual_cohort(n, seed=seed, censoring=False)
    rows = []
    for target in _TARGETS:
        reached = target.reach(cohort)
        line = {key: value for key, value in vars(target).items() if key != "reach"}
        rows.append(line | {"reached": reached, "within": target.low <= reached <= target.high})
    return pd.DataFrame(rows)[["name", "target", "reached", "low", "high", "within", "source"]]


def concordance(risk: np.ndarray, time: np.ndarray) -> float:
    """Return Harrell's C (0.5 = chance) of a risk score for uncensored times; higher risk = earlier event."""
    from lifelines.utils import concordance_index

    return float(concordance_index(time, -risk))


def _median(diagnosis: str, days: str, event: str, **fields: object) -> Callable[[pd.DataFrame], float]:
    def reach(cohort: pd.DataFrame) -> float:
        group = _group(cohort, diagnosis, fields)
        median = kaplan_meier(group[days], group[event]).median
        return float("nan") if median is None else median / DAYS_PER_MONTH

    return reach


def _alive_at(months: float) -> Callable[[pd.DataFrame], float]:
    return lambda cohort: float(
        (_group(cohort, GLIOBLASTOMA, {})["time_days"] > months * DAYS_PER_MONTH).mean()
    )


def _mgmt_hr(days: str, event: str) -> Callable[[pd.DataFrame], float]:
    def reach(cohort: pd.DataFrame) -> float:
        group = _group(cohort, GLIOBLASTOMA, {})
        levels = {level: (rows[days], rows[event]) for level, rows in group.groupby("mgmt")}
        row = cox_by_level(levels, reference="unmethylated", check_ph=False)[0]
        return float("nan") if row.hr is None else row.hr

    return reach


def _c_index(cohort: pd.DataFrame) -> float:
    group = _group(cohort, GLIOBLASTOMA, {})
    return concordance(linear_predictor(group, "death"), group["time_days"].to_numpy())


def _group(cohort: pd.DataFrame, diagnosis: str, fields: dict[str, object]) -> pd.DataFrame:
    keep = cohort["diagnosis"] == diagnosis
    for name, value in fields.items():
        keep &= cohort[name].isin(value if isinstance(value, tuple) else (value,))
    return cohort[keep]


_OS, _PFS = ("time_days", "event"), ("pfs_days", "pfs_event")

_TARGETS: tuple[_Target, ...] = (
    _Target("GBM RT + TMZ, median OS, mo", 14.6, 13.1, 16.1, "Stupp 2005; +-10 %", _median(GLIOBLASTOMA, *_OS)),
    _Target("GBM RT + TMZ, median PFS, mo", 6.9, 6.2, 7.6, "Stupp 2005; +-10 %", _median(GLIOBLASTOMA, *_PFS)),
    _Target("GBM RT + TMZ, alive at 2 y", 0.265, 0.235, 0.295, "Stupp 2005; +-0.03", _alive_at(24)),
    _Target("GBM RT + TMZ, alive at 5 y", 0.098, 0.078, 0.118, "Stupp 2009; +-0.02", _alive_at(60)),
    _Target("GBM MGMT HR for death", 0.46, 0.41, 0.52, "PMC5873285, its 95 % CI", _mgmt_hr(*_OS)),
    _Target("GBM MGMT HR for progression", 0.48, 0.40, 0.57, "PMC5873285, its 95 % CI", _mgmt_hr(*_PFS)),
    _Target(
        "GBM methylated, median OS, mo", 21.7, 17.4, 26.0, "Hegi 2005; +-20 %",
        _median(GLIOBLASTOMA, *_OS, mgmt="methylated"),
    ),
    _Target(
        "GBM unmethylated, median OS, mo", 12.7, 10.2, 15.2, "Hegi 2005; +-20 %",
        _median(GLIOBLASTOMA, *_OS, mgmt="unmethylated"),
    ),
    _Target("GBM, C-index of the true risk", 0.70, 0.63, 0.78, "science sheet 7.2: modest, 0.63-0.78", _c_index),
    _Target(
        "Astrocytoma IDH-mutant grade 2-3, median OS, mo", 116.0, 104.0, 128.0, "CATNON; +-10 %",
        _median(ASTROCYTOMA, *_OS, grade=(2, 3)),
    ),
    _Target(
        "Astrocytoma IDH-mutant grade 4, median OS, mo", 31.0, 27.9, 34.1, "Yan 2009; +-10 %",
        _median(ASTROCYTOMA, *_OS, grade=4),
    ),
    _Target(
        "Oligodendroglioma, median OS, mo", 162.0, 145.0, 178.0, "RTOG 9402, CODEL 13-14.7 y; +-10 %",
        _median(OLIGODENDROGLIOMA, *_OS),
    ),
)  # fmt: skip
