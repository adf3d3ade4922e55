"""Change of a series of measurements against its baseline, its nadir and the previous value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from datetime import date
from typing import Literal

from analytics.compute.repeatability import (
    REPEATABILITY,
    VOLUME_FLOOR_ML,
    Repeatability,
    change_interval,
    probability_of_rise,
)
from gliomon.common.errors import DomainError

BASELINE_FIRST_DAY = 21  # days after the end of radiotherapy; science sheet 1.2: accept 3-6 weeks
BASELINE_LAST_DAY = 42

Judgement = Literal["within_noise", "possible", "real_rise", "real_fall", "not_comparable", "unknown"]

# Another way of computing makes another quantity. Another machine adds variation, or forbids the comparison.
METHOD_FIELDS = ("method", "method_version", "normalisation")
SCANNER_FIELDS = ("scanner", "scanner_software", "field_strength_t")
SAME_FIELD_T = 0.2  # tesla; headers say 2.89 for a 3 T scanner, and mean the same machine
B_OUT_OF_RANGE = "b_out_of_range"  # science sheet 2.1: never joined to values measured at b <= 1500 s/mm2


@dataclasses.dataclass(frozen=True)
class MeasurementPoint:
    """One measured value of one region, quantity and statistic.

    Attributes
    ----------
    id : str
        Record id.
    on : date
        Day of the scan.
    quantity : str
        "volume", "adc", "nrcbv", "k2", ...
    value : float or None
        In `unit`; None or NaN = the scan gave no value.
    unit : str
        UCUM.
    method, method_version, normalisation : str or None
        How it was computed; None = not recorded.
    scanner, scanner_software : str or None, field_strength_t : float or None
        On what it was scanned (tesla); None = not recorded.
    flags : tuple of str
        Quality flags of the measurement.
    """

    id: str
    on: date
    quantity: str
    value: float | None
    unit: str
    method: str | None = None
    method_version: str | None = None
    normalisation: str | None = None
    scanner: str | None = None
    scanner_software: str | None = None
    field_strength_t: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there is a finite value."""
        return self.value is not None and math.isfinite(self.value)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The reference scan and why it is the reference."""

    point: MeasurementPoint
    reason: str


@dataclasses.dataclass(frozen=True)
class Change:
    """A value against one reference value.

    Attributes
    ----------
    reference_id, reference_on, reference_value
        The reference; the value in the unit of the series.
    absolute : float
        Now minus reference, signed, in the unit of the series.
    percent : float or None
        100 (now - reference) / |reference|, signed; None where the reference is 0.
    percent_low, percent_high : float or None
        95 % interval of the true change, %; None where it cannot be said.
    noise_low, noise_high : float or None
        Changes in % between which pure noise lies.
    probability_of_rise : float or None
        Probability (0-1) that the true value has risen.
    judgement : str
        "within_noise", "possible", "real_rise", "real_fall", "not_comparable" or "unknown" (no repeatability known).
    breaks : tuple of str
        What differs between the two measurements, in words.
    flags : tuple of str
        "band_doubled", "reference_zero", "below_measurement_floor", "<field>_not_recorded".
    """

    reference_id: str
    reference_on: date
    reference_value: float
    absolute: float
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    noise_low: float | None
    noise_high: float | None
    probability_of_rise: float | None
    judgement: Judgement
    breaks: tuple[str, ...]
    flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ChangePoint:
    """One value of a series with its changes.

    Attributes
    ----------
    point : MeasurementPoint
        The value.
    segment : int
        Rises by one where the line of a figure must break because values are not comparable.
    is_baseline : bool
        Whether this is the reference scan.
    reference_reason : str
        Why the baseline is the baseline (the same for all points of the series).
    versus_baseline, versus_previous, versus_nadir : Change or None
        None: no value here, no earlier value, or a scan before the baseline. The nadir is the smallest value from
        baseline up to the previous scan.
    """

    point: MeasurementPoint
    segment: int
    is_baseline: bool
    reference_reason: str
    versus_baseline: Change | None
    versus_previous: Change | None
    versus_nadir: Change | None


def changes(points: Sequence[MeasurementPoint], *, radiotherapy_end: date | None = None) -> list[ChangePoint]:
    """Compare each value of a series with its baseline, the previous value and the nadir.

    Parameters
    ----------
    points : sequence of MeasurementPoint
        One region, quantity and statistic of one patient, any order.
    radiotherapy_end : date, optional
        Last day of radiotherapy; None = not irradiated or not known.

    Returns
    -------
    list of ChangePoint
        In order of date (then id), one per point, also where there is no value.

    Raises
    ------
    DomainError
        `mixed_series`: more than one quantity or unit.
    """
    quantities = {point.quantity for point in points}
    if len(quantities) > 1:
        raise DomainError(
            "mixed_series", f"one quantity per series, these came together: {sorted(quantities)}"
        )
    ordered = sorted(points, key=lambda point: (point.on, point.id))
    baseline = choose_baseline(ordered, radiotherapy_end)
    segments = _segments(ordered)
    return [_change_point(ordered, place, baseline, segments[place]) for place in range(len(ordered))]


def choose_baseline(points: Sequence[MeasurementPoint], radiotherapy_end: date | None) -> Baseline | None:
    """Choose the reference scan: the first 3-6 weeks after radiotherapy, else the first scan with a value.

    Parameters
    ----------
    points : sequence of MeasurementPoint
        In order of date.
    radiotherapy_end : date or None
        Last day of radiotherapy.

    References
    ----------
    Wen PY et al. RANO 2.0. J Clin Oncol 2023;41:5187-5199. doi 10.1200/JCO.23.01059
    """
    measured = [point for point in points if point.measured]
    if not measured:
        return None
    if radiotherapy_end is None:
        return Baseline(measured[0], "first scan; no end of radiotherapy is recorded")
    for point in measured:
        days = (point.on - radiotherapy_end).days
        if BASELINE_FIRST_DAY <= days <= BASELINE_LAST_DAY:
            return Baseline(
                point, f"first scan 3-6 weeks after radiotherapy ({days} days after {radiotherapy_end})"
            )
    return Baseline(
        measured[0], f"first scan; there is none 3-6 weeks after radiotherapy ended on {radiotherapy_end}"
    )


def nadir_before(
    points: Sequence[MeasurementPoint], place: int, baseline: MeasurementPoint
) -> MeasurementPoint | None:
    """Return the smallest value from the baseline up to the scan before `place`; the earliest of equal ones."""
    candidates = [point for point in points[:place] if point.measured and _not_before(point, baseline)]
    return min(candidates, key=_value, default=None)


def compare(now: MeasurementPoint, reference: MeasurementPoint) -> Change:
    """Compare two measured values of the same quantity.

    Raises
    ------
    DomainError
        `no_value`: one of the two has no value. `mixed_series`: different quantities or units.
    """
    names = [f"{point.quantity} in {point.unit}" for point in (reference, now)]
    if names[0] != names[1]:
        raise DomainError("mixed_series", f"{names[1]} cannot be compared with {names[0]}")
    value, base = _value(now), _value(reference)
    hard, soft, flags = _differences(now, reference)
    known = REPEATABILITY.get(now.quantity)
    widened = bool(soft) and known is not None and known.widened_by_scanner
    comparable = not hard and (not soft or widened)
    noise = _Noise(known if comparable else None, 2.0 if widened else 1.0)
    ratio = value / base if base > 0 else None
    flags += _value_flags(now.quantity, value, base) + (("band_doubled",) if widened else ())
    return Change(
        reference_id=reference.id,
        reference_on=reference.on,
        reference_value=base,
        absolute=value - base,
        percent=None if base == 0 else 100.0 * (value - base) / abs(base),
        **noise.figures(ratio),
        judgement="not_comparable" if not comparable else noise.judgement(ratio, flags),
        breaks=(*hard, *soft),
        flags=flags,
    )


@dataclasses.dataclass(frozen=True)
class _Noise:
    """The repeatability that applies to one comparison, widened where the machine differs."""

    known: Repeatability | None
    widening: float

    def figures(self, ratio: float | None) -> dict[str, float | None]:
        """Return interval, noise band (in %) and probability of a rise."""
        names = ("percent_low", "percent_high", "noise_low", "noise_high", "probability_of_rise")
        if self.known is None:
            return dict.fromkeys(names)
        noise = [100.0 * bound for bound in self.known.bands(self.widening)[1]]
        if ratio is None or ratio <= 0:
            return dict(zip(names, (None, None, *noise, None), strict=True))
        wcv = self.known.wcv * self.widening
        interval = [100.0 * bound for bound in change_interval(ratio, wcv)]
        return dict(zip(names, (*interval, *noise, probability_of_rise(ratio, wcv)), strict=True))

    def judgement(self, ratio: float | None, flags: tuple[str, ...]) -> Judgement:
        """Say whether the change is beyond noise."""
        if self.known is None:
            return "unknown"
        if "below_measurement_floor" in flags:
            return "within_noise"
        if ratio is None:
            return "real_rise" if "measurable_from_zero" in flags else "unknown"
        possible, real = self.known.bands(self.widening)
        change = ratio - 1.0
        if change > real[1] or change < real[0]:
            return "real_rise" if change > 0 else "real_fall"
        return "possible" if change > possible[1] or change < possible[0] else "within_noise"


def _change_point(
    points: list[MeasurementPoint], place: int, baseline: Baseline | None, segment: int
) -> ChangePoint:
    now = points[place]
    previous = next((point for point in reversed(points[:place]) if point.measured), None)
    is_baseline = baseline is not None and now is baseline.point
    after = baseline is not None and now.measured and not is_baseline and _not_before(now, baseline.point)
    nadir = nadir_before(points, place, baseline.point) if baseline is not None and after else None
    return ChangePoint(
        point=now,
        segment=segment,
        is_baseline=is_baseline,
        reference_reason=baseline.reason if baseline is not None else "no scan has a value",
        versus_baseline=compare(now, baseline.point) if baseline is not None and after else None,
        versus_previous=compare(now, previous) if previous is not None and now.measured else None,
        versus_nadir=compare(now, nadir) if nadir is not None else None,
    )


def _segments(points: list[MeasurementPoint]) -> list[int]:
    """Number the stretches of comparable values; a point without a value stays in the stretch before it."""
    numbers: list[int] = []
    current, last = 0, None
    for point in points:
        if point.measured:
            if last is not None and compare(point, last).judgement == "not_comparable":
                current += 1
            last = point
        numbers.append(current)
    return numbers


def _differences(
    now: MeasurementPoint, reference: MeasurementPoint
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return differences of method, differences of machine, and flags for what neither scan records."""
    hard = [_difference(name, now, reference) for name in METHOD_FIELDS if _differs(name, now, reference)]
    if (B_OUT_OF_RANGE in now.flags) != (B_OUT_OF_RANGE in reference.flags):
        hard.append("b-values: one of the two was measured outside of the usual range")
    soft = [_difference(name, now, reference) for name in SCANNER_FIELDS if _differs(name, now, reference)]
    unknown = [
        f"{name}_not_recorded"
        for name in (*METHOD_FIELDS, *SCANNER_FIELDS)
        if getattr(now, name) is None and getattr(reference, name) is None
    ]
    return tuple(hard), tuple(soft), tuple(unknown)


def _differs(name: str, now: MeasurementPoint, reference: MeasurementPoint) -> bool:
    first, second = getattr(reference, name), getattr(now, name)
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second) > SAME_FIELD_T
    return bool(first != second)


def _difference(name: str, now: MeasurementPoint, reference: MeasurementPoint) -> str:
    shown = [getattr(point, name) for point in (reference, now)]
    words = ["not recorded" if value is None else str(value) for value in shown]
    return f"{name.removesuffix('_t').replace('_', ' ')}: {words[0]} -> {words[1]}"


def _value_flags(quantity: str, value: float, base: float) -> tuple[str, ...]:
    flags = ["reference_zero"] if base == 0 else []
    if quantity == "volume":
        if max(value, base) < VOLUME_FLOOR_ML:
            flags.append("below_measurement_floor")
        elif base == 0:
            flags.append("measurable_from_zero")
    return tuple(flags)


def _not_before(point: MeasurementPoint, baseline: MeasurementPoint) -> bool:
    return (point.on, point.id) >= (baseline.on, baseline.id)


def _value(point: MeasurementPoint) -> float:
    if point.value is None or not math.isfinite(point.value):
        raise DomainError("no_value", f"the {point.quantity} of {point.on} has no value")
    return point.value
