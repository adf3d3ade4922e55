"""Hazard ratios of the levels of one field against a named reference level."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.compute.kaplan_meier import checked_follow_up
from gliomon.common.errors import DomainError

# Levels that a reader expects as the comparator, by their usual spellings; the first one present is taken.
USUAL_REFERENCES = (
    "wt", "wildtype", "wild-type", "wild type", "idhwt", "unmethylated", "non-codel", "not codeleted", "intact",
    "control", "absent", "no", "0", "false",
)  # fmt: skip

_LARGEST_LOG_HR = 10.0  # beyond it the groups are separated and the ratio is not estimable


@dataclasses.dataclass(frozen=True)
class CoxRow:
    """One level against the reference.

    Attributes
    ----------
    level, reference : str
        Labels.
    hr, ci_low, ci_high : float or None
        Hazard ratio, > 1 = more hazard than the reference, with its 95 % Wald interval; None = not estimable
        (a level or the reference without events, or complete separation).
    p : float or None
        Wald test.
    ph_p : float or None
        Proportional-hazards check (scaled Schoenfeld residuals against Kaplan-Meier time); small = doubtful.
    """

    level: str
    reference: str
    hr: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None = None
    ph_p: float | None = None


def cox_by_level(
    groups: Mapping[str, Sequence[npt.ArrayLike]], *, reference: str | None = None, check_ph: bool = True
) -> list[CoxRow]:
    """Estimate the hazard ratio of each level against the reference (Efron ties).

    Parameters
    ----------
    groups : mapping of str to (times, events) or (times, events, entry)
        At least two levels; arrays as in `kaplan_meier`.
    reference : str, optional
        Name of the reference level; else the usual comparator of the field (wild-type, unmethylated,
        non-codeleted, control), else the first label in alphabetical order.
    check_ph : bool
        Also test proportional hazards.

    Returns
    -------
    list of CoxRow
        One per level but the reference, in alphabetical order.

    Raises
    ------
    DomainError
        `cox_reference`: fewer than two levels, or no such reference.

    References
    ----------
    Efron B. J Am Stat Assoc 1977;72:557-565. doi 10.1080/01621459.1977.10480613
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526. doi 10.1093/biomet/81.3.515
    """
    base = _reference(groups, reference)
    levels = [level for level in sorted(groups) if level != base]
    frame = _long_frame(groups)
    with_events = frame.loc[frame["event"] == 1, "level"].unique()
    estimable = [level for level in levels if level in with_events] if base in with_events else []
    # A level without events has a log hazard ratio of minus infinity: leaving it out changes no other level.
    kept = frame[frame["level"].isin([base, *estimable])]
    fitted = _fit(kept, base, estimable, check_ph) if estimable else {}
    return [fitted.get(level, CoxRow(level, base, None, None, None)) for level in levels]


def _reference(groups: Mapping[str, Any], wanted: str | None) -> str:
    if len(groups) < 2:
        raise DomainError("cox_reference", f"{len(groups)} level came; a hazard ratio needs at least two")
    if wanted is not None:
        if wanted not in groups:
            raise DomainError(
                "cox_reference", f'the reference "{wanted}" is not a level; there are {sorted(groups)}'
            )
        return wanted
    folded = {label.casefold(): label for label in sorted(groups, reverse=True)}
    return next((folded[word] for word in USUAL_REFERENCES if word in folded), min(groups))


def _long_frame(groups: Mapping[str, Sequence[npt.ArrayLike]]) -> pd.DataFrame:
    parts = []
    for level, group in groups.items():
        duration, event, entry = checked_follow_up(group[0], group[1], group[2] if len(group) > 2 else None)
        parts.append(pd.DataFrame({"time": duration, "event": event, "entry": entry, "level": level}))
    return pd.concat(parts, ignore_index=True)


def _fit(frame: pd.DataFrame, base: str, levels: list[str], check_ph: bool) -> dict[str, CoxRow]:
    """Fit one model with an indicator per level; an empty answer means that it did not converge."""
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    design = frame[["time", "event"]].copy()
    for place, level in enumerate(levels):
        design[f"x{place}"] = (frame["level"] == level).astype(np.float64)
    entry_column = None
    if (frame["entry"] > 0).any():
        design["entry"], entry_column = frame["entry"], "entry"
    model = CoxPHFitter()
    try:
        with warnings.catch_warnings():
            # lifelines warns of separation, which the size of the coefficient shows and `_row` turns into None.
            warnings.simplefilter("ignore")
            model.fit(design, "time", "event", entry_col=entry_column)
            ph_p = _ph_check(model, design, len(levels)) if check_ph else [None] * len(levels)
    except (ConvergenceError, np.linalg.LinAlgError):
        return {}
    return {level: _row(model, level, base, place, ph_p[place]) for place, level in enumerate(levels)}


def _ph_check(model: Any, design: pd.DataFrame, count: int) -> list[float | None]:
    from lifelines.statistics import proportional_hazard_test

    test = proportional_hazard_test(model, design, time_transform="km")
    by_name = dict(zip(test.name, np.atleast_1d(test.p_value), strict=True))
    values = [float(by_name[f"x{place}"]) for place in range(count)]
    return [value if math.isfinite(value) else None for value in values]


def _row(model: Any, level: str, base: str, place: int, ph_p: float | None) -> CoxRow:
    found = model.summary.loc[f"x{place}"]
    log_hr, se = float(found["coef"]), float(found["se(coef)"])
    if not math.isfinite(se) or abs(log_hr) > _LARGEST_LOG_HR:
        return CoxRow(level, base, None, None, None)
    return CoxRow(
        level=level,
        reference=base,
        hr=math.exp(log_hr),
        ci_low=float(found["exp(coef) lower 95%"]),
        ci_high=float(found["exp(coef) upper 95%"]),
        p=float(found["p"]),
        ph_p=ph_p,
    )
