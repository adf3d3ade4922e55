"""The log-rank test for two or more groups, with delayed entry and pairwise tests."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2 as chi2_distribution

from analytics.compute.kaplan_meier import FloatArray, IntArray, at_risk_at, checked_follow_up
from gliomon.common.errors import DomainError

Group = tuple[FloatArray, IntArray, FloatArray]


@dataclasses.dataclass(frozen=True)
class PairwiseTest:
    """One pair of groups: chi-square with 1 degree of freedom, raw and Holm-adjusted p."""

    first: str
    second: str
    chi2: float
    p: float
    p_holm: float


@dataclasses.dataclass(frozen=True)
class LogrankResult:
    """Log-rank over all groups; `pairwise` is filled when there are more than two."""

    chi2: float
    df: int
    p: float
    pairwise: tuple[PairwiseTest, ...] = ()


def logrank(groups: Mapping[str, Sequence[npt.ArrayLike]]) -> LogrankResult:
    """Test whether the groups share one hazard.

    Parameters
    ----------
    groups : mapping of str to (times, events) or (times, events, entry)
        At least two groups; arrays as in `kaplan_meier`.

    Returns
    -------
    LogrankResult
        Two-sided p of the chi-square with one degree of freedom less than there are groups; for more than two
        groups also each pair, adjusted by Holm.

    Raises
    ------
    DomainError
        `logrank_groups`: fewer than two groups, or no event at a time when two groups are at risk.
        `survival_input` as in `kaplan_meier`.

    References
    ----------
    Peto R, Peto J. J R Stat Soc A 1972;135:185-207. doi 10.2307/2344317
    Holm S. Scand J Stat 1979;6:65-70 (adjustment for several pairs).
    """
    if len(groups) < 2:
        raise DomainError("logrank_groups", f"{len(groups)} group came; the log-rank test needs at least two")
    checked = {label: _checked(group) for label, group in groups.items()}
    chi2, df = _chi_square(list(checked.values()))
    return LogrankResult(chi2, df, _p(chi2, df), _pairwise(checked) if len(checked) > 2 else ())


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm step-down), in the order given."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]


def _checked(group: Sequence[npt.ArrayLike]) -> Group:
    return checked_follow_up(group[0], group[1], group[2] if len(group) > 2 else None)


def _p(chi2: float, df: int) -> float:
    return float(chi2_distribution.sf(chi2, df))


def _chi_square(groups: list[Group]) -> tuple[float, int]:
    grid = np.unique(np.concatenate([duration[event == 1] for duration, event, _ in groups]))
    risk = np.stack([at_risk_at(duration, entry, grid) for duration, _, entry in groups]).astype(np.float64)
    died = np.stack([_deaths_at(duration, event, grid) for duration, event, _ in groups])
    total, deaths = risk.sum(axis=0), died.sum(axis=0)
    share = risk / total
    excess = (died - share * deaths).sum(axis=1)
    weight = deaths * np.where(total > 1, (total - deaths) / np.maximum(total - 1, 1), 0.0)
    covariance = np.diag((weight * share).sum(axis=1)) - (weight * share) @ share.T
    return _quadratic_form(excess, covariance, len(groups) - 1)


def _deaths_at(duration: FloatArray, event: IntArray, grid: FloatArray) -> FloatArray:
    return np.bincount(np.searchsorted(grid, duration[event == 1]), minlength=len(grid)).astype(np.float64)


def _quadratic_form(excess: FloatArray, covariance: FloatArray, df: int) -> tuple[float, int]:
    """Return excess' covariance^-1 excess; a group that never shares a risk set makes it singular."""
    inner, matrix = excess[:-1], covariance[:-1, :-1]
    if not matrix.size or np.linalg.matrix_rank(matrix) < df:
        raise DomainError(
            "logrank_groups",
            "the groups cannot be compared: no event while patients of each group were at risk",
        )
    return float(inner @ np.linalg.solve(matrix, inner)), df


def _pairwise(groups: Mapping[str, Group]) -> tuple[PairwiseTest, ...]:
    pairs, chi2 = [], []
    for first, second in itertools.combinations(groups, 2):
        try:
            chi2.append(_chi_square([groups[first], groups[second]])[0])
            pairs.append((first, second))
        except DomainError:  # a pair without a common event has no test; the overall test stands
            continue
    p_values = [_p(value, 1) for value in chi2]
    adjusted = holm(p_values)
    return tuple(
        PairwiseTest(*pair, chi2=value, p=p, p_holm=p_holm)
        for pair, value, p, p_holm in zip(pairs, chi2, p_values, adjusted, strict=True)
    )
