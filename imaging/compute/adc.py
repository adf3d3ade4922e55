"""Apparent diffusion coefficient from diffusion-weighted signals, and the unit of maps made by scanners."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.device import one_thread, resolve_device

if TYPE_CHECKING:
    import torch

METHODS = ("two_point", "wls", "ols")
ADC_VALID = (0.1e-3, 3.5e-3)  # mm2/s; free water at 37 C is 3.0e-3, below 0.1e-3 is no brain tissue
MAX_MONO_B = 1500.0  # s/mm2; above it the decay of brain tissue is not mono-exponential
TWO_POINT_B = 1000.0  # s/mm2; the customary upper b of a pair
SUPPRESSED_B = 100.0  # s/mm2; from here on blood flow no longer adds to the decay
CENSOR_SIGMA = 3.0  # a point below 3 sigma is noise floor
S0_SIGMA = 5.0  # a voxel whose S0 is below 5 sigma has no signal to decay
MANY_INVALID = 0.05  # share of fitted voxels outside ADC_VALID that is worth a flag
B_TOLERANCE = 0.05  # scanners write 995 or 1005 for the same nominal b
B_STEP = 5.0  # s/mm2; below it two b-values are the same one (b = 0 is written as 0 to 5)
_PER_THOUSAND = 1e-3  # b is fitted in 1000 s/mm2, so that the slope is of order 1
_BLOCK_CPU = 8192  # voxels; a block of 14 samples then stays in the cache
_BLOCK_CUDA = 1 << 20

FloatArray = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class AdcFit:
    """Result of a mono-exponential fit.

    Attributes
    ----------
    adc : ndarray, spatial shape
        mm2/s; NaN outside the mask, where too few points remained and outside `ADC_VALID`.
    s0 : ndarray, spatial shape
        Fitted signal at b = 0 in the unit of the input; NaN outside the mask and where no fit was possible.
    method : str
        "two_point", "wls" or "ols".
    b_used : tuple of float
        Distinct b-values of the fit, s/mm2, rising: they belong to the number (0/1000 and 500/1000 differ).
    b_dropped : tuple of float
        Distinct b-values that were left out, s/mm2.
    n_fitted, n_censored, n_out_of_range, n_unfit : int
        Voxels with a fit; (voxel, b) points left out as noise floor or non-positive; voxels set to NaN for
        being outside `ADC_VALID`; voxels inside the mask without a fit.
    flags : tuple of str
        "b_out_of_range", "b_dropped", "perfusion_suppressed", "many_out_of_range", "no_noise_level".
    """

    adc: FloatArray
    s0: FloatArray
    method: str
    b_used: tuple[float, ...]
    b_dropped: tuple[float, ...]
    n_fitted: int
    n_censored: int
    n_out_of_range: int
    n_unfit: int
    flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Shells:
    """Samples sorted into distinct b-values: `members[k]` are the columns of shell k with mean b `b[k]`."""

    b: FloatArray
    members: tuple[npt.NDArray[np.intp], ...]

    def keep(self, chosen: npt.NDArray[np.bool_]) -> _Shells:
        kept = tuple(m for m, yes in zip(self.members, chosen, strict=True) if yes)
        return _Shells(self.b[chosen], kept)

    @property
    def counts(self) -> FloatArray:
        return np.array([len(m) for m in self.members], dtype=float)


@dataclasses.dataclass(frozen=True)
class _Design:
    """Everything about the fit that is the same for all voxels, as tensors on one device."""

    columns: torch.Tensor  # sample columns of the input, shell after shell
    averaging: torch.Tensor | None  # (samples, shells); None when every shell holds one sample
    b: torch.Tensor  # (shells,) in 1000 s/mm2
    powers: torch.Tensor  # (shells, 3): 1, b, b^2
    counts: torch.Tensor  # (shells,) samples per shell
    plain: torch.Tensor  # (samples, 2): ordinary least squares of all log samples -> slope, ln S0
    reweight: bool


def fit_adc(
    signals: npt.NDArray[Any],
    b_values: npt.ArrayLike,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    method: str = "wls",
    sigma: float | FloatArray | None = None,
    device: str = "cpu",
) -> AdcFit:
    """Fit S(b) = S0 exp(-b ADC) in every voxel.

    Samples of equal b (directions, repeats) are first averaged geometrically and then count with their
    number, so that ordinary least squares equals the fit to all single samples. Weighted least squares uses
    w = n S^2 (the variance of ln S is sigma^2 / S^2) and one reweighting with the fitted signal.

    Parameters
    ----------
    signals : ndarray, shape (..., n)
        Magnitude signal with the b-value on the last axis, any real unit.
    b_values : array_like, shape (n,)
        s/mm2. Values above 1500 are left out when two lower distinct ones remain; otherwise they are
        fitted and the result carries "b_out_of_range": never join it to a series measured at b <= 1500.
    mask : ndarray of bool, shape (...), optional
        Voxels to fit; all by default.
    method : {"wls", "ols", "two_point"}
        "two_point" takes the lowest b and the one nearest to 1000 s/mm2.
    sigma : float or ndarray of shape (...), optional
        Noise standard deviation in the unit of `signals`. With it voxels with S0 < 5 sigma get NaN and points
        below 3 sigma are left out; without it nothing is censored but non-positive samples.
    device : {"cpu", "cuda", "auto"}
        Where the arithmetic runs. float64 input is fitted in float64, anything else in float32.

    Returns
    -------
    AdcFit

    Raises
    ------
    DomainError
        `adc_method`, `adc_shape`, `adc_b_values` (fewer than two distinct), `adc_sigma`.

    References
    ----------
    Jones DK, Basser PJ. Magn Reson Med 2004;52:979-993, doi 10.1002/mrm.20283 (noise floor).
    Salvador R et al. Hum Brain Mapp 2005;24:144-155, doi 10.1002/hbm.20076 (weights of log signals).
    """
    samples, inside = _check_inputs(signals, b_values, mask, method)
    all_shells = _shells_of(np.asarray(b_values, dtype=float))
    shells, flags = _choose_shells(all_shells, method)
    floor = _noise_of(sigma, inside)
    with one_thread():
        adc, s0, n_censored = _fit_voxels(samples, inside, shells, method == "wls", floor, device)
    fitted = np.isfinite(adc)
    outside = fitted & ((adc < ADC_VALID[0]) | (adc > ADC_VALID[1]))
    adc[outside] = np.nan
    n_fitted = int(fitted.sum())
    if outside.sum() > MANY_INVALID * max(n_fitted, 1):
        flags.append("many_out_of_range")
    shape = signals.shape[:-1]
    return AdcFit(
        adc=adc.reshape(shape),
        s0=s0.reshape(shape),
        method=method,
        b_used=tuple(float(b) for b in shells.b),
        b_dropped=tuple(float(b) for b in all_shells.b if b not in shells.b),
        n_fitted=n_fitted,
        n_censored=n_censored,
        n_out_of_range=int(outside.sum()),
        n_unfit=int(inside.sum()) - n_fitted,
        flags=tuple(flags if sigma is not None else [*flags, "no_noise_level"]),
    )


def fit_suppressed_adc(
    signals: npt.NDArray[Any],
    b_values: npt.ArrayLike,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    method: str = "wls",
    sigma: float | FloatArray | None = None,
    device: str = "cpu",
) -> AdcFit | None:
    """Fit the ADC from b = 100 to 1500 s/mm2 only, where flowing blood no longer adds to the decay.

    Parameters and errors are those of `fit_adc`.

    Returns
    -------
    AdcFit or None
        With the flag "perfusion_suppressed": never join it to an ADC from b = 0. None where the series holds less
        than two distinct b-values in that range.

    References
    ----------
    Le Bihan D et al. Radiology 1988;168:497-505, doi 10.1148/radiology.168.2.3393671 (perfusion at low b).
    """
    b = np.asarray(b_values, dtype=float)
    _check_inputs(signals, b, mask, method)
    chosen = (b >= SUPPRESSED_B) & (b <= MAX_MONO_B)
    if not chosen.any() or _shells_of(b[chosen]).b.size < 2:
        return None
    return fit_adc(signals[..., chosen], b[chosen], mask=mask, method=method, sigma=sigma, device=device)


def _check_inputs(
    signals: npt.NDArray[Any], b_values: npt.ArrayLike, mask: npt.NDArray[np.bool_] | None, method: str
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    b = np.asarray(b_values, dtype=float)
    if method not in METHODS:
        raise DomainError("adc_method", f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if signals.ndim < 1 or b.ndim != 1 or signals.shape[-1] != b.size:
        raise DomainError("adc_shape", f"the last axis of signals {signals.shape} needs {b.size} b-values")
    if not np.isfinite(b).all() or (b < 0).any():
        raise DomainError("adc_b_values", "b-values must be finite and not negative, in s/mm2")
    if mask is not None and mask.shape != signals.shape[:-1]:
        raise DomainError("adc_shape", f"the mask {mask.shape} does not fit signals {signals.shape}")
    samples = signals.reshape(-1, b.size)
    inside = np.ones(len(samples), bool) if mask is None else np.asarray(mask, bool).ravel()
    return samples, inside


def _shells_of(b: FloatArray) -> _Shells:
    """Sort samples into shells: b-values within 5 % (or 5 s/mm2) of the lowest of the shell are one."""
    order = np.argsort(b, kind="stable")
    groups: list[list[int]] = []
    for column in order:
        if groups and b[column] - b[groups[-1][0]] <= max(B_STEP, B_TOLERANCE * b[groups[-1][0]]):
            groups[-1].append(int(column))
        else:
            groups.append([int(column)])
    members = tuple(np.array(g, dtype=np.intp) for g in groups)
    return _Shells(np.array([b[m].mean() for m in members]), members)


def _choose_shells(shells: _Shells, method: str) -> tuple[_Shells, list[str]]:
    """Leave out b > 1500 where two lower remain, pick the pair of a two-point fit, and say what was done."""
    if shells.b.size < 2:
        raise DomainError("adc_b_values", f"a fit needs two distinct b-values, got {shells.b.tolist()}")
    flags = []
    low = shells.b <= MAX_MONO_B
    chosen = shells
    if not low.all():
        enough = int(low.sum()) >= 2
        flags.append("b_dropped" if enough else "b_out_of_range")
        chosen = shells.keep(low) if enough else shells
    if method == "two_point":
        chosen = _pair(chosen)
        if chosen.b[-1] <= MAX_MONO_B and "b_out_of_range" in flags:
            flags.remove("b_out_of_range")
    if chosen.b[0] >= SUPPRESSED_B:
        flags.append("perfusion_suppressed")
    return chosen, flags


def _pair(shells: _Shells) -> _Shells:
    upper = 1 + int(np.argmin(np.abs(shells.b[1:] - TWO_POINT_B)))
    chosen = np.zeros(shells.b.size, bool)
    chosen[[0, upper]] = True
    return shells.keep(chosen)


def _noise_of(
    sigma: float | FloatArray | None, inside: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64] | None:
    """Noise level per voxel inside the mask, or None for no censoring."""
    if sigma is None:
        return None
    level = np.asarray(sigma, dtype=float)
    if level.ndim and level.size != inside.size:
        raise DomainError("adc_sigma", f"sigma is a number or one per voxel, got shape {level.shape}")
    per_voxel = np.broadcast_to(level.ravel() if level.ndim else level, inside.shape)[inside]
    if not np.isfinite(per_voxel).all() or (per_voxel < 0).any():
        raise DomainError("adc_sigma", "sigma must be finite and not negative inside the mask")
    return per_voxel


def _fit_voxels(
    samples: npt.NDArray[Any],
    inside: npt.NDArray[np.bool_],
    shells: _Shells,
    reweight: bool,
    floor: npt.NDArray[np.float64] | None,
    device: str,
) -> tuple[FloatArray, FloatArray, int]:
    """Fit block after block; returns maps over all voxels (NaN where no fit) and the censored points."""
    import torch

    place = resolve_device(device)
    dtype = torch.float64 if _precision(samples.dtype) is np.float64 else torch.float32
    design = _design(shells, dtype, place, reweight)
    index = np.flatnonzero(inside)
    adc: FloatArray = np.full(len(samples), np.nan, _precision(samples.dtype))
    s0 = adc.copy()
    n_censored = 0
    step = _BLOCK_CUDA if place.type == "cuda" else _BLOCK_CPU
    everything = index.size == len(samples)
    for start in range(0, index.size, step):
        rows = index[start : start + step]
        raw = samples[start : start + step] if everything else samples[rows]
        block = torch.from_numpy(_torch_ready(raw)).to(place, dtype)
        noise = None if floor is None else torch.from_numpy(floor[start : start + step]).to(place, dtype)
        slope, intercept, censored = _fit_block(block, design, noise)
        adc[rows] = (slope * _PER_THOUSAND).cpu().numpy()
        s0[rows] = intercept.cpu().numpy()
        n_censored += censored
    return adc, s0, n_censored


def _precision(dtype: np.dtype[Any]) -> type[np.float64] | type[np.float32]:
    """float64 stays what it is; integers and float32 need no more than float32."""
    return np.float64 if dtype == np.float64 else np.float32


def _torch_ready(raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Native byte order and a sample type that torch computes with (DICOM gives uint16, NIfTI big-endian)."""
    if raw.dtype.kind == "f" and raw.dtype.isnative and raw.dtype.itemsize in (4, 8) and raw.flags.writeable:
        return np.ascontiguousarray(raw)
    return raw.astype(_precision(raw.dtype))


def _design(shells: _Shells, dtype: torch.dtype, place: torch.device, reweight: bool) -> _Design:
    import torch

    counts = torch.tensor(shells.counts, dtype=dtype, device=place)
    b = torch.tensor(shells.b * _PER_THOUSAND, dtype=dtype, device=place)
    columns = torch.tensor(np.concatenate(shells.members), device=place)
    averaging = None
    if shells.counts.max() > 1:
        owner = np.repeat(np.arange(shells.b.size), shells.counts.astype(int))
        matrix = (owner[:, None] == np.arange(shells.b.size)) / shells.counts
        averaging = torch.tensor(matrix, dtype=dtype, device=place)
    powers = torch.stack([torch.ones_like(b), b, b * b], dim=1)
    plain = torch.tensor(_plain_projection(shells), dtype=dtype, device=place)
    return _Design(columns, averaging, b, powers, counts, plain, reweight)


def _plain_projection(shells: _Shells) -> FloatArray:
    """Pseudo-inverse of ln S = ln S0 - b D; without weights it is the same for all voxels."""
    b = np.repeat(shells.b * _PER_THOUSAND, shells.counts.astype(int))
    return np.linalg.pinv(np.stack([-b, np.ones_like(b)], axis=1)).T


def _fit_block(
    block: torch.Tensor, design: _Design, noise: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Slope (10^-3 mm2/s), S0 and the number of censored points of one block of shape (voxels, n).

    Logs are taken of ratios to the lowest b: small numbers, so that single precision loses no digits.
    """
    import torch

    signal = _ordered_columns(block, design)
    lowest, highest = torch.aminmax(signal)  # NaN anywhere makes both NaN, and the comparison false
    clean = noise is None and bool((lowest > 0) & (highest < torch.inf))
    if clean and not design.reweight:
        first = signal[:, :1]
        slope, offset = (torch.log(signal / first) @ design.plain).unbind(1)
        return slope, torch.exp(offset) * first[:, 0], 0
    usable = None if clean else _usable(signal, design)
    if usable is not None:
        signal = torch.where((signal > 0) & torch.isfinite(signal), signal, torch.ones_like(signal))
    first = signal[:, :1]
    y = torch.log(signal / first)
    if design.averaging is not None:
        y = y @ design.averaging
    if usable is not None and noise is not None:
        usable &= torch.exp(y) * first >= CENSOR_SIGMA * noise[:, None]
    slope, offset = _solve(y, design, usable)
    s0 = torch.exp(offset) * first[:, 0]
    if usable is None:
        return slope, s0, 0
    lost = _without_fit(usable, s0, noise)
    slope[lost] = torch.nan
    s0[lost] = torch.nan
    return slope, s0, int((~usable).sum())


def _ordered_columns(block: torch.Tensor, design: _Design) -> torch.Tensor:
    """Samples shell after shell; the block itself where it is already in that order."""
    columns = design.columns
    if columns.numel() == block.shape[1] and bool((columns[1:] > columns[:-1]).all()):
        return block
    return block[:, columns]


def _usable(signal: torch.Tensor, design: _Design) -> torch.Tensor:
    """(voxels, shells): a shell with one non-positive direction has no trace, so it is left out entirely."""
    import torch

    good = (signal > 0) & torch.isfinite(signal)
    if design.averaging is None:
        return good
    return good.to(signal.dtype) @ design.averaging > 1.0 - 1e-4


def _without_fit(usable: torch.Tensor, s0: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
    lost = (usable.sum(dim=1) < 2) | ~usable[:, 0]
    if noise is not None:
        lost |= s0 < S0_SIGMA * noise
    return lost


def _solve(
    y: torch.Tensor, design: _Design, usable: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Least squares of y = offset - b slope with weights n (OLS) or n S^2, reweighted once (WLS)."""
    import torch

    base = design.counts if usable is None else design.counts * usable
    if not design.reweight:
        return _line(y, base.expand_as(y), design)
    slope, _ = _line(y, torch.exp(2 * y) * base, design)
    return _line(y, torch.exp(-2 * slope[:, None] * design.b) * base, design)


def _line(y: torch.Tensor, weights: torch.Tensor, design: _Design) -> tuple[torch.Tensor, torch.Tensor]:
    """Closed-form weighted straight line: slope (positive for decay) and offset at b = 0."""
    w, wb, wbb = (weights @ design.powers).unbind(1)
    wy, wby = ((weights * y) @ design.powers[:, :2]).unbind(1)
    determinant = w * wbb - wb * wb
    return (wb * wy - w * wby) / determinant, (wbb * wy - wb * wby) / determinant


# Median of the brain in the stored numbers -> factor to mm2/s and UCUM unit (expected: 0.8e-3 mm2/s).
_UNITS: tuple[tuple[float, float, float, str], ...] = (
    (1e-5, 0.01, 1.0, "mm2/s"),
    (0.1, 10.0, 1e-3, "10*-3.mm2/s"),
    (300.0, 5000.0, 1e-6, "10*-6.mm2/s"),
)
_AMBIGUOUS = (10.0, 300.0)


def to_mm2_per_s(adc_map: npt.NDArray[Any], brain_mask: npt.NDArray[np.bool_]) -> tuple[FloatArray, str]:
    """Convert a scanner's ADC map to mm2/s, detecting its unit from the median of the brain.

    Parameters
    ----------
    adc_map : ndarray
        ADC after the rescale of its header, unknown unit.
    brain_mask : ndarray of bool, same shape
        The judgement rests on the brain's median, never on one voxel; zeros (masked voxels) do not count.

    Returns
    -------
    adc : ndarray
        mm2/s, floating.
    unit : str
        UCUM unit that was detected: "mm2/s", "10*-3.mm2/s" or "10*-6.mm2/s".

    Raises
    ------
    DomainError
        `adc_unit_ambiguous` for a median of 10 to 300 (perhaps 10^-5 mm2/s: a person must say),
        `adc_unit_unknown` for any other, `adc_shape`, `adc_empty_mask`.
    """
    if adc_map.shape != brain_mask.shape:
        raise DomainError("adc_shape", f"the brain mask {brain_mask.shape} does not fit map {adc_map.shape}")
    values = adc_map[np.asarray(brain_mask, bool)]
    values = values[np.isfinite(values) & (values != 0)]
    if values.size == 0:
        raise DomainError("adc_empty_mask", "the ADC map has no value inside the brain mask")
    median = float(np.median(values))
    for low, high, factor, unit in _UNITS:
        if low <= median < high or (high == 5000.0 and median == high):
            converted: FloatArray = adc_map.astype(_precision(adc_map.dtype))
            return converted * factor, unit
    if _AMBIGUOUS[0] <= median < _AMBIGUOUS[1]:
        text = f"a brain median of {median:.4g} may be 10^-5 mm2/s; the unit must be stated by hand"
        raise DomainError("adc_unit_ambiguous", text)
    raise DomainError("adc_unit_unknown", f"a brain median of {median:.4g} fits no unit of ADC")
