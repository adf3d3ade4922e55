"""The contrast bolus of DSC: plasma curve, tissue concentration, and the signal it gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.signal import R1_PER_S_MM, shortened_t1, spoiled_gradient_echo

FloatArray = npt.NDArray[np.floating[Any]]

R2STAR_PLASMA = 87.0
"""Transverse relaxivity of intravascular contrast at 3 T, 1/(s mM) (Semmineh et al., Magn Reson Med 2017;78:209)."""

R2STAR_LEAKED = {"t1": 4.0, "t2star": 35.0}
"""Transverse relaxivity of leaked contrast, 1/(s mM). Where cells make the field uneven it is 20-50 (not verified
against a primary source), and T2* effects win; near gadolinium's own r2 of about 4 T1 shortening wins."""

_FINE_S = 0.05


@dataclasses.dataclass(frozen=True)
class Bolus:
    """Shape of the plasma curve.

    Attributes
    ----------
    arrival_s : float
        Time of arrival after the first sample, s.
    peak_mm : float
        Peak plasma concentration, mM.
    width_s : float
        Decay constant of the gamma variate `(t - t0)^3 exp(-(t - t0)/width)`, s.
    dispersion_s : float
        Time constant of exponential dispersion on the way to the tissue, s; 0 for none.
    recirculation : float
        Plateau after the first pass as a share of the peak (1).
    """

    arrival_s: float = 25.0
    peak_mm: float = 6.0
    width_s: float = 1.5
    dispersion_s: float = 2.0
    recirculation: float = 0.12


@dataclasses.dataclass(frozen=True)
class Exchange:
    """What one tissue does with the bolus: plasma fraction `vp` (1), `ktrans` and `kep` (1/s), leakage sign."""

    vp: FloatArray
    ktrans: FloatArray
    kep: float
    leakage: str = "t1"


def plasma_curve(times_s: FloatArray, bolus: Bolus) -> FloatArray:
    """Return the plasma concentration in mM at `times_s` (shape (n,), s).

    Gamma variate, dispersed, scaled to `peak_mm`, plus a recirculation plateau that sets in after the first pass.
    """
    fine, dispersed = _fine_plasma(float(np.max(times_s)), bolus)
    return np.interp(times_s, fine, dispersed)


def leaked_curve(times_s: FloatArray, bolus: Bolus, kep: float) -> FloatArray:
    """Return `int_0^t Cp(u) exp(-kep (t - u)) du` in mM s at `times_s`; times Ktrans (1/s) it is ve Ce in mM."""
    if kep < 0:
        raise DomainError("kep_negative", f"kep is a rate >= 0 in 1/s, got {kep}")
    fine, plasma = _fine_plasma(float(np.max(times_s)), bolus)
    return np.interp(times_s, fine, _exponential_convolution(plasma, kep) * _FINE_S)


def _fine_plasma(end_s: float, bolus: Bolus) -> tuple[FloatArray, FloatArray]:
    fine = np.arange(0.0, end_s + _FINE_S, _FINE_S)
    since = np.clip(fine - bolus.arrival_s, 0.0, None)
    first_pass = since**3 * np.exp(-since / bolus.width_s)
    if bolus.dispersion_s > 0:
        first_pass = _exponential_convolution(first_pass, 1.0 / bolus.dispersion_s)
    peak = first_pass.max()
    if peak <= 0:
        return fine, np.zeros_like(fine)
    return fine, bolus.peak_mm * (first_pass / peak + _recirculated(since, bolus))


def _recirculated(since: FloatArray, bolus: Bolus) -> FloatArray:
    onset = 3.0 * bolus.width_s + 2.0 * bolus.dispersion_s + 2.0
    late = np.clip(since - onset, 0.0, None)
    return bolus.recirculation * (1.0 - np.exp(-late / 4.0))


def _exponential_convolution(values: FloatArray, rate: float) -> FloatArray:
    from scipy.signal import lfilter

    return np.asarray(lfilter([1.0], [1.0, -np.exp(-rate * _FINE_S)], values))


def dsc_signal(
    times_s: FloatArray,
    exchange: Exchange,
    bolus: Bolus,
    *,
    pd: float,
    t1_s: float,
    t2star_s: float,
    tr_s: float,
    te_s: float,
    flip_deg: float,
    r1: float = R1_PER_S_MM,
) -> FloatArray:
    """Return DSC signal curves of voxels of one tissue.

    `R2* = R20* + r2*p vp Cp + r2*e ve Ce`, `1/T1 = 1/T10 + r1 (vp Cp + ve Ce)`, spoiled gradient echo with TE.

    Parameters
    ----------
    times_s : ndarray, shape (n,)
        Sample times in s from the first sample.
    exchange : Exchange
        `vp` and `ktrans` of shape (m,).
    r1 : float
        1/(s mM); 0 switches the T1 effect off.

    Returns
    -------
    ndarray, shape (m, n)
        Signal relative to fully relaxed water.

    References
    ----------
    Semmineh et al., Magn Reson Med 2017;78:209 (digital reference object); Bell et al. 2019.
    """
    plasma = np.outer(exchange.vp, plasma_curve(times_s, bolus))
    leaked = np.outer(exchange.ktrans, leaked_curve(times_s, bolus, exchange.kep))
    rate = 1.0 / t2star_s + R2STAR_PLASMA * plasma + R2STAR_LEAKED[exchange.leakage] * leaked
    t1 = shortened_t1(t1_s, plasma + leaked, r1=r1)
    return np.asarray(
        spoiled_gradient_echo(pd=pd, t1_s=t1, t2star_s=1.0 / rate, tr_s=tr_s, te_s=te_s, flip_deg=flip_deg)
    )
