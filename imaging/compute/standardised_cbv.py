"""Standardised blood volume: a map's histogram laid on a reference scale, without any region drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

PERCENTILES = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
MIN_VOXELS = 1000  # of brain; fewer leave the outer landmarks to noise
MIN_MAPS = 2


@dataclasses.dataclass(frozen=True)
class ReferenceScale:
    """Landmarks of the scale on which the nine deciles of brain have mean 1.

    Attributes
    ----------
    landmarks : tuple of float
        Standard value at each of `PERCENTILES`, positive and rising.
    n_maps : int
        Maps it was learned from.
    """

    landmarks: tuple[float, ...]
    n_maps: int


def learn_reference_scale(
    maps: Sequence[FloatArray], masks: Sequence[BoolArray], excluded: Sequence[BoolArray] | None = None
) -> ReferenceScale:
    """Average the deciles of several blood volume maps, each over their own mean.

    Their mean holds still where the median does not: in the gap between white and grey matter.

    Parameters
    ----------
    maps : sequence of ndarray
        Leakage-corrected CBV of one protocol, each in any unit.
    masks : sequence of ndarray of bool
        Brain of each.
    excluded : sequence of ndarray of bool, optional
        Lesion of each, whose size must not shape the scale.

    Raises
    ------
    DomainError
        `cbv_scale_maps` (fewer than two, or lists of unlike length) and those of `standardise_cbv`.
    """
    without = excluded if excluded is not None else [np.zeros(mask.shape, bool) for mask in masks]
    if len(maps) < MIN_MAPS or not len(maps) == len(masks) == len(without):
        text = f"{len(maps)} maps with {len(masks)} masks and {len(without)} exclusions do not make a scale"
        raise DomainError("cbv_scale_maps", text)
    rows = [_landmarks(m, mask, lesion) for m, mask, lesion in zip(maps, masks, without, strict=True)]
    mean = np.mean([row / row.mean() for row in rows], axis=0)
    return ReferenceScale(tuple(float(value) for value in mean), len(maps))


def standardise_cbv(
    cbv: FloatArray,
    brain_mask: BoolArray,
    scale: ReferenceScale,
    *,
    exclude_mask: BoolArray | None = None,
) -> FloatArray:
    """Map blood volume on the reference scale, linearly between landmarks.

    The deciles of brain fall on those of the scale. Zero stays zero, and above the last landmark (tumour, vessels)
    the last landmark's factor goes on, so that contrast there is not squeezed. The mapping rises everywhere.

    Parameters
    ----------
    cbv : ndarray
        Leakage-corrected CBV, any unit; NaN stays NaN.
    brain_mask : ndarray of bool, same shape
    scale : ReferenceScale
    exclude_mask : ndarray of bool, same shape, optional
        Lesion: it is mapped, but does not shape the mapping.

    Returns
    -------
    ndarray
        Standardised rCBV, unit 1, where the deciles of normal brain have mean 1.

    Raises
    ------
    DomainError
        `cbv_scale_shape`, `cbv_scale_too_small` (fewer than 1000 voxels), `cbv_scale_not_positive`.

    References
    ----------
    Bedekar D, Jensen T, Schmainda KM. Magn Reson Med 2010;64:907-913 (standardisation of rCBV).
    Nyul LG, Udupa JK, Zhang X. IEEE Trans Med Imaging 2000;19:143-150, doi 10.1109/42.836373 (landmarks).
    """
    lesion = exclude_mask if exclude_mask is not None else np.zeros(brain_mask.shape, bool)
    own = _landmarks(cbv, brain_mask, lesion)
    values = cbv.astype(np.float64)
    inside = np.interp(values, np.concatenate([[0.0], own]), np.concatenate([[0.0], scale.landmarks]))
    below = values * (scale.landmarks[0] / own[0])
    above = values * (scale.landmarks[-1] / own[-1])
    mapped: FloatArray = np.where(values < 0, below, np.where(values > own[-1], above, inside))
    return mapped.astype(cbv.dtype)


def _landmarks(cbv: FloatArray, mask: BoolArray, lesion: BoolArray) -> FloatArray:
    if not cbv.shape == mask.shape == lesion.shape:
        text = f"map {cbv.shape}, brain {mask.shape} and lesion {lesion.shape} must share one grid"
        raise DomainError("cbv_scale_shape", text)
    values = cbv[mask & ~lesion & np.isfinite(cbv)].astype(np.float64)
    if values.size < MIN_VOXELS:
        text = f"{values.size} voxels of normal brain, at least {MIN_VOXELS} are needed"
        raise DomainError("cbv_scale_too_small", text)
    landmarks: FloatArray = np.asarray(np.percentile(values, PERCENTILES))
    if landmarks[0] <= 0 or (np.diff(landmarks) <= 0).any():
        text = "more than a tenth of the brain has no blood volume, or its values are not continuous"
        raise DomainError("cbv_scale_not_positive", text)
    return landmarks
