"""Blood flow, blood volume and transit time by deconvolving tissue curves with the arterial input."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz

from gliomon.common.errors import DomainError
from imaging.compute.device import resolve_device
from imaging.compute.leakage import trapezoid_weights
from imaging.compute.residue import ResidueTable, peak_and_breadth, residue_table

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.floating[Any]]

METHODS = ("ssvd", "csvd", "osvd")
RHO = 1.04  # g/mL, density of brain tissue
K_H = 0.733  # (1 - 0.45) / (1 - 0.25): haematocrit of arteries and of capillaries
THRESHOLD_SSVD = 0.20  # of the largest singular value; Ostergaard 1996
# Share of the largest singular value by the least ratio of a curve's peak to its noise: 0.10 after Wu 2003 for
# ordinary curves, less for cleaner ones (simulated: the noise of flow stays at 4 to 7 % for transit times of 6 to 12 s).
CSVD_THRESHOLDS = ((120.0, 0.03), (50.0, 0.06), (0.0, 0.10))
OSCILLATION_INDEX = 0.035  # Wu 2003, block-circulant matrices
OSVD_THRESHOLDS = tuple(float(p) for p in np.round(np.geomspace(0.02, 0.9, 16), 4))
MIN_SAMPLES = 10
MAX_DT_S = 5.0  # s; coarser sampling cannot follow a first pass
PER_MINUTE_PER_100_G = 6000.0  # 1/s to mL/100 g/min
PER_100_G = 100.0
_BLOCK = 8192  # voxels


@dataclasses.dataclass(frozen=True)
class Deconvolution:
    """Maps of the shape of `tissue` without its time axis; NaN where a curve is not finite.

    Attributes
    ----------
    cbf : ndarray
        Cerebral blood flow, mL/100 g/min.
    cbv : ndarray
        Cerebral blood volume, mL/100 g.
    mtt : ndarray
        Mean transit time CBV / CBF, s; NaN where no flow was found.
    threshold : ndarray
        Share of the largest singular value below which singular values were left out.
    """

    cbf: FloatArray
    cbv: FloatArray
    mtt: FloatArray
    threshold: FloatArray


@dataclasses.dataclass(frozen=True)
class _Inverse:
    """One truncated inverse: tissue @ matrix is flow times residue, in 1/s times rho / k_h."""

    threshold: float
    matrix: torch.Tensor
    table: ResidueTable | None


def deconvolve(
    tissue: FloatArray,
    aif: FloatArray,
    *,
    dt_s: float,
    method: str = "csvd",
    rho: float = RHO,
    k_h: float = K_H,
    threshold: float | None = None,
    oscillation_index: float = OSCILLATION_INDEX,
    recover_peak: bool = True,
    device: str = "cpu",
) -> Deconvolution:
    """Deconvolve tissue concentration with the arterial input by truncated singular values.

    C(t) = (rho / k_h) CBF int C_a(u) R(t - u) du with R(0) = 1, so that CBV = (k_h / rho) int C / int C_a,
    CBF = (k_h / rho) max(CBF R) and MTT = CBV / CBF. Truncation leaves out the fast part of R and lowers its peak
    (by a third at MTT 4 s and samples every 1.25 s); with `recover_peak` that loss is made good, see
    `imaging.compute.residue`. Transit times below 3 samples, or below 5 where the residue function is a box, are not
    resolved: flow is then uncertain by a third and more. The artery's partial volume scales CBF and CBV alike, so
    that both are relative measures.

    Parameters
    ----------
    tissue : ndarray, shape (..., nt)
        Concentration or any curve proportional to it (dR2*), time last.
    aif : ndarray, shape (nt,)
        Arterial concentration, same unit and time axis.
    dt_s : float
        Time between samples, s.
    method : {"ssvd", "csvd", "osvd"}
        Lower-triangular matrix (sensitive to delays: tissue before artery), block-circulant matrix (insensitive),
        or block-circulant with the threshold raised per voxel until the oscillation index is met.
    rho, k_h : float
        Density of tissue, g/mL; ratio (1 - Hct of arteries) / (1 - Hct of capillaries).
    threshold : float, optional
        Share of the largest singular value for "ssvd" and "csvd". By default 0.20 for "ssvd", and for "csvd" 0.10,
        0.06 or 0.03 by the ratio of each voxel's peak to its noise (below 50, 50 to 120, above).
    oscillation_index : float
        Limit for "osvd".
    recover_peak : bool
        False gives the plain maximum of the truncated residue function, as "ssvd" always does: its loss depends on
        the delay, which is not known.
    device : {"cpu", "cuda", "auto"}

    Raises
    ------
    DomainError
        `deconvolution_method`, `deconvolution_shape`, `deconvolution_timing` (milliseconds passed),
        `deconvolution_constants`, `deconvolution_aif` (no first pass in the arterial curve).

    References
    ----------
    Ostergaard L et al. Magn Reson Med 1996;36:715-725, doi 10.1002/mrm.1910360510.
    Wu O et al. Magn Reson Med 2003;50:164-174, doi 10.1002/mrm.10522.
    """
    artery = np.asarray(aif, dtype=np.float64)
    _check_inputs(tissue, artery, dt_s, method)
    _check_constants(rho, k_h, threshold)
    # torch refuses read-only memory, such as a mapped file's
    voxels = np.require(tissue.reshape(-1, artery.size), np.float32, ["C", "W"])
    weights = trapezoid_weights(artery.size, 0, artery.size - 1, dt_s)
    volume = np.asarray(voxels @ weights) / float(artery @ weights)
    volume = np.where(np.isfinite(volume), volume, np.nan)
    if method == "osvd":
        thresholds: tuple[float, ...] = OSVD_THRESHOLDS
    elif threshold is not None:
        thresholds = (threshold,)
    else:
        thresholds = (THRESHOLD_SSVD,) if method == "ssvd" else tuple(p for _, p in CSVD_THRESHOLDS)
    recover = recover_peak and method != "ssvd"
    inverses = [_inverse(artery, dt_s, p, method, recover, device) for p in thresholds]
    flow, used = _flow(voxels, volume, inverses, dt_s, oscillation_index if method == "osvd" else None)
    return _assemble(tissue.shape[:-1], flow * (k_h / rho), volume * (k_h / rho), used)


def _check_inputs(tissue: FloatArray, aif: FloatArray, dt_s: float, method: str) -> None:
    if method not in METHODS:
        text = f"method must be one of {', '.join(METHODS)}, got {method!r}"
        raise DomainError("deconvolution_method", text)
    if aif.ndim != 1 or aif.size < MIN_SAMPLES or tissue.ndim < 1 or tissue.shape[-1] != aif.size:
        text = f"tissue {tissue.shape} must end in the samples of the arterial curve {aif.shape}, 10 or more"
        raise DomainError("deconvolution_shape", text)
    if not 0 < dt_s <= MAX_DT_S:
        text = f"the time between samples must be above 0 and at most {MAX_DT_S:g} s, got {dt_s:g}"
        raise DomainError("deconvolution_timing", text)
    if not np.isfinite(aif).all() or aif.max() <= 0 or (aif > 0.5 * aif.max()).sum() > aif.size // 2:
        text = "the arterial curve must be finite concentration with one first pass above a low baseline"
        raise DomainError("deconvolution_aif", text)
    if float(aif.sum()) <= 0:
        raise DomainError("deconvolution_aif", "the area under the arterial curve must be positive")


def _check_constants(rho: float, k_h: float, threshold: float | None) -> None:
    if not (rho > 0 and k_h > 0):
        raise DomainError("deconvolution_constants", f"rho and k_h must be positive, got {rho:g} and {k_h:g}")
    if threshold is not None and not 0 < threshold < 1:
        raise DomainError("deconvolution_constants", f"threshold must lie in (0, 1), got {threshold:g}")


def _inverse(
    aif: FloatArray, dt_s: float, threshold: float, method: str, recover_peak: bool, device: str
) -> _Inverse:
    import torch

    invert = _triangular_inverse if method == "ssvd" else _circulant_inverse
    matrix = invert(aif, dt_s, threshold)
    table = residue_table(aif, matrix, dt_s) if recover_peak else None
    return _Inverse(
        threshold, torch.tensor(matrix, dtype=torch.float32, device=resolve_device(device)), table
    )


def _triangular_inverse(aif: FloatArray, dt_s: float, threshold: float) -> FloatArray:
    """(nt, nt): truncated inverse of the lower-triangular matrix A_ij = dt C_a(t_i-j), transposed."""
    left, values, right = np.linalg.svd(dt_s * toeplitz(aif, np.zeros(aif.size)))
    kept = np.where(values >= threshold * values[0], 1.0 / np.maximum(values, 1e-300), 0.0)
    inverse: FloatArray = (left * kept) @ right
    return inverse


def _circulant_inverse(aif: FloatArray, dt_s: float, threshold: float) -> FloatArray:
    """(nt, 2 nt): truncated inverse of the block-circulant matrix, transposed.

    The singular values of a circulant matrix are the moduli of its first column's Fourier transform, so that the
    truncated inverse is circulant again and needs no decomposition.
    """
    size = aif.size
    spectrum = dt_s * np.fft.rfft(aif, 2 * size)
    modulus = np.abs(spectrum)
    kept = modulus >= threshold * modulus.max()
    column = np.fft.irfft(np.where(kept, 1.0 / np.where(kept, spectrum, 1.0), 0.0), 2 * size)
    lag = (np.arange(2 * size)[None, :] - np.arange(size)[:, None]) % (2 * size)
    inverse: FloatArray = column[lag]
    return inverse


def _flow(
    voxels: FloatArray,
    volume: FloatArray,
    inverses: list[_Inverse],
    dt_s: float,
    oscillation_index: float | None,
) -> tuple[FloatArray, FloatArray]:
    """Peak of the residue function times flow, 1/s, and the threshold used, block after block."""
    import torch

    flow, used = np.full(len(voxels), np.nan), np.full(len(voxels), np.nan)
    for start in range(0, len(voxels), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = torch.from_numpy(voxels[rows]).to(inverses[0].matrix.device)
        for inverse, chosen, peak, breadth in _choose(block, inverses, oscillation_index):
            at = start + np.flatnonzero(chosen)
            found: FloatArray = peak.astype(np.float64)
            if inverse.table is not None:
                found = inverse.table.recover(found, breadth * dt_s, volume[at])
            flow[at], used[at] = found, inverse.threshold
    return flow, used


def _choose(
    block: torch.Tensor, inverses: list[_Inverse], oscillation_index: float | None
) -> list[tuple[_Inverse, npt.NDArray[np.bool_], FloatArray, FloatArray]]:
    """For each inverse the voxels that use it, their peak and breadth of the residue function."""
    import torch

    result = []
    left = torch.isfinite(block.sum(dim=1))
    contrast = _contrast_to_noise(block) if oscillation_index is None and len(inverses) > 1 else block[:, 0]
    for place, inverse in enumerate(inverses):
        last = place == len(inverses) - 1
        taken = (
            left if last or oscillation_index is not None else left & (contrast >= CSVD_THRESHOLDS[place][0])
        )
        if not bool(taken.any()):
            continue
        residue = (block if bool(taken.all()) else block[taken]) @ inverse.matrix
        if oscillation_index is not None and not last:
            calm = _oscillation(residue) < oscillation_index
            residue = residue[calm]
            taken = taken.clone()
            taken[taken.clone()] = calm
        peak, breadth = peak_and_breadth(residue)
        result.append((inverse, taken.cpu().numpy(), peak.cpu().numpy(), breadth.cpu().numpy()))
        left = left & ~taken
    return result


def _contrast_to_noise(block: torch.Tensor) -> torch.Tensor:
    """A curve's peak over its noise, which is read off second differences of the last quarter."""
    tail = block[:, -max(block.shape[1] // 4, 6) :]
    second = tail[:, 2:] - 2 * tail[:, 1:-1] + tail[:, :-2]
    noise = (second * second).mean(dim=1).div(6.0).sqrt()
    return block.amax(dim=1) / noise.clamp(min=1e-30)


def _oscillation(residue: torch.Tensor) -> torch.Tensor:
    """OI = (1 / L) (1 / k_max) sum |k_i - 2 k_i-1 + k_i-2|, Wu 2003."""
    second = residue[:, 2:] - 2 * residue[:, 1:-1] + residue[:, :-2]
    top = residue.amax(dim=1).clamp(min=1e-30)
    return second.abs().sum(dim=1) / residue.shape[1] / top


def _assemble(
    shape: tuple[int, ...], flow: FloatArray, volume: FloatArray, used: FloatArray
) -> Deconvolution:
    flow = np.maximum(flow, 0.0)  # NaN stays
    has_flow = flow > 0
    mtt = np.where(has_flow, volume / np.where(has_flow, flow, 1.0), np.nan)
    return Deconvolution(
        cbf=(PER_MINUTE_PER_100_G * flow).reshape(shape),
        cbv=(PER_100_G * volume).reshape(shape),
        mtt=mtt.reshape(shape),
        threshold=used.reshape(shape),
    )
