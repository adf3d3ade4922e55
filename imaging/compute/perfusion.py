"""Relative cerebral blood volume from dynamic susceptibility contrast MRI, corrected for contrast leakage."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.arterial_input import ArterialInput, select_arterial_input
from imaging.compute.bolus import GOOD_BASELINE, WIDE_BOLUS_S
from imaging.compute.bolus_curve import (
    BolusShape,
    GammaVariate,
    SignalShape,
    bolus_shape,
    fit_gamma_variate,
    signal_shape,
)
from imaging.compute.deconvolution import Deconvolution, deconvolve
from imaging.compute.device import one_thread
from imaging.compute.dual_echo import dual_echo_relaxation
from imaging.compute.leakage import (
    LeakageModel,
    back_flux_tables,
    bsw_projection,
    solve_back_flux,
    trapezoid_weights,
)
from imaging.compute.nawm import NawmRegion, NormalisedCbv, nawm_contralateral, normalise_cbv
from imaging.compute.relaxation import (
    TAIL_SAMPLES,
    Protocol,
    Relaxation,
    check_timing,
    read_protocol,
    relaxation_of,
)
from imaging.compute.standardised_cbv import ReferenceScale, learn_reference_scale, standardise_cbv

if TYPE_CHECKING:
    import torch

__all__ = [
    "ArterialInput",
    "BolusShape",
    "Deconvolution",
    "GammaVariate",
    "NawmRegion",
    "NormalisedCbv",
    "PerfusionMaps",
    "PerfusionQuality",
    "ReferenceScale",
    "SignalShape",
    "bolus_shape",
    "deconvolve",
    "dual_echo_relaxation",
    "fit_gamma_variate",
    "leakage_corrected_cbv",
    "learn_reference_scale",
    "nawm_contralateral",
    "normalise_cbv",
    "select_arterial_input",
    "signal_shape",
    "standardise_cbv",
]

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

METHODS = ("bsw", "bidirectional")
WINDOWS = ("whole", "first_pass")
VESSEL_FACTOR = 5.0  # times the median area: a large vessel
MIN_REFERENCE = 10  # voxels
SMALL_REFERENCE = 100  # voxels; a smaller reference is flagged
LOW_DROP = 0.10  # of the baseline; weaker boluses are flagged
MANY_WEAK = 0.20  # share of weak voxels that is flagged


@dataclasses.dataclass(frozen=True)
class PerfusionQuality:
    """What the series was like; indices count the samples as they were given.

    Attributes
    ----------
    baseline_start, baseline_stop, baseline_points : int
        The baseline is [start, stop).
    arrival_index, peak_index : int
        First sample clearly below baseline; sample of lowest mean signal.
    arrival_s : float
        Arrival after the first sample, s.
    drop, recovery : float
        Fall of the mean signal as a share of baseline; share of the fall that is regained.
    width_s : float
        Full width at half depth, s.
    noise_sigma, snr : float
        Median temporal SD of single voxels in the baseline, and median baseline signal over it.
    n_voxels, n_weak, n_reference : int
        Voxels in the brain mask, weak ones (`PerfusionMaps.reliable` false), voxels of the reference.
    mean_curve, reference_curve : ndarray, shape (nt,)
        Mean signal of the brain, and mean dR2* of the reference (1/s; zero before the fit starts).
    flags : tuple of str
        "short_baseline", "low_drop", "wide_bolus", "short_tail", "small_reference", "many_weak_voxels".
    """

    baseline_start: int
    baseline_stop: int
    baseline_points: int
    arrival_index: int
    arrival_s: float
    peak_index: int
    drop: float
    recovery: float
    width_s: float
    noise_sigma: float
    snr: float
    n_voxels: int
    n_weak: int
    n_reference: int
    mean_curve: FloatArray
    reference_curve: FloatArray
    flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PerfusionMaps:
    """Maps on the input grid, float32, finite inside the brain mask and NaN outside.

    Attributes
    ----------
    cbv_uncorrected, cbv : ndarray
        Area of dR2* over the window before and after leakage correction; relative, not normalised, no unit.
    k1 : ndarray
        Weight of the reference curve, no unit.
    k2 : ndarray
        Leakage, 1/s: positive where T1 shortening dominates, negative where T2* effects do.
    kep : ndarray or None
        Back-flux rate, 1/s (method "bidirectional"; 0 where the one-way model stands).
    baseline : ndarray
        Mean signal before the bolus, unit of the input.
    reliable, reference_mask : ndarray of bool
        False for weak voxels, whose numbers are finite but noise; voxels whose mean is the reference.
    quality : PerfusionQuality
    """

    cbv_uncorrected: FloatArray
    cbv: FloatArray
    k1: FloatArray
    k2: FloatArray
    kep: FloatArray | None
    baseline: FloatArray
    reliable: BoolArray
    reference_mask: BoolArray
    quality: PerfusionQuality


def leakage_corrected_cbv(
    signal: npt.NDArray[Any],
    *,
    echo_time_s: float,
    repetition_time_s: float,
    brain_mask: BoolArray,
    reference_mask: BoolArray | None = None,
    exclude_mask: BoolArray | None = None,
    method: str = "bsw",
    discard: int = 0,
    baseline: int | tuple[int, int] | slice | None = None,
    window: str = "whole",
    device: str = "cpu",
) -> PerfusionMaps:
    """Relative CBV with and without leakage correction from a single-echo dynamic series.

    Steps: steady state, baseline and arrival on the brain's mean curve; dR2* = -ln(S / S_b) / TE with S clipped at
    2 sigma; the mean of non-enhancing brain as reference; leakage model by least squares from the end of the
    baseline on; trapezoid area. The series is expected in time order and corrected for motion.

    Parameters
    ----------
    signal : ndarray, shape (..., nt)
        Signal of a T2*-weighted dynamic series, time last, any positive unit and real type.
    echo_time_s, repetition_time_s : float
        Echo time and time between samples, seconds.
    brain_mask : ndarray of bool, shape (...)
        Voxels to compute.
    reference_mask : ndarray of bool, shape (...), optional
        Non-enhancing brain chosen by hand. By default the voxels whose mean dR2* over the last ten samples is
        within one SD of what their first pass predicts (zero without recirculation), large vessels and weak
        voxels left out.
    exclude_mask : ndarray of bool, shape (...), optional
        Voxels that may never enter the automatic reference (the lesion, where it is known).
    method : {"bsw", "bidirectional"}
        One-way (Boxerman-Schmainda-Weisskoff) or two-way leakage; the two-way fit falls back per voxel.
    discard : int
        Volumes to leave out at the start; further ones are left out while the signal is above its steady state.
    baseline : int, (start, stop) or slice, optional
        Baseline by hand; see `imaging.compute.bolus.find_bolus`.
    window : {"whole", "first_pass"}
        Span of the area: to the end of the series, or to the end of the first pass.
    device : {"cpu", "cuda", "auto"}

    Returns
    -------
    PerfusionMaps

    Raises
    ------
    DomainError
        `dsc_shape`, `dsc_timing` (milliseconds passed, or samples too far apart), `dsc_method`, `dsc_no_bolus`,
        `dsc_short_baseline` (fewer than 5 points), `dsc_no_reference`.

    References
    ----------
    Boxerman JL, Schmainda KM, Weisskoff RM. AJNR 2006;27:859-867 (PMID 16611779).
    Leu K et al. J Cereb Blood Flow Metab 2016 (PMC4983482).
    Boxerman JL et al. Neuro Oncol 2020, doi 10.1093/neuonc/noaa141.
    """
    _check_words(method, window)
    check_timing(echo_time_s, repetition_time_s)
    samples, index = _check_shapes(signal, brain_mask, (reference_mask, exclude_mask))
    with one_thread():
        protocol = read_protocol(samples, index, echo_time_s, repetition_time_s, discard, baseline, device)
        relaxation = relaxation_of(samples, index, protocol)
        chosen = _reference(relaxation, protocol, index, reference_mask, exclude_mask)
        model = _model(relaxation, chosen, protocol, window)
        values, kep = _solve(relaxation.y, model, method, protocol)
    return _assemble(
        brain_mask.shape,
        index,
        relaxation,
        chosen,
        values,
        kep,
        _quality(protocol, relaxation, chosen, model),
    )


def _check_words(method: str, window: str) -> None:
    if method not in METHODS:
        raise DomainError("dsc_method", f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if window not in WINDOWS:
        raise DomainError("dsc_method", f"window must be one of {', '.join(WINDOWS)}, got {window!r}")


def _check_shapes(
    signal: npt.NDArray[Any], brain_mask: BoolArray, masks: tuple[BoolArray | None, ...]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    for mask in (brain_mask, *masks):
        if mask is not None and mask.shape != signal.shape[:-1]:
            raise DomainError("dsc_shape", f"a mask of shape {mask.shape} does not fit signal {signal.shape}")
    index = np.flatnonzero(brain_mask)
    if index.size == 0:
        raise DomainError("dsc_shape", "the brain mask is empty")
    return signal.reshape(-1, signal.shape[-1]), index


def _reference(
    relaxation: Relaxation,
    protocol: Protocol,
    index: npt.NDArray[np.intp],
    reference_mask: BoolArray | None,
    exclude_mask: BoolArray | None,
) -> BoolArray:
    """Voxels (of the brain's list) whose mean curve stands for vessels that do not leak."""
    if reference_mask is not None:
        chosen = reference_mask.ravel()[index]
        strong = chosen & relaxation.reliable
        chosen = strong if strong.any() else chosen
    else:
        allowed = relaxation.reliable & (relaxation.area > 0)
        if exclude_mask is not None:
            allowed &= ~exclude_mask.ravel()[index]
        chosen = _non_enhancing(relaxation.tail, relaxation.area, allowed)
    if chosen.sum() < (1 if reference_mask is not None else MIN_REFERENCE):
        text = f"{int(chosen.sum())} voxels of non-enhancing brain show a bolus, {MIN_REFERENCE} are needed"
        raise DomainError("dsc_no_reference", text)
    return chosen


def _non_enhancing(tail: FloatArray, area: FloatArray, allowed: BoolArray) -> BoolArray:
    """Voxels whose tail is within one (robust) SD of what their own first pass predicts.

    Recirculation keeps dR2* of healthy brain above zero in proportion to blood volume, so the tail is judged after
    taking off the brain's median tail per area; without recirculation that ratio is zero and the rule is
    "within one SD of zero".
    """
    if not allowed.any():
        return allowed
    median_area = float(np.median(area[allowed]))
    allowed = allowed & (area <= VESSEL_FACTOR * median_area)
    ratio = float(np.median(tail[allowed] / area[allowed]))
    excess = tail - ratio * area
    spread = 1.4826 * float(np.median(np.abs(excess[allowed])))
    floor = 1e-4 * median_area  # identical noiseless voxels have no spread
    return allowed & (np.abs(excess) <= max(spread, floor))


def _model(relaxation: Relaxation, chosen: BoolArray, protocol: Protocol, window: str) -> LeakageModel:
    import torch

    share = torch.from_numpy(chosen.astype(np.float32) / float(chosen.sum())).to(protocol.place)
    reference = (share @ relaxation.y).cpu().numpy().astype(np.float64)
    reference[: protocol.start] = 0.0
    last = protocol.size - 1 if window == "whole" else protocol.first_pass_end
    weights = trapezoid_weights(protocol.size, protocol.start, last, protocol.dt_s)
    return LeakageModel(reference, protocol.dt_s, protocol.start, weights)


def _solve(
    y: torch.Tensor, model: LeakageModel, method: str, protocol: Protocol
) -> tuple[FloatArray, FloatArray | None]:
    """(voxels, 4) of [CBV uncorrected, CBV, K1, K2], and kep for the two-way model."""
    import torch

    projection = torch.tensor(bsw_projection(model), dtype=torch.float32, device=protocol.place)
    maps = y @ projection
    if method == "bsw":
        return maps.cpu().numpy(), None
    tables = back_flux_tables(model, torch.float64, protocol.place)  # near-collinear: needs double precision
    kep = torch.empty(len(y), dtype=torch.float32, device=protocol.place)
    for start in range(0, len(y), protocol.step):
        rows = slice(start, start + protocol.step)
        maps[rows], kep[rows], _ = solve_back_flux(y[rows].double(), maps[rows].double(), tables)
    return maps.cpu().numpy(), kep.cpu().numpy()


def _quality(
    protocol: Protocol, relaxation: Relaxation, chosen: BoolArray, model: LeakageModel
) -> PerfusionQuality:
    bolus = protocol.bolus
    n_voxels, n_weak = relaxation.reliable.size, int((~relaxation.reliable).sum())
    width_s = bolus.width_samples * protocol.dt_s
    raised = {
        "short_baseline": bolus.baseline_points < GOOD_BASELINE,
        "low_drop": bolus.drop < LOW_DROP,
        "wide_bolus": width_s > WIDE_BOLUS_S,
        "short_tail": protocol.size - protocol.first_pass_end - 1 < TAIL_SAMPLES,
        "small_reference": chosen.sum() < SMALL_REFERENCE,
        "many_weak_voxels": n_weak > MANY_WEAK * n_voxels,
    }
    return PerfusionQuality(
        baseline_start=bolus.steady_from,
        baseline_stop=bolus.baseline_stop,
        baseline_points=bolus.baseline_points,
        arrival_index=bolus.arrival,
        arrival_s=bolus.arrival * protocol.dt_s,
        peak_index=bolus.deepest,
        drop=bolus.drop,
        recovery=bolus.recovery,
        width_s=width_s,
        noise_sigma=protocol.sigma,
        snr=protocol.median_baseline / protocol.sigma if protocol.sigma > 0 else float("inf"),
        n_voxels=n_voxels,
        n_weak=n_weak,
        n_reference=int(chosen.sum()),
        mean_curve=protocol.mean_curve,
        reference_curve=model.reference,
        flags=tuple(name for name, is_raised in raised.items() if is_raised),
    )


def _assemble(
    shape: tuple[int, ...],
    index: npt.NDArray[np.intp],
    relaxation: Relaxation,
    chosen: BoolArray,
    values: FloatArray,
    kep: FloatArray | None,
    quality: PerfusionQuality,
) -> PerfusionMaps:
    def on_grid(column: FloatArray) -> FloatArray:
        grid = np.full(int(np.prod(shape)), np.nan, dtype=np.float32)
        grid[index] = column
        return grid.reshape(shape)

    def mask_on_grid(column: BoolArray) -> BoolArray:
        grid = np.zeros(int(np.prod(shape)), dtype=bool)
        grid[index] = column
        return grid.reshape(shape)

    return PerfusionMaps(
        cbv_uncorrected=on_grid(values[:, 0]),
        cbv=on_grid(values[:, 1]),
        k1=on_grid(values[:, 2]),
        k2=on_grid(values[:, 3]),
        kep=None if kep is None else on_grid(kep),
        baseline=on_grid(relaxation.baseline),
        reliable=mask_on_grid(relaxation.reliable),
        reference_mask=mask_on_grid(chosen),
        quality=quality,
    )
