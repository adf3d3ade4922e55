"""Where the contrast bolus arrives in a dynamic series: steady state, baseline, arrival, drop and width."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]

ARRIVAL_SD = 5.0  # the mean curve must fall below baseline by this many baseline SD ...
ARRIVAL_SAMPLES = 2  # ... for this many samples in a row
SD_FLOOR = 1e-3  # of the baseline: a noiseless or heavily averaged curve still drifts by 0.1 %
MIN_BASELINE = 5  # points; fewer give no baseline
GOOD_BASELINE = 10  # points; fewer are flagged
MIN_DROP = 0.03  # of the baseline; label switching of ASL and BOLD of fMRI stay below
MIN_RECOVERY = 0.25  # of the drop; without recovery a fall is motion or drift, not a bolus passing
MAX_TRANSIENT = 10  # samples; T1 saturation reaches its steady state before
FIRST_PASS_S = 30.0  # s after arrival; recirculation dominates later
WIDE_BOLUS_S = 20.0  # s; full width at half depth of a hand injection or poor cardiac output


@dataclasses.dataclass(frozen=True)
class Bolus:
    """Timing of one bolus on the whole-brain mean curve; indices count the samples of the given curve.

    Attributes
    ----------
    steady_from : int
        First sample in the steady state.
    baseline_stop : int
        One past the last baseline sample: the baseline is [steady_from, baseline_stop).
    arrival, deepest : int
        First sample clearly below baseline, and the sample of lowest signal.
    baseline_level, baseline_sd : float
        Mean and SD of the curve over the baseline, in its own unit.
    drop : float
        (baseline - minimum) / baseline.
    recovery : float
        Share of the drop that is regained after the minimum.
    width_samples : float
        Full width at half depth; infinite where the series ends before.
    """

    steady_from: int
    baseline_stop: int
    arrival: int
    deepest: int
    baseline_level: float
    baseline_sd: float
    drop: float
    recovery: float
    width_samples: float

    @property
    def baseline_points(self) -> int:
        return self.baseline_stop - self.steady_from


def find_bolus(
    curve: FloatArray, *, discard: int = 0, baseline: int | tuple[int, int] | slice | None = None
) -> Bolus:
    """Find baseline and bolus on the mean signal of the brain.

    Parameters
    ----------
    curve : ndarray, shape (nt,)
        Mean signal, any positive unit.
    discard : int
        Samples to leave out at the start; further ones are left out while they lie above the steady state.
    baseline : int, (start, stop) or slice, optional
        Baseline chosen by hand: a number of samples after `discard`, or a range of the curve. Found by default
        (from the steady state to two samples before arrival, never a fixed share of the series).

    Raises
    ------
    DomainError
        `dsc_no_bolus` if no fall of at least 3 % recovers, `dsc_short_baseline` for fewer than 5 points,
        `dsc_shape` for a curve or a choice of baseline that cannot be meant.
    """
    _check_curve(curve, discard)
    if baseline is None:
        steady, arrival = _search(curve, discard)
        stop = arrival - 1
    else:
        steady, stop = _given_range(baseline, discard, curve.size)
        arrival = -1
    if stop - steady < MIN_BASELINE:
        text = f"{max(stop - steady, 0)} baseline points before the bolus, at least {MIN_BASELINE} are needed"
        raise DomainError("dsc_short_baseline", text)
    level, sd = float(curve[steady:stop].mean()), float(curve[steady:stop].std(ddof=1))
    if arrival < 0:
        arrival = _first_low(curve, level, sd, stop)
    return _describe(curve, steady, stop, arrival, level, sd)


def _check_curve(curve: FloatArray, discard: int) -> None:
    if curve.ndim != 1 or not np.isfinite(curve).all() or (curve <= 0).any():
        raise DomainError("dsc_shape", "the mean curve must be one row of finite positive signals")
    if discard < 0 or curve.size - discard < 2 * MIN_BASELINE:
        text = f"{curve.size} samples with {discard} left out are too few for a bolus"
        raise DomainError("dsc_shape", text)


def _given_range(baseline: int | tuple[int, int] | slice, discard: int, size: int) -> tuple[int, int]:
    if isinstance(baseline, slice):
        start, stop, _ = baseline.indices(size)
    elif isinstance(baseline, tuple):
        start, stop = baseline
    else:
        start, stop = discard, discard + int(baseline)
    if not 0 <= start < stop <= size:
        raise DomainError("dsc_shape", f"a baseline of [{start}, {stop}) lies outside {size} samples")
    return start, stop


def _search(curve: FloatArray, discard: int) -> tuple[int, int]:
    """Start of the steady state and arrival, refined together until both stand still."""
    limit = _half_depth(curve, discard)
    steady, arrival = discard, limit
    for _ in range(10):
        level, sd = _robust_level(curve[steady:arrival])
        fresh_steady = _steady_start(curve, discard, arrival, level, sd)
        fresh_arrival = min(_first_low(curve, level, sd, fresh_steady), limit)
        if (fresh_steady, fresh_arrival) == (steady, arrival):
            break
        steady, arrival = fresh_steady, max(fresh_arrival, fresh_steady + 1)
    return steady, arrival


def _half_depth(curve: FloatArray, discard: int) -> int:
    """Sample at which the steepest lasting fall has gone half way: surely after arrival."""
    body = _smooth(curve)[discard:]
    deepest = int(np.argmin(body))
    if deepest < 1:
        raise DomainError("dsc_no_bolus", "the signal is lowest at its start: no bolus passes")
    before = float(np.median(body[:deepest]))
    middle = 0.5 * (before + float(body[deepest]))
    above = np.flatnonzero(body[:deepest] > middle)
    return discard + (int(above[-1]) + 1 if above.size else deepest)


def _smooth(curve: FloatArray) -> FloatArray:
    """Running median of three: a single displaced volume is no bolus."""
    padded = np.pad(curve, 1, mode="edge")
    smoothed: FloatArray = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return smoothed


def _robust_level(part: FloatArray) -> tuple[float, float]:
    """Median and 1.4826 MAD: a few falling or saturating samples do not move them."""
    level = float(np.median(part))
    return level, 1.4826 * float(np.median(np.abs(part - level)))


def _steady_start(curve: FloatArray, discard: int, stop: int, level: float, sd: float) -> int:
    high = level + ARRIVAL_SD * max(sd, SD_FLOOR * level)
    first = discard
    while first < min(discard + MAX_TRANSIENT, stop) and curve[first] > high:
        first += 1
    return first


def _first_low(curve: FloatArray, level: float, sd: float, start: int) -> int:
    low = curve < level - ARRIVAL_SD * max(sd, SD_FLOOR * level)
    windows = np.lib.stride_tricks.sliding_window_view(low, ARRIVAL_SAMPLES)
    lasting = windows.sum(axis=1) == ARRIVAL_SAMPLES
    hits = np.flatnonzero(lasting[start:])
    if hits.size == 0:
        raise DomainError(
            "dsc_no_bolus", "the mean signal of the brain never falls clearly below its baseline"
        )
    return start + int(hits[0])


def _describe(curve: FloatArray, steady: int, stop: int, arrival: int, level: float, sd: float) -> Bolus:
    about = arrival + int(np.argmin(_smooth(curve)[arrival:]))
    near = slice(max(about - 1, arrival), about + 2)  # the running median blunts a sharp minimum
    deepest = near.start + int(np.argmin(curve[near]))
    depth = level - float(curve[deepest])
    drop = depth / level
    if drop < MIN_DROP:
        text = (
            f"the signal falls by {100 * drop:.1f} %, a bolus makes it fall by {100 * MIN_DROP:.0f} % or more"
        )
        raise DomainError("dsc_no_bolus", text)
    recovery = (float(_smooth(curve)[deepest:].max()) - float(curve[deepest])) / depth
    if recovery < MIN_RECOVERY:
        raise DomainError(
            "dsc_no_bolus", "the signal falls and does not recover: motion, drift or a cut series"
        )
    width = _width(curve, level - 0.5 * depth, deepest)
    return Bolus(steady, stop, arrival, deepest, level, sd, drop, recovery, width)


def _width(curve: FloatArray, middle: float, deepest: int) -> float:
    """Full width at half depth in samples, edges interpolated linearly."""
    falling = np.flatnonzero(curve[:deepest] >= middle)
    rising = np.flatnonzero(curve[deepest:] >= middle)
    if falling.size == 0 or rising.size == 0:
        return float("inf")
    left, right = int(falling[-1]), deepest + int(rising[0])
    before = left + (curve[left] - middle) / (curve[left] - curve[left + 1])
    after = right - (curve[right] - middle) / (curve[right] - curve[right - 1])
    return float(after - before)


def first_pass_end(curve: FloatArray, bolus: Bolus, dt_s: float) -> int:
    """Last sample of the first pass: where the signal first turns down again, at most 30 s after arrival."""
    smooth = _smooth(curve)
    latest = min(bolus.arrival + int(FIRST_PASS_S / dt_s), curve.size - 1)
    turned = np.flatnonzero(np.diff(smooth[bolus.deepest + 1 : latest + 1]) < 0)
    return min(bolus.deepest + 1 + int(turned[0]), latest) if turned.size else latest
