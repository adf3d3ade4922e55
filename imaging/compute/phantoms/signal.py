"""MR signal equations: spin echo, inversion recovery, spoiled gradient echo, diffusion, and noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatLike = float | npt.NDArray[np.floating[Any]]

R1_PER_S_MM = 4.3
"""Longitudinal relaxivity of gadolinium at 3 T, 1/(s mM); published range 4-4.5."""


def spin_echo(*, pd: FloatLike, t1_s: FloatLike, t2_s: FloatLike, tr_s: float, te_s: float) -> FloatLike:
    """Return the spin-echo signal `M0 (1 - exp(-TR/T1)) exp(-TE/T2)` (times in s, M0 relative to water)."""
    return pd * (1.0 - np.exp(-tr_s / np.asarray(t1_s))) * np.exp(-te_s / np.asarray(t2_s))


def inversion_recovery(
    *, pd: FloatLike, t1_s: FloatLike, t2_s: FloatLike, tr_s: float, te_s: float, ti_s: float
) -> FloatLike:
    """Return the FLAIR magnitude `M0 |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)` (times in s)."""
    t1 = np.asarray(t1_s)
    recovered = np.abs(1.0 - 2.0 * np.exp(-ti_s / t1) + np.exp(-tr_s / t1))
    return pd * recovered * np.exp(-te_s / np.asarray(t2_s))


def spoiled_gradient_echo(
    *, pd: FloatLike, t1_s: FloatLike, t2star_s: FloatLike, tr_s: float, te_s: float, flip_deg: float
) -> FloatLike:
    """Return the spoiled gradient-echo steady state with echo time.

    `M0 sin a (1 - E1) / (1 - E1 cos a) exp(-TE/T2*)`, `E1 = exp(-TR/T1)`; times in s, flip angle in degrees.
    """
    angle = np.deg2rad(flip_deg)
    e1 = np.exp(-tr_s / np.asarray(t1_s))
    steady = np.sin(angle) * (1.0 - e1) / (1.0 - e1 * np.cos(angle))
    return pd * steady * np.exp(-te_s / np.asarray(t2star_s))


def shortened_t1(t1_s: FloatLike, gd_mm: FloatLike, *, r1: float = R1_PER_S_MM) -> FloatLike:
    """Return T1 in s after contrast: `1/T1 = 1/T10 + r1 C`, C in mM, r1 in 1/(s mM)."""
    return 1.0 / (1.0 / np.asarray(t1_s) + r1 * np.asarray(gd_mm))


def diffusion(s0: FloatLike, b: float, adc: FloatLike) -> FloatLike:
    """Return `S0 exp(-b ADC)`; b in s/mm2, ADC in mm2/s."""
    return s0 * np.exp(-b * np.asarray(adc))


def rician(
    signal: npt.NDArray[np.floating[Any]], sigma: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the magnitude `sqrt((S + n1)^2 + n2^2)` with Gaussian n1, n2 of SD `sigma` (0 = unchanged).

    Parameters
    ----------
    signal : ndarray, any shape
        Noise-free magnitude, arbitrary unit.
    sigma : float
        Standard deviation of each channel, same unit; not negative.

    Raises
    ------
    DomainError
        `noise_negative` for a negative sigma.
    """
    if sigma < 0:
        raise DomainError("noise_negative", f"the noise level is a standard deviation >= 0, got {sigma}")
    clean = np.asarray(signal, dtype=np.float32)
    if sigma == 0:
        return clean.copy()
    real = rng.standard_normal(clean.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += clean
    imaginary = rng.standard_normal(clean.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    return np.hypot(real, imaginary)
