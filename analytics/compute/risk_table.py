"""The table under a Kaplan-Meier axis: at risk, censored, events at each tick."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from analytics.compute.kaplan_meier import IntArray, at_risk_at, checked_follow_up


@dataclasses.dataclass(frozen=True)
class RiskTable:
    """Counts at each tick; every column of one group adds up to its n.

    Attributes
    ----------
    ticks : ndarray, shape (k,)
        Times in the unit of the follow-up (days).
    at_risk, censored, events, not_entered : ndarray of int, shape (k,)
        Under observation just before the tick; censored and with an event before it; not yet under observation
        (delayed entry only).
    """

    ticks: npt.NDArray[np.float64]
    at_risk: IntArray
    censored: IntArray
    events: IntArray
    not_entered: IntArray


def risk_table(
    times: npt.ArrayLike, events: npt.ArrayLike, ticks: npt.ArrayLike, entry: npt.ArrayLike | None = None
) -> RiskTable:
    """Count at risk, censored and events at each tick (the KMunicate table).

    A patient whose follow-up ends exactly at a tick is still at risk there and leaves after it, so that at risk,
    censored, events and not yet entered always add up to n.

    Parameters
    ----------
    times, events, entry : array_like, shape (n,)
        As in `kaplan_meier`.
    ticks : array_like, shape (k,)
        Times to count at, same unit.

    Raises
    ------
    DomainError
        `survival_input` as in `kaplan_meier`.

    References
    ----------
    Morris TP et al. Proposals on Kaplan-Meier plots in medical research (KMunicate). BMJ Open 2019;9:e030215.
    doi 10.1136/bmjopen-2019-030215
    """
    duration, event, start = checked_follow_up(times, events, entry)
    marks = np.asarray(ticks, dtype=np.float64)
    at_risk = at_risk_at(duration, start, marks)
    died = _ended_before(duration[event == 1], marks)
    censored = _ended_before(duration[event == 0], marks)
    return RiskTable(marks, at_risk, censored, died, len(duration) - at_risk - died - censored)


def _ended_before(ends: npt.NDArray[np.float64], ticks: npt.NDArray[np.float64]) -> IntArray:
    return np.searchsorted(np.sort(ends), ticks, side="left").astype(np.int64)
