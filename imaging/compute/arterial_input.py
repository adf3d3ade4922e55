"""The arterial input function, chosen among voxels that look like arteries."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.bolus_curve import bolus_shape

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

MOST_VOXELS = 5  # averaged; fewer than three follow one voxel's noise
FEWEST_VOXELS = 3
HIGH_PEAK_PERCENTILE = 95.0  # of the peaks in the mask
WIDEST_SHARE = 1.0  # of the median width: an artery's bolus is no wider than tissue's
LATEST_SHARE = 1.0  # of the median arrival to half peak
ROUGHEST_SHARE = 0.5  # share of a curve's path that may be noise
SATURATED_SIGMA = 3.0  # a minimum below 3 sigma is cut off by the noise floor


@dataclasses.dataclass(frozen=True)
class ArterialInput:
    """Mean curve of the chosen voxels.

    Attributes
    ----------
    curve : ndarray, shape (nt,)
        Concentration or dR2*, unit of the input.
    mask : ndarray of bool, shape (...)
        Voxels that were averaged, three to five.
    peak : float
        Highest value of the curve.
    time_to_peak_s, width_s : float
        From the first sample of the search to the peak; full width at half height.
    n_saturated : int
        Voxels of the mask that were left out because their signal touched the noise floor.
    """

    curve: FloatArray
    mask: BoolArray
    peak: float
    time_to_peak_s: float
    width_s: float
    n_saturated: int


def select_arterial_input(
    relaxation: FloatArray,
    *,
    dt_s: float,
    mask: BoolArray,
    start: int,
    lowest_signal: FloatArray | None = None,
    sigma: float | None = None,
    voxels: int = MOST_VOXELS,
) -> ArterialInput:
    """Pick and average the voxels with a high, early, narrow and smooth bolus.

    Candidates have a peak in the top 5 % of the mask, reach half of it no later than the median voxel, are no wider
    than it, and move smoothly. They are ranked by peak / (time to peak x width); the best three to five are averaged.

    Parameters
    ----------
    relaxation : ndarray, shape (..., nt)
        dR2* (1/s) or concentration, zero before the bolus, time last.
    dt_s : float
        Time between samples, s.
    mask : ndarray of bool, shape (...)
        Where to search: the brain, or the region of the middle cerebral arteries.
    start : int
        End of the baseline; times are counted from here.
    lowest_signal : ndarray, shape (...), optional
        Smallest signal of each voxel, with `sigma` its noise in the same unit: voxels below 3 sigma are saturated
        and left out.
    voxels : int
        How many to average, 3 to 5.

    Raises
    ------
    DomainError
        `aif_shape`, `aif_voxels`, `aif_none` (fewer than three candidates).

    References
    ----------
    Mouridsen K et al. Magn Reson Med 2006;55:524-531, doi 10.1002/mrm.20759 (what marks an arterial curve).
    """
    _check_inputs(relaxation, mask, start, lowest_signal, sigma, voxels)
    index = np.flatnonzero(mask)
    curves = relaxation.reshape(-1, relaxation.shape[-1])[index].astype(np.float64)
    saturated = np.zeros(index.size, bool)
    if lowest_signal is not None and sigma is not None:
        saturated = lowest_signal.ravel()[index] < SATURATED_SIGMA * sigma
    score = _scores(curves, dt_s, start, ~saturated & np.isfinite(curves).all(axis=1))
    order = np.argsort(-score, kind="stable")[:voxels]
    best = order[score[order] > 0]
    if best.size < FEWEST_VOXELS:
        text = f"{best.size} voxels look like an artery, {FEWEST_VOXELS} are needed"
        raise DomainError("aif_none", text)
    return _average(curves[best], index[best], mask.shape, dt_s, start, int(saturated.sum()))


def _check_inputs(
    relaxation: FloatArray,
    mask: BoolArray,
    start: int,
    lowest_signal: FloatArray | None,
    sigma: float | None,
    voxels: int,
) -> None:
    if mask.shape != relaxation.shape[:-1] or not mask.any():
        raise DomainError(
            "aif_shape", f"a filled mask of shape {relaxation.shape[:-1]} is wanted, got {mask.shape}"
        )
    if lowest_signal is not None and lowest_signal.shape != mask.shape:
        raise DomainError("aif_shape", f"the lowest signal {lowest_signal.shape} does not fit {mask.shape}")
    if (lowest_signal is None) != (sigma is None):
        raise DomainError("aif_shape", "the lowest signal and its noise sigma belong together")
    if not 0 <= start < relaxation.shape[-1] - 2:
        raise DomainError("aif_shape", f"the search cannot start at sample {start} of {relaxation.shape[-1]}")
    if not FEWEST_VOXELS <= voxels <= MOST_VOXELS:
        raise DomainError("aif_voxels", f"{FEWEST_VOXELS} to {MOST_VOXELS} voxels are averaged, not {voxels}")


def _scores(curves: FloatArray, dt_s: float, start: int, usable: BoolArray) -> FloatArray:
    """Peak / (time to peak x width) of candidates, zero elsewhere."""
    shape = bolus_shape(curves, dt_s=dt_s, start=start)
    usable = usable & (shape.peak > 0) & np.isfinite(shape.width_s)
    if not usable.any():
        return np.zeros(len(curves))
    high = shape.peak >= np.percentile(shape.peak[usable], HIGH_PEAK_PERCENTILE)
    narrow = shape.width_s <= WIDEST_SHARE * np.median(shape.width_s[usable])
    early = shape.arrival_s <= LATEST_SHARE * np.median(shape.arrival_s[usable])
    smooth = _roughness(curves[:, start:]) <= ROUGHEST_SHARE
    candidate = usable & high & narrow & early & smooth
    score: FloatArray = np.zeros(len(curves))
    score[candidate] = (shape.peak / (shape.time_to_peak_s * shape.width_s))[candidate]
    return score


def _roughness(curves: FloatArray) -> FloatArray:
    """Share of the curve's up and down that one rise and one fall do not explain: 0 smooth, 1 noise."""
    path = np.abs(np.diff(curves, axis=1)).sum(axis=1)
    top = curves.max(axis=1)
    needed = (top - curves[:, 0]) + (top - curves[:, -1])
    rough: FloatArray = 1.0 - needed / np.maximum(path, 1e-30)
    return rough


def _average(
    curves: FloatArray,
    index: npt.NDArray[np.intp],
    shape: tuple[int, ...],
    dt_s: float,
    start: int,
    n_saturated: int,
) -> ArterialInput:
    mask = np.zeros(int(np.prod(shape)), bool)
    mask[index] = True
    curve = curves.mean(axis=0)
    found = bolus_shape(curve, dt_s=dt_s, start=start)
    return ArterialInput(
        curve=curve,
        mask=mask.reshape(shape),
        peak=float(found.peak),
        time_to_peak_s=float(found.time_to_peak_s),
        width_s=float(found.width_s),
        n_saturated=n_saturated,
    )
