"""Where the virtual cohort's numbers come from: shares, hazards and hazard ratios, each with its source.

All of them are priors for simulated patients, never results of gliomon. Marks: [F] read in the cited source,
[O] general knowledge, citation not re-read, [E] engineering choice.
"""

from __future__ import annotations

import dataclasses
import math

from analytics.compute.cns5 import ASTROCYTOMA, GLIOBLASTOMA, OLIGODENDROGLIOMA

DAYS_PER_MONTH = 30.4375


@dataclasses.dataclass(frozen=True)
class Disease:
    """One diagnosis of the virtual cohort.

    Attributes
    ----------
    share : float
        Part of the cohort, 0-1.
    grades : dict of int to float
        Share of each CNS5 grade.
    age_mean, age_sd : float
        Years, before truncation to 18-88.
    male, methylated, biopsy : float
        Shares of men, of MGMT-methylated tumours and of operations that were a biopsy only.
    median_os : dict of int to float
        Median overall survival in months per grade.
    """

    diagnosis: str
    share: float
    grades: dict[int, float]
    age_mean: float
    age_sd: float
    male: float
    methylated: float
    biopsy: float
    median_os: dict[int, float]


# Shares, ages and sexes: [O] registry orders of magnitude. MGMT 45 % in glioblastoma: Hegi 2005 [O]; others [E].
# Median OS: glioblastoma from `OS_CURVE`; IDH-mutant astrocytoma 116 months (CATNON) [F], grade 4 31 months (Yan
# 2009) [O]; oligodendroglioma 13.5 years (RTOG 9402, CODEL: 13-14.7) [O].
DISEASES: tuple[Disease, ...] = (
    Disease(GLIOBLASTOMA, 0.60, {4: 1.0}, 60.0, 11.0, 0.59, 0.45, 0.20, {4: 14.6}),
    Disease(
        ASTROCYTOMA,
        0.24,
        {2: 0.40, 3: 0.42, 4: 0.18},
        38.0,
        10.0,
        0.57,
        0.75,
        0.15,
        {2: 116.0, 3: 116.0, 4: 31.0},
    ),
    Disease(OLIGODENDROGLIOMA, 0.16, {2: 0.60, 3: 0.40}, 44.0, 11.0, 0.55, 0.92, 0.15, {2: 162.0, 3: 162.0}),
)


@dataclasses.dataclass(frozen=True)
class SurvivalShape:
    """Marginal survival at knots; between them the hazard is constant, after the last it stays.

    Attributes
    ----------
    months, survival : tuple of float
        Knots after 0, and survival (0-1) there.
    """

    months: tuple[float, ...]
    survival: tuple[float, ...]
    source: str


# Science sheet 7.1: survival points of the RT + TMZ arm (Stupp 2005/2009 [O]); intervals derived [E].
OS_CURVE = SurvivalShape(
    (6, 12, 18, 24, 36, 48, 60),
    (0.863, 0.611, 0.394, 0.272, 0.160, 0.121, 0.098),
    "Stupp 2005/2009, RT + TMZ, OS",
)
PFS_CURVE = SurvivalShape((6, 12, 24), (0.539, 0.269, 0.107), "Stupp 2005, RT + TMZ, PFS")


@dataclasses.dataclass(frozen=True)
class Effect:
    """Log hazard ratios of one covariate for death and for progression."""

    name: str
    death: float
    progression: float
    source: str


# Progression effects other than MGMT: half of the log HR for death [E]; the sources give deaths only.
EFFECTS: dict[str, Effect] = {
    "mgmt_methylated": Effect(
        "mgmt_methylated", math.log(0.46), math.log(0.48), "PMC5873285, 7886 patients [F]; glioblastoma only"
    ),
    "debulking": Effect("debulking", math.log(0.54), math.log(0.54) / 2, "PMC9265012 [F]"),
    "age_per_10y": Effect("age_per_10y", math.log(1.25), math.log(1.25) / 2, "[O]"),
    "kps_per_minus_10": Effect("kps_per_minus_10", math.log(1.25), math.log(1.25) / 2, "[O]"),
    "male": Effect("male", math.log(1.15), math.log(1.15) / 2, "1.1-1.2 [O]"),
}

# Progression and death of one patient depend on each other; correlation of their normal scores [E].
PROGRESSION_DEATH_CORRELATION = 0.7

KPS_LEVELS = (60, 70, 80, 90, 100)
KPS_SHARES = (0.08, 0.15, 0.27, 0.33, 0.17)  # [E], glioblastoma trial and clinic mixture
KPS_SHARES_MUTANT = (0.02, 0.06, 0.17, 0.40, 0.35)  # [E], younger patients

DROPOUT_PER_MONTH = 0.004  # constant hazard of loss to follow-up [E]
ACCRUAL_MONTHS = 60.0  # even accrual [E]
FOLLOW_UP_MONTHS = 12.0  # from the last entry to the data cut-off [E]
