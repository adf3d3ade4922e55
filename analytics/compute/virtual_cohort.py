"""A virtual cohort: simulated patients whose survival follows published curves and hazard ratios.

Nothing here is a patient. Every frame carries `virtual` = True and subjects named VIRT-...
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from analytics.compute.cns5 import GLIOBLASTOMA, OLIGODENDROGLIOMA
from analytics.compute.virtual_priors import (
    ACCRUAL_MONTHS,
    DAYS_PER_MONTH,
    DISEASES,
    DROPOUT_PER_MONTH,
    EFFECTS,
    FOLLOW_UP_MONTHS,
    KPS_LEVELS,
    KPS_SHARES,
    KPS_SHARES_MUTANT,
    OS_CURVE,
    PFS_CURVE,
    PROGRESSION_DEATH_CORRELATION,
    Disease,
    SurvivalShape,
)
from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.float64]

# Baseline facts of the simulation; all are known at time zero.
FIELDS = (
    "sex",
    "age",
    "age_band",
    "kps",
    "diagnosis",
    "grade",
    "idh",
    "codel_1p19q",
    "mgmt",
    "resection",
    "treatment",
)

_CALIBRATION_PATIENTS = 20_000
_CALIBRATION_SEED = 7


def virtual_cohort(
    n: int = 300, *, seed: int = 0, censoring: bool = True, diagnosis: str | None = None
) -> pd.DataFrame:
    """Simulate a cohort with baseline facts and two endpoints.

    Time zero is the start of first-line treatment (glioblastoma: about 5 weeks after diagnosis). Hazards are
    piecewise constant (science sheet 7.1), scaled per patient by the hazard ratios of 7.2, and calibrated so that
    the whole group, not the average patient, follows the published curve. IDH-mutant tumours use the shape of the
    glioblastoma curve, stretched in time to their published median [E]; the MGMT effect is for glioblastoma only.

    Parameters
    ----------
    n : int
        Patients, >= 1.
    seed : int
        The same seed gives the same cohort.
    censoring : bool
        False: everybody is followed until death (to compare with the targets).
    diagnosis : str, optional
        Only this CNS5 diagnosis.

    Returns
    -------
    DataFrame, n rows
        subject, time_days and event (death), pfs_days and pfs_event (progression or death; never after
        time_days), `FIELDS`, virtual (True). Times are whole days >= 1.

    Raises
    ------
    DomainError
        `cohort_size`: n < 1. `unknown_diagnosis`.
    """
    if n < 1:
        raise DomainError("cohort_size", f"{n} patients were asked for; at least 1 is needed")
    rng = np.random.default_rng(seed)
    facts = _facts(n, rng, diagnosis)
    death, progression = _event_times(facts, rng)
    cutoff = _censoring_months(n, rng) if censoring else np.full(n, np.inf)
    return _with_endpoints(facts, death, progression, cutoff)


def linear_predictor(facts: pd.DataFrame, endpoint: str) -> FloatArray:
    """Return each patient's log hazard ratio for "death" or "progression", centred at age 60, KPS 80.

    Parameters
    ----------
    facts : DataFrame
        Columns of `FIELDS`.
    endpoint : str
        "death" or "progression".

    Returns
    -------
    ndarray, shape (n,)
        Higher = more hazard.
    """
    methylated = (facts["mgmt"] == "methylated") & (facts["diagnosis"] == GLIOBLASTOMA)
    design = {
        "mgmt_methylated": methylated,
        "debulking": facts["resection"] == "debulking",
        "age_per_10y": (facts["age"] - 60.0) / 10.0,
        "kps_per_minus_10": (80.0 - facts["kps"]) / 10.0,
        "male": facts["sex"] == "male",
    }
    parts = [
        np.asarray(column, dtype=np.float64) * getattr(EFFECTS[name], endpoint)
        for name, column in design.items()
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _facts(n: int, rng: np.random.Generator, diagnosis: str | None) -> pd.DataFrame:
    known = [disease.diagnosis for disease in DISEASES]
    if diagnosis is not None and diagnosis not in known:
        raise DomainError("unknown_diagnosis", f'"{diagnosis}" is not simulated; there are {known}')
    shares = np.array([disease.share for disease in DISEASES])
    which = (
        rng.choice(len(DISEASES), size=n, p=shares)
        if diagnosis is None
        else np.full(n, known.index(diagnosis))
    )
    parts = [
        _facts_of(disease, np.flatnonzero(which == place), rng) for place, disease in enumerate(DISEASES)
    ]
    facts = pd.concat([part for part in parts if len(part)]).sort_index()
    facts.insert(0, "subject", [f"VIRT-{number + 1:06d}" for number in range(n)])
    return facts.reset_index(drop=True)


def _facts_of(disease: Disease, index: npt.NDArray[np.int64], rng: np.random.Generator) -> pd.DataFrame:
    n = len(index)
    wildtype = disease.diagnosis == GLIOBLASTOMA
    age = np.clip(rng.normal(disease.age_mean, disease.age_sd, n), 18.0, 88.0).round(1)
    grades = rng.choice(list(disease.grades), size=n, p=list(disease.grades.values()))
    return pd.DataFrame(
        {
            "sex": np.where(rng.random(n) < disease.male, "male", "female"),
            "age": age,
            "age_band": np.select([age < 40, age < 65], ["18-39", "40-64"], "65 and over"),
            "kps": rng.choice(KPS_LEVELS, size=n, p=KPS_SHARES if wildtype else KPS_SHARES_MUTANT),
            "diagnosis": disease.diagnosis,
            "grade": grades,
            "idh": "wild-type" if wildtype else "mutant",
            "codel_1p19q": "codeleted" if disease.diagnosis == OLIGODENDROGLIOMA else "intact",
            "mgmt": np.where(rng.random(n) < disease.methylated, "methylated", "unmethylated"),
            "resection": np.where(rng.random(n) < disease.biopsy, "biopsy", "debulking"),
            "treatment": "RT + TMZ" if wildtype else "RT + chemotherapy",
        },
        index=index,
    )


def _event_times(facts: pd.DataFrame, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw months to death and to progression, dependent on each other through a normal copula."""
    rho = PROGRESSION_DEATH_CORRELATION
    first, second = rng.standard_normal((2, len(facts)))
    scores = {"death": first, "progression": rho * first + np.sqrt(1 - rho**2) * second}
    months = {
        endpoint: _times(facts, endpoint, -np.log(norm.sf(scores[endpoint])))
        for endpoint in ("death", "progression")
    }
    return months["death"], months["progression"]


def _times(facts: pd.DataFrame, endpoint: str, cumulative: FloatArray) -> FloatArray:
    """Turn unit-exponential draws into months: the time at which the patient's cumulative hazard reaches them."""
    months = np.empty(len(facts))
    lp = linear_predictor(facts, endpoint)
    for disease in DISEASES:
        for grade, median in disease.median_os.items():
            mine = ((facts["diagnosis"] == disease.diagnosis) & (facts["grade"] == grade)).to_numpy()
            stretch = median / DISEASES[0].median_os[4]
            knots, hazards = _calibrated(disease.diagnosis, endpoint)
            months[mine] = stretch * _invert(cumulative[mine] * np.exp(-lp[mine]), knots, hazards)
    return months


def _invert(target: FloatArray, knots: FloatArray, hazards: FloatArray) -> FloatArray:
    """Return when a piecewise-linear cumulative hazard (slopes `hazards` from `knots` on) reaches the targets."""
    reached = np.concatenate(([0.0], np.cumsum(hazards[:-1] * np.diff(knots))))
    piece = np.searchsorted(reached, target, side="right") - 1
    return np.asarray(knots[piece] + (target - reached[piece]) / hazards[piece])


@functools.cache
def _calibrated(diagnosis: str, endpoint: str) -> tuple[FloatArray, FloatArray]:
    """Return knots and hazards (1/month) of a patient with log hazard ratio 0, so that the group meets the curve.

    Patients of high hazard leave first, so the group's hazard falls faster than anybody's: each piece is solved
    for in turn over a fixed reference group.
    """
    shape: SurvivalShape = OS_CURVE if endpoint == "death" else PFS_CURVE
    rng = np.random.default_rng(_CALIBRATION_SEED)
    relative = np.exp(linear_predictor(_facts(_CALIBRATION_PATIENTS, rng, diagnosis), endpoint))
    knots = np.array([0.0, *shape.months])
    cumulative = [0.0]
    for survival in shape.survival:
        cumulative.append(_solve(relative, survival, cumulative[-1]))
    hazards = np.diff(cumulative) / np.diff(knots)
    return knots[:-1], hazards


def _solve(relative: FloatArray, survival: float, low: float) -> float:
    return float(brentq(lambda total: float(np.exp(-relative * total).mean()) - survival, low, low + 50.0))


def _censoring_months(n: int, rng: np.random.Generator) -> FloatArray:
    administrative = FOLLOW_UP_MONTHS + ACCRUAL_MONTHS * rng.random(n)
    return np.minimum(administrative, rng.exponential(1.0 / DROPOUT_PER_MONTH, n))


def _with_endpoints(
    facts: pd.DataFrame, death: FloatArray, progression: FloatArray, cutoff: FloatArray
) -> pd.DataFrame:
    either = np.minimum(progression, death)
    endpoints: dict[str, Any] = {
        "time_days": _days(np.minimum(death, cutoff)),
        "event": (death <= cutoff).astype(np.int64),
        "pfs_days": _days(np.minimum(either, cutoff)),
        "pfs_event": (either <= cutoff).astype(np.int64),
    }
    frame = facts.assign(**endpoints, virtual=True)
    return frame[["subject", *endpoints, *FIELDS, "virtual"]]


def _days(months: FloatArray) -> npt.NDArray[np.int64]:
    return np.maximum(np.ceil(months * DAYS_PER_MONTH), 1).astype(np.int64)
