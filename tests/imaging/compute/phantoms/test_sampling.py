"""Grids and resampling against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.compute.phantoms.sampling import (
    Grid,
    acquire,
    axial_grid,
    finer_slices,
    resample,
    rigid,
    smooth_noise,
)


def ramp(grid: Grid) -> np.ndarray:
    """The z coordinate in mm at each voxel, plus a little of x and y."""
    index = np.indices(grid.shape).reshape(3, -1)
    points = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
    return (points[2] + 0.5 * points[0] - 0.25 * points[1]).reshape(grid.shape)


def test_the_grid_is_centred_and_runs_left_back_and_up() -> None:
    grid = axial_grid((10, 12, 6), (2.0, 2.0, 5.0), (1.0, -2.0, 3.0), tilt_deg=-6.0)
    middle = grid.affine @ np.asarray([4.5, 5.5, 2.5, 1.0])
    assert middle[:3] == pytest.approx([1.0, -2.0, 3.0])
    assert np.linalg.norm(grid.affine[:3, :3], axis=0) == pytest.approx([2.0, 2.0, 5.0])
    assert np.array_equal(np.sign(np.diag(grid.affine)[:3]), [-1, -1, 1])


def test_thin_slices_fill_the_thick_ones() -> None:
    grid = axial_grid((4, 4, 3), (2.0, 2.0, 6.0), (0.0, 0.0, 0.0))
    thin = finer_slices(grid, 3)
    assert thin.affine[2, 3] == pytest.approx(grid.affine[2, 3] - 2.0)
    assert thin.affine[2, 2] == pytest.approx(2.0)
    assert thin.shape == (4, 4, 9)


def test_linear_images_survive_a_rigid_move_exactly() -> None:
    source = Grid((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]) - np.asarray([[0, 0, 0, 20]] * 3 + [[0] * 4]))
    target = axial_grid((6, 6, 4), (2.0, 2.0, 3.0), (0.0, 0.0, 0.0), tilt_deg=10.0)
    move = rigid((3.0, -4.0, 5.0), (1.0, 2.0, -1.0))
    moved = Grid(target.shape, move @ target.affine)
    assert resample(ramp(source), source, target, move) == pytest.approx(ramp(moved), abs=1e-9)
    assert acquire(ramp(source), source, target, move, 2) == pytest.approx(ramp(moved), abs=1e-9)


def test_noise_is_standardised_smooth_and_reproducible() -> None:
    first = smooth_noise((40, 40, 40), 8.0, np.random.default_rng(4))
    again = smooth_noise((40, 40, 40), 8.0, np.random.default_rng(4))
    assert np.array_equal(first, again)
    assert first.mean() == pytest.approx(0.0, abs=1e-4)
    assert first.std() == pytest.approx(1.0, abs=1e-3)
    assert np.corrcoef(first[1:].ravel(), first[:-1].ravel())[0, 1] > 0.95
