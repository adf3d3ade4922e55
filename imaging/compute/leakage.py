"""Contrast leakage in dynamic susceptibility imaging: the models and their linear solutions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.floating[Any]]

MAX_KEP = 0.05  # 1/s; bound of the back-flux rate, Leu 2016
_KEP_STEPS = 501  # support points of the corrected area; linear between them (error below 1e-6 of it)
_SINGULAR = 1e-6  # relative determinant below which back-flux cannot be told from vascular signal


@dataclasses.dataclass(frozen=True)
class LeakageModel:
    """All that is common to the voxels of one series.

    Attributes
    ----------
    reference : ndarray, shape (nt,)
        Mean dR2* of non-enhancing brain, 1/s; zero before `start`.
    dt_s : float
        Time between samples, s.
    start : int
        First sample of fit and integration (end of the baseline).
    window : ndarray, shape (nt,)
        Trapezoid weights in s of the window over which CBV is integrated.
    """

    reference: FloatArray
    dt_s: float
    start: int
    window: FloatArray

    @property
    def reference_integral(self) -> FloatArray:
        """Running trapezoid integral of the reference from `start`, no unit."""
        return running_integral(self.reference, self.dt_s)


def running_integral(curve: FloatArray, dt_s: float) -> FloatArray:
    """Trapezoid integral from the first sample up to each sample of the last axis."""
    steps = 0.5 * dt_s * (curve[..., 1:] + curve[..., :-1])
    return np.concatenate([np.zeros_like(curve[..., :1]), np.cumsum(steps, axis=-1)], axis=-1)


def trapezoid_weights(size: int, first: int, last: int, dt_s: float) -> FloatArray:
    """Weights in s of a trapezoid integral over samples first..last (both included) of `size`."""
    weights = np.zeros(size)
    weights[first : last + 1] = dt_s
    weights[[first, last]] *= 0.5
    return weights


def back_flux_integral(curve: FloatArray, dt_s: float, kep: float) -> FloatArray:
    """int_0^t curve(u) exp(-kep (t - u)) du by the trapezoid rule, per sample."""
    decay = float(np.exp(-kep * dt_s))
    out = np.zeros(curve.size)
    for n in range(1, curve.size):
        out[n] = decay * out[n - 1] + 0.5 * dt_s * (decay * curve[n - 1] + curve[n])
    return out


def bsw_projection(model: LeakageModel) -> FloatArray:
    """Matrix P of shape (nt, 4): dR2* @ P = [CBV uncorrected, CBV corrected, K1, K2] of the one-way model.

    dR2* = K1 r - K2 I with I the running integral of the reference r, fitted by least squares from `start` on;
    the corrected area adds K2 times the area of I. All four are linear in dR2*, so one product does every voxel.

    References
    ----------
    Boxerman JL, Schmainda KM, Weisskoff RM. AJNR 2006;27:859-867 (PMID 16611779).
    """
    basis = np.stack([model.reference, -model.reference_integral], axis=1)
    basis[: model.start] = 0.0
    rates = np.linalg.pinv(basis).T
    area = float(model.window @ model.reference_integral)
    corrected = model.window + area * rates[:, 1]
    return np.stack([model.window, corrected, rates[:, 0], rates[:, 1]], axis=1)


@dataclasses.dataclass(frozen=True)
class BackFluxTables:
    """Tensors of the two-way model on one device."""

    linear: torch.Tensor  # (nt, 4): dR2* @ linear = y.r, y.I, (int y).r, (int y).I over the fit window
    cumulate: torch.Tensor  # (nt, nt): dR2* @ cumulate is its running integral from `start`
    moments: torch.Tensor  # (3,): r.r, r.I, I.I over the fit window
    areas: torch.Tensor  # (kep steps,): window area of the back-flux integral
    curves: torch.Tensor  # (2, fit samples): r and its running integral from `start` on
    start: int


def back_flux_tables(model: LeakageModel, dtype: torch.dtype, place: torch.device) -> BackFluxTables:
    """Prepare the two-way fit of `solve_back_flux`."""
    import torch

    size = model.reference.size
    fit = (np.arange(size) >= model.start).astype(float)
    r, integral = model.reference * fit, model.reference_integral * fit
    cumulate = running_integral(np.diag(fit), model.dt_s)
    keps = np.linspace(0.0, MAX_KEP, _KEP_STEPS)
    areas = [float(model.window @ back_flux_integral(model.reference, model.dt_s, k)) for k in keps]

    def tensor(values: FloatArray) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype, device=place)

    linear = np.stack([r, integral, cumulate @ r, cumulate @ integral], axis=1)
    moments = np.array([r @ r, r @ integral, integral @ integral])
    return BackFluxTables(
        linear=tensor(linear),
        cumulate=tensor(cumulate),
        moments=tensor(moments),
        areas=tensor(np.array(areas)),
        curves=tensor(np.stack([r, integral])[:, model.start :]),
        start=model.start,
    )


def solve_back_flux(
    y: torch.Tensor, maps: torch.Tensor, tables: BackFluxTables
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two-way leakage fit of a block, falling back to the one-way result where it is not better.

    dR2* = K1 r - K2 int r(u) exp(-kep (t - u)) du is linear as y = K1 r + p2 int r - kep int y with
    p2 = kep K1 - K2. The two-way result is taken where 0 <= kep <= 0.05 1/s and Akaike's criterion prefers it.

    Parameters
    ----------
    y : tensor, shape (voxels, nt)
        dR2*, 1/s.
    maps : tensor, shape (voxels, 4)
        One-way result in the columns of `bsw_projection`.

    Returns
    -------
    maps : tensor, shape (voxels, 4)
    kep : tensor, shape (voxels,)
        1/s; 0 where the one-way result stands.
    chosen : tensor of bool, shape (voxels,)

    References
    ----------
    Leu K et al. J Cereb Blood Flow Metab 2016 (PMC4983482).
    """
    import torch

    window = y[:, tables.start :]
    integral = (y @ tables.cumulate)[:, tables.start :]
    k1, p2, kep, solvable = _normal_equations(y, window, integral, tables)
    k2 = kep * k1 - p2
    bounded = solvable & (kep > 0) & (kep <= MAX_KEP)
    better = _prefers_back_flux(window, integral, (k1, p2, kep), maps, tables)
    chosen = bounded & better
    kep = torch.where(chosen, kep, 0.0)
    position = kep * ((_KEP_STEPS - 1) / MAX_KEP)
    below = position.floor().long().clamp(max=_KEP_STEPS - 2)
    area = torch.lerp(tables.areas[below], tables.areas[below + 1], position - below)
    two_way = torch.stack([maps[:, 0], maps[:, 0] + k2 * area, k1, k2], dim=1)
    return torch.where(chosen[:, None], two_way, maps), kep, chosen


def _normal_equations(
    y: torch.Tensor, window: torch.Tensor, integral: torch.Tensor, tables: BackFluxTables
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Solve the three-parameter least squares [r, I, -int y] per voxel by eliminating r and I."""
    yr, yi, qr, qi = (y @ tables.linear).unbind(1)
    rr, ri, ii = tables.moments.unbind(0)
    qq, qy = (integral * integral).sum(1), (integral * window).sum(1)
    det = rr * ii - ri * ri
    a_q, b_q = (ii * qr - ri * qi) / det, (rr * qi - ri * qr) / det  # int y on [r, I]
    left = qq - a_q * qr - b_q * qi  # what of int y the two regressors do not explain
    kep = -(qy - a_q * yr - b_q * yi) / left
    a_y, b_y = (ii * yr - ri * yi) / det, (rr * yi - ri * yr) / det
    return a_y + kep * a_q, b_y + kep * b_q, kep, left > _SINGULAR * qq


def _prefers_back_flux(
    window: torch.Tensor,
    integral: torch.Tensor,
    two_way: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    maps: torch.Tensor,
    tables: BackFluxTables,
) -> torch.Tensor:
    """Akaike's criterion n ln(RSS) + 2 p with one parameter more for the two-way model."""
    import torch

    r, i = tables.curves.unbind(0)
    k1, p2, kep = (value[:, None] for value in two_way)
    rss_two = ((window - k1 * r - p2 * i + kep * integral) ** 2).sum(1)
    rss_one = ((window - maps[:, 2:3] * r + maps[:, 3:4] * i) ** 2).sum(1)
    n = window.shape[1]
    return n * torch.log(rss_two) + 2.0 < n * torch.log(rss_one)
