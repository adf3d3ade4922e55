"""Which patients enter which survival group, and why the others do not."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.compute.cohort_values import is_missing
from analytics.compute.kaplan_meier import FloatArray, IntArray
from gliomon.common.errors import DomainError

REQUIRED_COLUMNS = ("subject", "time_days", "event")
ENTRY_COLUMN = "entry_days"
OVERALL = "all"
MIN_GROUP = 5  # patients; clinical.md: smaller groups are suppressed
MAX_LEVELS = 12  # curves that one figure can carry

Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Stratum:
    """One survival group: follow-up (days from time zero), events (0 or 1) and entry (days), each shape (n,)."""

    label: str
    times: FloatArray
    events: IntArray
    entry: FloatArray

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.times)

    @property
    def arrays(self) -> tuple[FloatArray, IntArray, FloatArray]:
        """Times, events and entry, as the survival functions take them."""
        return self.times, self.events, self.entry


@dataclasses.dataclass(frozen=True)
class Strata:
    """Groups in the order of their labels, and the number of patients left out per reason."""

    groups: tuple[Stratum, ...]
    excluded: dict[str, int]


def stratify(
    frame: pd.DataFrame, by: str | None, where: Mapping[str, Any] | None = None, min_group: int = MIN_GROUP
) -> Strata:
    """Split a cohort into survival groups and count every patient who is left out.

    Parameters
    ----------
    frame : DataFrame
        Columns subject, time_days (days from time zero), event (1, 0 or missing), optionally entry_days (start of
        observation; negative counts as 0), and the fields of the cohort. One row per subject.
    by : str or None
        Field whose values are the groups; None = one group "all".
    where : mapping of str to value, optional
        The population: rows whose field equals the value. Rows of another value are outside of the population and
        not counted as excluded; rows where the field is not known are.
    min_group : int
        Smaller groups are suppressed (their sizes are added up, so that no small group is named).

    Returns
    -------
    Strata
        Each row of the population is in exactly one group or counted under exactly one reason, the first that holds.

    Raises
    ------
    DomainError
        `missing_column`, `unknown_field`, `no_such_value` (the filter fits no row), `too_many_levels`.
    """
    conditions = dict(where or {})
    _check_columns(frame, by, conditions)
    reasons: Counter[str] = Counter()
    population = _population(frame, conditions, reasons)
    kept = _usable(population, by, reasons)
    labels = pd.Series(OVERALL, index=kept.index) if by is None else kept[by].map(_label)
    groups = _groups(kept, labels, by, min_group, reasons)
    return Strata(groups, {reason: n for reason, n in reasons.items() if n})


def _check_columns(frame: pd.DataFrame, by: str | None, where: Mapping[str, Any]) -> None:
    absent = [name for name in REQUIRED_COLUMNS if name not in frame.columns]
    if absent:
        raise DomainError(
            "missing_column", f"the cohort has no column {absent}; it needs {list(REQUIRED_COLUMNS)}"
        )
    fields = sorted(set(frame.columns) - {*REQUIRED_COLUMNS, ENTRY_COLUMN})
    for name in [*where, *([by] if by is not None else [])]:
        if name not in fields:
            raise DomainError("unknown_field", f'the cohort has no field "{name}"; it has {fields}')


def _population(frame: pd.DataFrame, where: Mapping[str, Any], reasons: Counter[str]) -> pd.DataFrame:
    rows = frame
    for name, wanted in where.items():
        unknown = _missing(rows[name])
        fits = (
            rows[name].map(lambda value, wanted=wanted: _same(value, wanted)).to_numpy(dtype=bool) & ~unknown
        )
        if not fits.any():
            raise DomainError("no_such_value", f'no patient has {name} = "{wanted}" within this selection')
        reasons[f"{name} not known"] += int(unknown.sum())
        rows = rows[fits]
    return rows


def _usable(rows: pd.DataFrame, by: str | None, reasons: Counter[str]) -> pd.DataFrame:
    """Drop rows that no curve can hold, one reason after the other."""
    time = pd.to_numeric(rows["time_days"], errors="coerce")
    event = pd.to_numeric(rows["event"], errors="coerce")
    tests: list[tuple[str, pd.Series]] = [
        ("subject repeated", rows["subject"].duplicated() & rows["subject"].notna()),
        ("survival time not known", ~np.isfinite(time)),
        ("survival time not above 0", time <= 0),
        ("event not known", ~event.isin((0, 1))),
    ]
    if ENTRY_COLUMN in rows.columns:
        entry = pd.to_numeric(rows[ENTRY_COLUMN], errors="coerce")
        tests += [
            ("entry not known", ~np.isfinite(entry)),
            ("entry not before the end of follow-up", entry >= time),
        ]
    if by is not None:
        tests.append((f"{by} not known", pd.Series(_missing(rows[by]), index=rows.index)))
    keep = np.ones(len(rows), dtype=bool)
    for reason, test in tests:
        hit = test.to_numpy(dtype=bool) & keep
        reasons[reason] += int(hit.sum())
        keep &= ~hit
    return rows[keep]


def _groups(
    rows: pd.DataFrame, labels: pd.Series, by: str | None, min_group: int, reasons: Counter[str]
) -> tuple[Stratum, ...]:
    sizes = labels.value_counts()
    if len(sizes) > MAX_LEVELS:
        raise DomainError(
            "too_many_levels",
            f"{by} has {len(sizes)} different values; group by at most {MAX_LEVELS}, such as bands",
        )
    small = [label for label, size in sizes.items() if size < min_group]
    name = f"{by} group" if by is not None else "group"
    reasons[f"{name} below {min_group} patients"] += int(sum(sizes[label] for label in small))
    return tuple(
        _stratum(label, rows[labels == label]) for label in sorted(sizes.index) if label not in small
    )


def _stratum(label: str, rows: pd.DataFrame) -> Stratum:
    times = rows["time_days"].to_numpy(dtype=np.float64)
    entry = (
        rows[ENTRY_COLUMN].to_numpy(dtype=np.float64)
        if ENTRY_COLUMN in rows.columns
        else np.zeros(len(times))
    )
    return Stratum(label, times, rows["event"].to_numpy(dtype=np.int64), np.maximum(entry, 0.0))


def _missing(column: pd.Series) -> Mask:
    return column.map(is_missing).to_numpy(dtype=bool)


def _label(value: Any) -> str:
    """Return a value as a group label: whole numbers without a decimal point, text without outer blanks."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _same(value: Any, wanted: Any) -> bool:
    return _label(value) == _label(wanted)
