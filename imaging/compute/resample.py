"""Draw one volume on another's grid, by rules that depend on what the samples mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gliomon.common.errors import DomainError
from imaging.compute.volume import Volume, same_grid

FloatArray = npt.NDArray[np.float32]
Grid = tuple[int, int, int]

LABEL_KINDS = frozenset({"labels"})
MASK_KINDS = frozenset({"brain", "nawm"})
MAP_KINDS = frozenset({"adc", "rcbv", "rcbv_uncorrected", "k1", "k2"})
"""Quantitative maps: NaN means "not measured" and must not leak into neighbours."""

MIN_VALID_SHARE = 0.5
"""A resampled map voxel needs at least this share of its interpolation weight from measured voxels."""
ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}
"""Spline order of each interpolation for images."""


def resample_to(
    volume: Volume,
    like: Volume,
    matrix: npt.NDArray[Any] | None = None,
    *,
    interpolation: str = "linear",
) -> Volume:
    """Sample `volume` at the voxel centres of `like`.

    Parameters
    ----------
    volume : Volume
        3-D, or 4-D (each entry of the last axis is resampled).
    like : Volume
        Its first three axes and affine give the grid of the result.
    matrix : ndarray, shape (4, 4), optional
        From RAS+ mm of `like` to RAS+ mm of `volume` (`RigidAlignment.matrix`); identity by default.
    interpolation : {"linear", "cubic", "nearest"}
        For images only. Labels take the label with the largest linear weight; masks are linear and cut at one
        half; quantitative maps (ADC, rCBV, K1, K2) are linear over their measured voxels only.

    Returns
    -------
    Volume
        Same kind and unit. Outside the source: 0 for images, labels and masks, NaN for quantitative maps.

    Raises
    ------
    DomainError
        `interpolation_unknown`, or `resample_matrix` when the matrix is not an invertible 4 x 4 matrix.
    """
    if interpolation not in ORDERS:
        raise DomainError(
            "interpolation_unknown", f"{interpolation!r} is none of {', '.join(sorted(ORDERS))}"
        )
    placed = np.eye(4) if matrix is None else _checked(np.asarray(matrix, dtype=float))
    if same_grid(volume, like) and np.allclose(placed, np.eye(4), atol=1e-9):
        return volume
    to_index = np.linalg.inv(volume.affine) @ placed @ like.affine
    frames = volume.array if volume.array.ndim == 4 else volume.array[..., None]
    drawn = [
        _drawn(frames[..., n], to_index, like.shape3, volume.kind, interpolation)
        for n in range(frames.shape[3])
    ]
    array = np.stack(drawn, axis=-1) if volume.array.ndim == 4 else drawn[0]
    return Volume(
        array, like.affine, volume.kind, volume.unit, b_values=volume.b_values, times_s=volume.times_s
    )


def _checked(matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        raise DomainError("resample_matrix", f"wanted an invertible 4 x 4 matrix, got shape {matrix.shape}")
    return matrix


def _drawn(
    frame: npt.NDArray[Any], to_index: npt.NDArray[Any], grid: Grid, kind: str, interpolation: str
) -> npt.NDArray[Any]:
    if kind in LABEL_KINDS:
        return _draw_labels(frame, to_index, grid)
    if kind in MASK_KINDS:
        return (_sampled(frame > 0, to_index, grid, 1) > 0.5).astype(np.uint8)
    if kind in MAP_KINDS:
        return _draw_map(frame, to_index, grid)
    return _sampled(np.nan_to_num(frame), to_index, grid, ORDERS[interpolation])


def _sampled(frame: npt.NDArray[Any], to_index: npt.NDArray[Any], grid: Grid, order: int) -> FloatArray:
    values = np.asarray(frame, dtype=np.float32)
    drawn = ndimage.affine_transform(
        values,
        to_index[:3, :3],
        to_index[:3, 3],
        output_shape=grid,
        order=order,
        mode="grid-constant",
        cval=0.0,
    )
    return np.asarray(drawn, dtype=np.float32)


def _draw_labels(frame: npt.NDArray[Any], to_index: npt.NDArray[Any], grid: Grid) -> npt.NDArray[Any]:
    """The label with the largest linear weight; background wins ties."""
    best = _sampled(frame == 0, to_index, grid, 1)
    outside = 1.0 - _sampled(np.ones(frame.shape), to_index, grid, 1)
    best += outside
    labels = np.zeros(grid, dtype=np.uint8)
    for value in np.unique(frame):
        if value == 0:
            continue
        weight = _sampled(frame == value, to_index, grid, 1)
        wins = weight > best
        labels[wins], best[wins] = value, weight[wins]
    return labels


def _draw_map(frame: npt.NDArray[Any], to_index: npt.NDArray[Any], grid: Grid) -> FloatArray:
    valid = np.isfinite(frame)
    weight = _sampled(valid, to_index, grid, 1)
    total = _sampled(np.where(valid, frame, 0.0), to_index, grid, 1)
    drawn = np.full(grid, np.nan, dtype=np.float32)
    known = weight >= MIN_VALID_SHARE
    drawn[known] = total[known] / weight[known]
    return drawn
