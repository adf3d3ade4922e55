"""dR2* from two echoes, in which T1 shortening cancels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.relaxation import CLIP_FLOOR, CLIP_SIGMA, ECHO_TIME_RANGE_S

FloatArray = npt.NDArray[np.floating[Any]]

MIN_BASELINE = 2  # samples, to tell noise


def dual_echo_relaxation(
    first: FloatArray,
    second: FloatArray,
    *,
    echo_times_s: tuple[float, float],
    baseline: tuple[int, int],
    sigma: tuple[float, float] | None = None,
) -> FloatArray:
    """dR2*(t) = ln[(S1 / S1b) / (S2 / S2b)] / (TE2 - TE1).

    T1 shortening scales both echoes alike and cancels, so that no leakage of the T1 kind remains. Signals are
    clipped at 2 sigma, like those of one echo.

    Parameters
    ----------
    first, second : ndarray, shape (..., nt)
        Signals of the shorter and the longer echo, time last, any positive units.
    echo_times_s : (float, float)
        TE1 < TE2, s.
    baseline : (int, int)
        The baseline is samples [start, stop).
    sigma : (float, float), optional
        Noise of each echo in the unit of its signal. By default the median temporal SD over the baseline.

    Returns
    -------
    ndarray, shape (..., nt)
        1/s; NaN where a baseline is not positive or a signal is not finite.

    Raises
    ------
    DomainError
        `dual_echo_shape`, `dual_echo_timing` (milliseconds passed, or TE2 not above TE1).

    References
    ----------
    Vonken EJ et al. J Magn Reson Imaging 1999;10:109-117. The formula follows from
    S_i = A(T1) exp(-TE_i R2*).
    """
    _check_inputs(first, second, echo_times_s, baseline)
    sigmas = sigma if sigma is not None else (_noise(first, baseline), _noise(second, baseline))
    short = _log_ratio(first, baseline, sigmas[0])
    long = _log_ratio(second, baseline, sigmas[1])
    return (short - long) / (echo_times_s[1] - echo_times_s[0])


def _check_inputs(
    first: FloatArray, second: FloatArray, echo_times_s: tuple[float, float], baseline: tuple[int, int]
) -> None:
    if first.shape != second.shape or first.ndim < 1:
        raise DomainError("dual_echo_shape", f"echoes differ in shape: {first.shape} and {second.shape}")
    if baseline[0] < 0 or baseline[1] > first.shape[-1] or baseline[1] - baseline[0] < MIN_BASELINE:
        text = f"a baseline of {baseline} does not fit {first.shape[-1]} samples"
        raise DomainError("dual_echo_shape", text)
    low, high = ECHO_TIME_RANGE_S
    if not low <= echo_times_s[0] < echo_times_s[1] <= high:
        text = f"echo times must rise and lie in {low} to {high} s, got {echo_times_s}"
        raise DomainError("dual_echo_timing", text)


def _noise(signal: FloatArray, baseline: tuple[int, int]) -> float:
    spread = signal[..., slice(*baseline)].astype(np.float64).std(axis=-1, ddof=1)
    spread = spread[np.isfinite(spread)]
    return float(np.median(spread)) if spread.size else 0.0


def _log_ratio(signal: FloatArray, baseline: tuple[int, int], sigma: float) -> FloatArray:
    """ln(S / S_b), NaN where the voxel has no signal."""
    values = signal.astype(np.float64)
    level = values[..., slice(*baseline)].mean(axis=-1, keepdims=True)
    usable = np.isfinite(values).all(axis=-1, keepdims=True) & (level > 0)
    level = np.where(usable, level, 1.0)
    floor = np.maximum(CLIP_SIGMA * sigma, CLIP_FLOOR * level)
    ratio: FloatArray = np.log(np.maximum(np.where(usable, values, 1.0), floor) / np.maximum(level, floor))
    return np.where(usable, ratio, np.nan)
