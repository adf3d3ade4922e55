"""The shape of a bolus, voxel by voxel: peak, timing, width, signal recovery and gamma-variate area."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

RECOVERY_WINDOW_S = (30.0, 60.0)  # s after the lowest signal: past the first pass
MIN_RECOVERY_SAMPLES = 3
FIT_DOWN_TO = 0.40  # of the peak on the downslope; recirculation sets in below
MIN_R_SQUARED = 0.90  # a poorer fit is rejected
MIN_FIT_SAMPLES = 5  # one more than the parameters
LARGEST_POWER = 30.0  # of the rise; beyond, the curve is a symmetric bell and t0 is lost
_ONSETS = np.linspace(0.1, 4.0, 24)  # onset before half rise, in units of half rise to peak
_FINE = np.linspace(-0.15, 0.15, 7)
_SMALLEST = 1e-3  # of the peak: floor of the logarithm
_BLOCK = 8192  # voxels


@dataclasses.dataclass(frozen=True)
class BolusShape:
    """Arrays of the shape of the curves without time; NaN where there is no bolus or the series ends too soon.

    Attributes
    ----------
    peak : ndarray
        Highest value, unit of the curve.
    time_to_peak_s, arrival_s : ndarray
        From `start` to the peak (to its sample) and to half of it (interpolated), s.
    width_s : ndarray
        Full width at half height, interpolated, s.
    """

    peak: FloatArray
    time_to_peak_s: FloatArray
    arrival_s: FloatArray
    width_s: FloatArray


@dataclasses.dataclass(frozen=True)
class SignalShape:
    """Measures on the uncorrected signal; comparable only within one protocol (preload, flip angle, TE, TR).

    Attributes
    ----------
    peak_height : ndarray
        Baseline minus lowest signal, unit of the signal.
    recovery_percent : ndarray
        Percentage of signal recovery (PSR); above 100 where T1 leakage lifts the signal over its baseline.
    """

    peak_height: FloatArray
    recovery_percent: FloatArray


@dataclasses.dataclass(frozen=True)
class GammaVariate:
    """g(t) = scale (t - onset)^power exp(-(t - onset) / decay); NaN where rejected.

    Attributes
    ----------
    area : ndarray
        scale decay^(power + 1) Gamma(power + 1), unit of the curve times s.
    scale, power, decay_s, onset_s : ndarray
        Parameters; the onset counts from the first sample.
    r_squared : ndarray
        Of the fitted samples; NaN where no first pass was there to fit.
    accepted : ndarray of bool
    """

    area: FloatArray
    scale: FloatArray
    power: FloatArray
    decay_s: FloatArray
    onset_s: FloatArray
    r_squared: FloatArray
    accepted: BoolArray


def bolus_shape(curves: FloatArray, *, dt_s: float, start: int) -> BolusShape:
    """Peak, timing and width of dR2* or concentration curves.

    Parameters
    ----------
    curves : ndarray, shape (..., nt)
        Zero before the bolus, time last.
    dt_s : float
        Time between samples, s.
    start : int
        End of the baseline; times count from here.

    Raises
    ------
    DomainError
        `bolus_shape` for a start outside the series or a time that is not positive.
    """
    rows = _rows(curves, dt_s, start)[:, start:]
    finite: BoolArray = np.asarray(np.isfinite(rows).all(axis=1))
    rows = np.where(finite[:, None], rows, 0.0)
    at = rows.argmax(axis=1)
    peak = rows[np.arange(len(rows)), at]
    rise, fall = _crossings(rows, at, 0.5 * peak)
    known = finite & (peak > 0)

    def shaped(values: FloatArray) -> FloatArray:
        return np.where(known, values, np.nan).reshape(curves.shape[:-1])

    return BolusShape(
        peak=shaped(peak),
        time_to_peak_s=shaped(np.maximum(at, 1) * dt_s),
        arrival_s=shaped(rise * dt_s),
        width_s=shaped((fall - rise) * dt_s),
    )


def signal_shape(
    signal: FloatArray, *, dt_s: float, baseline: tuple[int, int], deepest: int | None = None
) -> SignalShape:
    """Peak height S_b - S_min and PSR = 100 (S_post - S_min) / (S_b - S_min).

    S_post is the mean from 30 to 60 s after the lowest sample of the mean curve (to the end of the series, where
    that comes first), the same samples for all voxels.

    Parameters
    ----------
    signal : ndarray, shape (..., nt)
        Uncorrected signal, time last.
    baseline : (int, int)
        Samples [start, stop).
    deepest : int, optional
        Sample of the lowest mean signal; found on the mean of the given curves by default.

    Raises
    ------
    DomainError
        `bolus_shape`, `bolus_short_tail` (fewer than 3 samples in the recovery window).
    """
    rows = _rows(signal, dt_s, baseline[1])
    if not 0 <= baseline[0] < baseline[1]:
        raise DomainError("bolus_shape", f"a baseline of {baseline} is empty")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.any():
        raise DomainError("bolus_shape", "no curve is finite")
    if deepest is None:
        deepest = baseline[1] + int(rows[finite, baseline[1] :].mean(axis=0).argmin())
    first, last = (deepest + round(seconds / dt_s) for seconds in RECOVERY_WINDOW_S)
    after = rows[:, first : last + 1]
    if after.shape[1] < MIN_RECOVERY_SAMPLES:
        text = f"{after.shape[1]} samples lie 30 to 60 s after the minimum, {MIN_RECOVERY_SAMPLES} are needed"
        raise DomainError("bolus_short_tail", text)
    lowest = rows[:, baseline[1] :].min(axis=1)
    height = rows[:, slice(*baseline)].mean(axis=1) - lowest
    fell = finite & (height > 0)
    recovery = 100.0 * (after.mean(axis=1) - lowest) / np.where(fell, height, 1.0)
    shape = signal.shape[:-1]
    return SignalShape(
        peak_height=np.where(finite, height, np.nan).reshape(shape),
        recovery_percent=np.where(fell, recovery, np.nan).reshape(shape),
    )


def fit_gamma_variate(curves: FloatArray, *, dt_s: float, start: int) -> GammaVariate:
    """Fit a gamma-variate to the first pass of every curve.

    For a given onset, ln g is linear in (1, ln(t - onset), t - onset); weights of the square of the curve, then of
    the model, undo the logarithm. The onset is searched on a grid, refined once. Samples from `start` to 40 %
    of the peak on the downslope take part.

    Parameters
    ----------
    curves : ndarray, shape (..., nt)
        dR2* or concentration, zero before the bolus, time last.
    dt_s : float
        Time between samples, s.
    start : int
        End of the baseline.

    Returns
    -------
    GammaVariate
        NaN where R^2 < 0.9, where fewer than 5 samples take part, or where the curve never falls to 40 % of its peak.

    Raises
    ------
    DomainError
        `bolus_shape`.

    References
    ----------
    Thompson HK et al. Circ Res 1964;14:502-515, doi 10.1161/01.RES.14.6.502.
    """
    rows = _rows(curves, dt_s, start)
    blocks = [_fit_block(rows[i : i + _BLOCK], dt_s, start) for i in range(0, max(len(rows), 1), _BLOCK)]
    scale, power, decay, onset, quality = np.concatenate(blocks, axis=1)
    accepted = np.isfinite(quality) & (quality >= MIN_R_SQUARED)
    filled = np.where(accepted, power, 1.0), np.where(accepted, decay, 1.0)
    area = scale * filled[1] ** (filled[0] + 1.0) * special.gamma(filled[0] + 1.0)
    shape = curves.shape[:-1]

    def kept(values: FloatArray) -> FloatArray:
        return np.where(accepted, values, np.nan).reshape(shape)

    return GammaVariate(
        area=kept(area),
        scale=kept(scale),
        power=kept(power),
        decay_s=kept(decay),
        onset_s=kept(onset),
        r_squared=quality.reshape(shape),
        accepted=accepted.reshape(shape),
    )


def _rows(curves: FloatArray, dt_s: float, start: int) -> FloatArray:
    if curves.ndim < 1 or not 0 <= start < curves.shape[-1] - 2:
        raise DomainError("bolus_shape", f"curves {curves.shape} do not go on after sample {start}")
    if not dt_s > 0:
        raise DomainError("bolus_shape", f"the time between samples must be positive, got {dt_s:g}")
    return curves.reshape(-1, curves.shape[-1]).astype(np.float64)


def _crossings(
    rows: FloatArray, at: npt.NDArray[np.intp], level: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Samples (interpolated) at which the level is passed last before and first after the peak."""
    samples = np.arange(rows.shape[1])
    below = rows < level[:, None]
    left = np.where(below & (samples < at[:, None]), samples, -1).max(axis=1)
    right = np.where(below & (samples > at[:, None]), samples, rows.shape[1]).min(axis=1)
    rise = np.where(left < 0, 0.0, _interpolate(rows, np.maximum(left, 0), level))
    fall = _interpolate(rows, np.minimum(right, rows.shape[1] - 1) - 1, level)
    return rise, np.where(right < rows.shape[1], fall, np.nan)


def _interpolate(rows: FloatArray, at: npt.NDArray[np.intp], level: FloatArray) -> FloatArray:
    line = np.arange(len(rows))
    here, there = rows[line, at], rows[line, np.minimum(at + 1, rows.shape[1] - 1)]
    step = np.where(there != here, there - here, 1.0)
    crossing: FloatArray = at + np.clip((level - here) / step, 0.0, 1.0)
    return crossing


def _fit_block(rows: FloatArray, dt_s: float, start: int) -> FloatArray:
    """(5, voxels): scale, power, decay, onset (s from the first sample) and R^2."""
    shape = bolus_shape(rows, dt_s=dt_s, start=start)
    usable = np.isfinite(shape.peak)
    rows = np.where(usable[:, None], rows, 0.0)
    peak = np.where(usable, shape.peak, 1.0)
    window = _first_pass(rows, peak, start)
    ended = ~window[:, -1]  # without a downslope the area is not held by data
    time = np.arange(rows.shape[1]) * dt_s
    half = np.where(usable, shape.arrival_s, 0.0) + start * dt_s
    reach = np.maximum(np.where(usable, shape.time_to_peak_s, dt_s) + start * dt_s - half, 0.25 * dt_s)
    relative = rows / peak[:, None]
    best = np.full((5, len(rows)), -np.inf)
    centre = np.zeros(len(rows))
    for steps, fine in ((_ONSETS, False), (_FINE, True)):
        middle = centre.copy()
        for step in steps:
            share = middle + step if fine else np.full(len(rows), step)
            trial = _solve(relative, window, time, half - share * reach)
            better = trial[4] > best[4]
            best[:, better] = trial[:, better]
            centre[better] = share[better]
    best[0] *= peak
    best[4, ~usable | ~ended | (window.sum(axis=1) < MIN_FIT_SAMPLES)] = np.nan
    return best


def _first_pass(rows: FloatArray, peak: FloatArray, start: int) -> BoolArray:
    """Samples from the end of the baseline to 40 % of the peak on the downslope."""
    samples = np.arange(rows.shape[1])
    at = start + rows[:, start:].argmax(axis=1)
    low = (rows < FIT_DOWN_TO * peak[:, None]) & (samples > at[:, None])
    end = np.where(low.any(axis=1), low.argmax(axis=1), rows.shape[1])
    window: BoolArray = (samples >= start) & (samples < end[:, None])
    return window


def _solve(relative: FloatArray, window: BoolArray, time: FloatArray, onset: FloatArray) -> FloatArray:
    """(5, voxels) for one onset per voxel, by weighted least squares of the logarithm, twice."""
    after = time - onset[:, None]
    used = window & (after > 0) & (relative > _SMALLEST)
    after = np.where(used, after, 1.0)
    logs = np.log(np.where(used, relative, 1.0))
    design = np.stack([np.ones_like(after), np.log(after), -after], axis=2)
    weight = np.where(used, relative**2, 0.0)
    found = _weighted(design, logs, weight)
    model = np.where(used, np.exp(np.clip((design @ found[:, :, None])[:, :, 0], -50, 5)), 0.0)
    found = _weighted(design, logs, np.where(used, np.clip(model, 0.0, 2.0) ** 2, 0.0))
    model = np.where(used, np.exp(np.clip((design @ found[:, :, None])[:, :, 0], -50, 5)), 0.0)
    power, rate = found[:, 1], found[:, 2]
    valid = (power > 0) & (power < LARGEST_POWER) & (rate > 0) & (used.sum(axis=1) >= MIN_FIT_SAMPLES)
    quality = np.where(valid, _r_squared(relative, model, window), -np.inf)
    decay = 1.0 / np.where(rate > 0, rate, 1.0)
    return np.stack([np.exp(np.clip(found[:, 0], -700, 700)), power, decay, onset, quality])


def _weighted(design: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted least squares with three columns for every row, with a ridge too small to be seen."""
    turned = (design * weight[:, :, None]).transpose(0, 2, 1)
    normal = turned @ design
    trace = np.trace(normal, axis1=1, axis2=2)
    normal = normal + (1e-10 * trace + 1e-12)[:, None, None] * np.eye(3)
    solved: FloatArray = np.linalg.solve(normal, turned @ target[:, :, None])[:, :, 0]
    return solved


def _r_squared(values: FloatArray, model: FloatArray, window: BoolArray) -> FloatArray:
    count = np.maximum(window.sum(axis=1), 1)
    mean = np.where(window, values, 0.0).sum(axis=1) / count
    left = (np.where(window, values - model, 0.0) ** 2).sum(axis=1)
    total = (np.where(window, values - mean[:, None], 0.0) ** 2).sum(axis=1)
    quality: FloatArray = 1.0 - left / np.maximum(total, 1e-30)
    return quality
