"""Survival of a cohort by a field: curves, tests, hazard ratios, and who was left out.

The pieces live beside this file: `kaplan_meier`, `risk_table`, `logrank`, `cox`, `strata`, `immortal_time`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.compute.cox import CoxRow, cox_by_level
from analytics.compute.immortal_time import FieldMeta, guard, guard_all
from analytics.compute.kaplan_meier import KmCurve, kaplan_meier, median_follow_up
from analytics.compute.logrank import LogrankResult, PairwiseTest, logrank
from analytics.compute.risk_table import RiskTable, risk_table
from analytics.compute.strata import Strata, Stratum, stratify
from gliomon.common.errors import DomainError

__all__ = [
    "CoxRow",
    "FieldMeta",
    "KmCurve",
    "LogrankResult",
    "PairwiseTest",
    "RiskTable",
    "Strata",
    "Stratum",
    "SurvivalAnalysis",
    "SurvivalGroup",
    "analyse_survival",
    "cox_by_level",
    "guard",
    "kaplan_meier",
    "logrank",
    "median_follow_up",
    "month_ticks",
    "risk_table",
    "stratify",
    "summary_of",
    "survival_summary",
]

DAYS_PER_MONTH = 30.4375  # mean Gregorian month


@dataclasses.dataclass(frozen=True)
class SurvivalGroup:
    """One group: its label, curve and the table under the axis."""

    label: str
    curve: KmCurve
    table: RiskTable


@dataclasses.dataclass(frozen=True)
class SurvivalAnalysis:
    """All that the survival screen shows.

    Attributes
    ----------
    groups : tuple of SurvivalGroup
        In the order of their labels.
    logrank : LogrankResult or None
        None with one group, or where the groups were never at risk together.
    cox : tuple of CoxRow
        Empty with one group.
    excluded : dict of str to int
        Patients of the population left out, per reason.
    median_follow_up : float or None
        Days, reverse Kaplan-Meier over all groups.
    delayed_entry : bool
        Whether anybody entered after time zero (left truncation).
    """

    groups: tuple[SurvivalGroup, ...]
    logrank: LogrankResult | None
    cox: tuple[CoxRow, ...]
    excluded: dict[str, int]
    median_follow_up: float | None
    delayed_entry: bool


def analyse_survival(
    frame: pd.DataFrame,
    *,
    by: str | None = None,
    where: Mapping[str, Any] | None = None,
    reference: str | None = None,
    fields: Mapping[str, FieldMeta] | None = None,
    ticks: npt.ArrayLike | None = None,
    check_ph: bool = True,
) -> SurvivalAnalysis:
    """Estimate and compare survival of the groups of a cohort.

    Parameters
    ----------
    frame : DataFrame
        Columns subject, time_days, event, optionally entry_days, and fields; see `stratify`.
    by : str, optional
        Field that makes the groups; None = one group "all".
    where : mapping, optional
        Field values that define the population.
    reference : str, optional
        Reference level of the hazard ratios; see `cox_by_level`.
    fields : mapping of str to FieldMeta, optional
        What is known of the fields; when given, each field used must be in it and be known at baseline.
    ticks : array_like, optional
        Days at which the risk tables count; default `month_ticks` of the longest follow-up.
    check_ph : bool
        Also test proportional hazards.

    Raises
    ------
    DomainError
        `immortal_time`, `unknown_timing` (see `guard`) and the codes of `stratify` and `cox_by_level`.
    """
    guard_all([*(where or {}), *([by] if by is not None else [])], fields)
    strata = stratify(frame, by, where)
    marks = month_ticks(strata) if ticks is None else ticks
    arrays = {group.label: group.arrays for group in strata.groups}
    several = len(strata.groups) > 1
    return SurvivalAnalysis(
        groups=tuple(_analysed(group, marks) for group in strata.groups),
        logrank=_logrank_or_none(arrays) if several else None,
        cox=tuple(cox_by_level(arrays, reference=reference, check_ph=check_ph)) if several else (),
        excluded=strata.excluded,
        median_follow_up=_follow_up(strata),
        delayed_entry=any(bool((group.entry > 0).any()) for group in strata.groups),
    )


def survival_summary(
    frame: pd.DataFrame,
    *,
    by: str | None = None,
    where: Mapping[str, Any] | None = None,
    reference: str | None = None,
    fields: Mapping[str, FieldMeta] | None = None,
) -> dict[str, Any]:
    """Return survival of a cohort as a JSON-ready dict.

    Returns
    -------
    dict
        `{groups: [{label, n, events, median, ci_low, ci_high}], logrank: {chi2, df, p},
        cox: [{level, reference, hr, ci_low, ci_high}], excluded: {reason: n}}`; times in days, None = not reached
        or not estimable. Parameters and errors as in `analyse_survival`.
    """
    found = analyse_survival(frame, by=by, where=where, reference=reference, fields=fields, check_ph=False)
    return summary_of(found)


def summary_of(found: SurvivalAnalysis) -> dict[str, Any]:
    """Return the JSON-ready dict of `survival_summary` for an analysis already made."""
    test = found.logrank
    return {
        "groups": [_group_line(group) for group in found.groups],
        "logrank": {
            "chi2": test.chi2 if test else None,
            "df": test.df if test else None,
            "p": test.p if test else None,
        },
        "cox": [
            {key: getattr(row, key) for key in ("level", "reference", "hr", "ci_low", "ci_high")}
            for row in found.cox
        ],
        "excluded": dict(found.excluded),
    }


def month_ticks(strata: Strata) -> npt.NDArray[np.float64]:
    """Return about eight tick times in days, at round months, up to the longest follow-up."""
    longest = max((float(group.times.max()) for group in strata.groups), default=DAYS_PER_MONTH)
    months = longest / DAYS_PER_MONTH
    step = next(
        (size for size in (1, 3, 6, 12, 24, 36, 60) if months / size <= 8), 12 * math.ceil(months / 96)
    )
    return np.asarray(np.arange(0, months + 1e-9, step) * DAYS_PER_MONTH, dtype=np.float64)


def _analysed(group: Stratum, ticks: npt.ArrayLike) -> SurvivalGroup:
    curve = kaplan_meier(group.times, group.events, entry=group.entry)
    return SurvivalGroup(group.label, curve, risk_table(group.times, group.events, ticks, group.entry))


def _group_line(group: SurvivalGroup) -> dict[str, Any]:
    curve = group.curve
    return {
        "label": group.label,
        "n": curve.n,
        "events": curve.n_events,
        "median": curve.median,
        "ci_low": curve.median_ci_low,
        "ci_high": curve.median_ci_high,
    }


def _logrank_or_none(arrays: Mapping[str, Any]) -> LogrankResult | None:
    try:
        return logrank(arrays)
    except DomainError as error:
        if error.code != "logrank_groups":
            raise
        return None


def _follow_up(strata: Strata) -> float | None:
    if not strata.groups:
        return None
    times = np.concatenate([group.times for group in strata.groups])
    events = np.concatenate([group.events for group in strata.groups])
    return median_follow_up(times, events)
