"""The Kaplan-Meier curve with its at-risk numbers, log-log interval and median."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SPARSE_AT_RISK = 10  # patients; science sheet, section 8: mark where fewer are at risk
_HALF_TOLERANCE = 1e-9  # products such as 0.8 * 0.625 miss 0.5 by a rounding error


@dataclasses.dataclass(frozen=True)
class KmCurve:
    """A right-continuous survival step curve.

    Attributes
    ----------
    times : ndarray, shape (k,)
        0, then each distinct time of the data in rising order; the unit of the input (days).
    survival, se, ci_low, ci_high : ndarray, shape (k,)
        Survival probability just after the time, Greenwood standard error and 95 % log-log interval (0-1).
        Error and interval are NaN where the curve has reached 0: the variance is not defined there, and an interval
        of (0, 0) would give a median whose upper bound is the last death.
    at_risk, events, censored : ndarray of int, shape (k,)
        Under observation just before the time; events and censorings at it.
    n, n_events : int
        Patients and events.
    median, median_ci_low, median_ci_high : float or None
        Smallest time with survival (its bounds) <= 0.5; None = not reached ("NR").
    sparse_from : float or None
        First time after 0 with fewer than 10 at risk.
    """

    times: FloatArray
    survival: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    at_risk: IntArray
    events: IntArray
    censored: IntArray
    n: int
    n_events: int
    median: float | None
    median_ci_low: float | None
    median_ci_high: float | None
    sparse_from: float | None


def kaplan_meier(
    times: npt.ArrayLike, events: npt.ArrayLike, *, entry: npt.ArrayLike | None = None
) -> KmCurve:
    """Estimate survival from right-censored, optionally left-truncated follow-up.

    Parameters
    ----------
    times : array_like, shape (n,)
        Follow-up from time zero, > 0 (days).
    events : array_like of {0, 1}, shape (n,)
        1 = event, 0 = censored. At ties events come before censorings.
    entry : array_like, shape (n,), optional
        Start of observation in the unit of `times`, 0 <= entry < time; at risk from just after it.

    Returns
    -------
    KmCurve

    Raises
    ------
    DomainError
        `survival_input`: no patients, other lengths, times <= 0, events other than 0 and 1, or entry >= time.

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481. doi 10.1080/01621459.1958.10501452
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 1980 (log-log interval).
    """
    duration, event, start = checked_follow_up(times, events, entry)
    grid = np.concatenate(([0.0], np.unique(duration)))
    risk = at_risk_at(duration, start, grid)
    died = _count_at(duration[event == 1], grid)
    survival, low, high = _estimate(duration, event, start, grid)
    sparse = grid[1:][risk[1:] < SPARSE_AT_RISK]
    return KmCurve(
        times=grid,
        survival=survival,
        se=_greenwood_se(survival, risk, died),
        ci_low=low,
        ci_high=high,
        at_risk=risk,
        events=died,
        censored=_count_at(duration[event == 0], grid),
        n=len(duration),
        n_events=int(event.sum()),
        median=_first_at_half(grid, survival),
        median_ci_low=_first_at_half(grid, low),
        median_ci_high=_first_at_half(grid, high),
        sparse_from=float(sparse[0]) if sparse.size else None,
    )


def median_follow_up(times: npt.ArrayLike, events: npt.ArrayLike) -> float | None:
    """Return the median follow-up by reverse Kaplan-Meier (censoring counted as the event), None if not reached.

    References
    ----------
    Schemper M, Smith TL. Control Clin Trials 1996;17:343-346. doi 10.1016/0197-2456(96)00075-X
    """
    duration, event, _ = checked_follow_up(times, events, None)
    return kaplan_meier(duration, 1 - event).median


def at_risk_at(duration: FloatArray, entry: FloatArray, ticks: FloatArray) -> IntArray:
    """Count who is under observation just before each tick: entered earlier (or at 0) and not yet gone.

    Parameters
    ----------
    duration, entry : ndarray, shape (n,)
        End and start of observation; an entry of 0 counts from the very start.
    ticks : ndarray, shape (k,)
        Times to count at.
    """
    entered_from_start = int((entry <= 0).sum())
    later = np.sort(entry[entry > 0])
    gone = np.searchsorted(np.sort(duration), ticks, side="left")
    return (entered_from_start + np.searchsorted(later, ticks, side="left") - gone).astype(np.int64)


def checked_follow_up(
    times: npt.ArrayLike, events: npt.ArrayLike, entry: npt.ArrayLike | None
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return times, events and entries as arrays, or refuse them with `survival_input`."""
    duration = np.asarray(times, dtype=np.float64)
    event = np.asarray(events, dtype=np.float64)
    start = np.zeros_like(duration) if entry is None else np.asarray(entry, dtype=np.float64)
    if (
        duration.ndim != 1
        or duration.size == 0
        or event.shape != duration.shape
        or start.shape != duration.shape
    ):
        raise _bad_input(
            f"shapes {duration.shape}, {event.shape}, {start.shape} came; equal non-empty lengths needed"
        )
    if not (np.isfinite(duration).all() and (duration > 0).all()):
        raise _bad_input("a follow-up time is missing, zero or negative; all must be above 0")
    if not np.isin(event, (0.0, 1.0)).all():
        raise _bad_input("an event is neither 0 nor 1")
    if not (np.isfinite(start).all() and (start >= 0).all() and (start < duration).all()):
        raise _bad_input("an entry is missing, negative or not before the end of follow-up")
    return duration, event.astype(np.int64), start


def _bad_input(message: str) -> DomainError:
    return DomainError("survival_input", message)


def _count_at(values: FloatArray, grid: FloatArray) -> IntArray:
    return np.bincount(np.searchsorted(grid, values), minlength=len(grid)).astype(np.int64)


def _estimate(
    duration: FloatArray, event: IntArray, entry: FloatArray, grid: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    from lifelines import KaplanMeierFitter

    fitter = KaplanMeierFitter()
    with warnings.catch_warnings():
        # lifelines warns where a left-truncated curve touches 0; the curve shows it, and the numbers at risk say why.
        warnings.simplefilter("ignore")
        fitter.fit(duration, event, entry=entry if (entry > 0).any() else None)
    survival = _on_grid(fitter.survival_function_, grid, 0)
    low, high = (_on_grid(fitter.confidence_interval_, grid, column) for column in (0, 1))
    alive = survival > 0
    return survival, np.where(alive, low, np.nan), np.where(alive, high, np.nan)


def _on_grid(table: Any, grid: FloatArray, column: int) -> FloatArray:
    """Read a step function, given as a table over its own times, at our times."""
    known = np.asarray(table.index, dtype=np.float64)
    values = np.asarray(table.iloc[:, column], dtype=np.float64)
    place = np.searchsorted(known, grid, side="right") - 1
    return np.where(place < 0, 1.0, values[np.maximum(place, 0)])


def _greenwood_se(survival: FloatArray, risk: IntArray, died: IntArray) -> FloatArray:
    left = risk - died
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(died > 0, died / (risk * left.astype(np.float64)), 0.0)
        return np.asarray(np.where(survival > 0, survival * np.sqrt(np.cumsum(terms)), np.nan))


def _first_at_half(grid: FloatArray, curve: FloatArray) -> float | None:
    reached = np.flatnonzero(curve <= 0.5 + _HALF_TOLERANCE)
    return float(grid[reached[0]]) if reached.size else None
