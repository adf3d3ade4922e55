"""Grids, rigid transforms, and carrying samples from one grid to another."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class Grid:
    """Voxel counts and the affine (voxel index to RAS+ mm)."""

    shape: tuple[int, int, int]
    affine: FloatArray


def rigid(rotation_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> FloatArray:
    """Return a 4 x 4 rigid transform: rotations about x, y, z (degrees, applied in that order), then a shift."""
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def axial_grid(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    centre_mm: tuple[float, float, float],
    tilt_deg: float = 0.0,
) -> Grid:
    """Return a grid of (oblique) axial slices as a scanner stores them: i to the left, j backwards, k upwards."""
    turn = rigid((tilt_deg, 0.0, 0.0), (0.0, 0.0, 0.0))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2]])
    affine[:3, 3] = np.asarray(centre_mm) - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2.0)
    return Grid(shape, affine)


def finer_slices(grid: Grid, parts: int) -> Grid:
    """Return the grid with each slice cut into `parts` thinner ones that together fill it."""
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, 2] * ((1.0 - parts) / (2.0 * parts))
    affine[:3, 2] /= parts
    nx, ny, nz = grid.shape
    return Grid((nx, ny, nz * parts), affine)


def merge_slices(samples: FloatArray, parts: int) -> FloatArray:
    """Average each run of `parts` thin slices (third axis) into one."""
    nx, ny, nz = samples.shape[:3]
    return samples.reshape(nx, ny, nz // parts, parts, *samples.shape[3:]).mean(axis=3)


def resample(
    samples: npt.NDArray[Any], source: Grid, target: Grid, to_source: FloatArray, *, order: int = 1
) -> npt.NDArray[Any]:
    """Sample a 3-D array at the voxels of `target`.

    Parameters
    ----------
    samples : ndarray, shape source.shape
    to_source : ndarray, shape (4, 4)
        Takes target millimetres to source millimetres.
    order : int
        0 nearest (labels), 1 linear.

    Returns
    -------
    ndarray, shape target.shape
        Zero outside the source grid.
    """
    from scipy.ndimage import affine_transform

    index = np.linalg.inv(source.affine) @ to_source @ target.affine
    return np.asarray(
        affine_transform(
            samples, index[:3, :3], index[:3, 3], target.shape, order=order, mode="constant", prefilter=False
        )
    )


def acquire(samples: FloatArray, source: Grid, target: Grid, to_source: FloatArray, parts: int) -> FloatArray:
    """Sample as a scanner does: each slice is the average over its thickness (`parts` thin slices)."""
    thin = resample(samples, source, finer_slices(target, parts), to_source)
    return merge_slices(thin, parts)


def voxel_means(
    samples: npt.NDArray[Any], source: Grid, target: Grid, to_source: FloatArray
) -> npt.NDArray[np.float32]:
    """Average samples over the voxels of `target` (each taken at points about one source voxel apart)."""
    step = np.linalg.norm(source.affine[:3, 0])
    size = np.linalg.norm(target.affine[:3, :3], axis=0)
    parts = [max(1, round(float(edge / step))) for edge in size]
    total = np.zeros(target.shape, dtype=np.float32)
    for shift in np.ndindex(*parts):
        offset = (np.asarray(shift) + 0.5) / parts - 0.5
        affine = target.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ offset
        total += resample(samples, source, Grid(target.shape, affine), to_source)
    return total / np.float32(np.prod(parts))


def smooth_noise(
    grid_shape: tuple[int, ...], period: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return smooth noise of mean 0 and SD 1 whose features are about `period` voxels wide.

    A cubic B-spline over random control points, one axis after the other.
    """
    bases = [_spline_basis(size, period) for size in grid_shape]
    values = rng.standard_normal([basis.shape[1] for basis in bases]).astype(np.float32)
    for axis, basis in enumerate(bases):
        values = np.moveaxis(np.tensordot(basis, values, axes=(1, axis)), 0, axis)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9), dtype=np.float32)


def _spline_basis(size: int, period: float) -> npt.NDArray[np.float32]:
    """Cubic B-spline weights of each sample (rows) on control points `period` samples apart (columns)."""
    knots = np.arange(int(np.ceil((size - 1) / period)) + 4) - 1.0
    distance = np.abs(np.arange(size)[:, None] / period - knots[None, :])
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0
    return np.where(distance < 1.0, near, far).astype(np.float32)
