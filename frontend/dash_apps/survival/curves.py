"""From the analysis in days to what the figure draws in months."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from frontend.figures.kaplan_meier import CurveGroup

DAYS_PER_MONTH = 30.4375  # mean Gregorian month


def curve_groups(groups: Any) -> list[CurveGroup]:
    """One drawable group per survival group, lettered in their order."""
    return [_curve(group, letter) for group, letter in zip(groups, string.ascii_uppercase, strict=False)]


def tick_months(groups: Any) -> list[float]:
    """The ticks at which the groups were counted."""
    ticks = groups[0].table.ticks if groups else ()
    return [round(float(tick) / DAYS_PER_MONTH, 6) for tick in ticks]


def _curve(group: Any, letter: str) -> CurveGroup:
    curve, table = group.curve, group.table
    ended = curve.censored > 0
    months = curve.times / DAYS_PER_MONTH
    return CurveGroup(
        label=group.label,
        letter=letter,
        months=months,
        survival=curve.survival,
        low=curve.ci_low,
        high=curve.ci_high,
        censor_months=months[ended],
        censor_survival=curve.survival[ended],
        at_risk=_counts(table.at_risk),
        censored=_counts(table.censored),
        events=_counts(table.events),
    )


def _counts(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in np.asarray(values))
