"""Resampling against functions whose value is known everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.resample import resample_to
from imaging.compute.volume import Volume

GRID = (20, 22, 24)


def _affine(spacing: float, origin: tuple[float, float, float]) -> np.ndarray:
    affine = np.diag([-spacing, spacing, spacing, 1.0])
    affine[:3, 3] = origin
    return affine


def _ramp(points: np.ndarray) -> np.ndarray:
    return 3.0 + 0.5 * points[..., 0] - 0.25 * points[..., 1] + 2.0 * points[..., 2]


def _points(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


@pytest.fixture
def source() -> Volume:
    affine = _affine(2.0, (19.0, -21.0, -23.0))
    return Volume(_ramp(_points(GRID, affine)), affine, "t2", "1")


@pytest.fixture
def like() -> Volume:
    return Volume(np.zeros((12, 10, 8)), _affine(1.3, (7.0, -6.0, -5.0)), "t1ce", "1")


@pytest.mark.parametrize(("interpolation", "tolerance"), [("linear", 1e-3), ("cubic", 5e-3)])
def test_linear_function_is_exact_through_a_rigid_movement(
    source: Volume, like: Volume, interpolation: str, tolerance: float
) -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    turn[:3, 3] = (1.0, -0.5, 0.7)
    found = resample_to(source, like, turn, interpolation=interpolation)
    where = _points(like.shape3, like.affine) @ turn[:3, :3].T + turn[:3, 3]
    np.testing.assert_allclose(found.array, _ramp(where), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(found.affine, like.affine)


def test_same_grid_returns_the_same_samples(source: Volume) -> None:
    assert resample_to(source, source) is source


def test_missing_map_voxels_stay_missing_and_do_not_dim_their_neighbours(
    source: Volume, like: Volume
) -> None:
    values = np.full(GRID, 0.8e-3, dtype=np.float32)
    values[8:12, 8:12, 8:12] = np.nan
    found = resample_to(Volume(values, source.affine, "adc", "mm2/s"), like).array
    measured = np.isfinite(found)
    assert 0 < (~measured).sum() < found.size
    np.testing.assert_allclose(found[measured], 0.8e-3, rtol=1e-5)


def test_outside_is_missing_for_maps_and_zero_for_images(source: Volume, like: Volume) -> None:
    away = np.eye(4)
    away[0, 3] = 500.0
    adc = Volume(np.full(GRID, 1e-3), source.affine, "adc", "mm2/s")
    assert np.isnan(resample_to(adc, like, away).array).all()
    assert (resample_to(source, like, away).array == 0).all()


def test_labels_are_never_mixed(source: Volume, like: Volume) -> None:
    labels = np.zeros(GRID, dtype=np.uint8)
    labels[:10], labels[10:] = 4, 2
    found = resample_to(Volume(labels, source.affine, "labels", "1"), like)
    assert found.array.dtype == np.uint8
    assert set(np.unique(found.array)) == {2, 4}
    split = source.affine[0, 3] - 2.0 * 9.5  # mm, halfway between the two halves; x falls with the index
    x = _points(like.shape3, like.affine)[..., 0]
    np.testing.assert_array_equal(found.array == 4, x > split)


def test_mask_keeps_its_volume(source: Volume) -> None:
    mask = np.zeros(GRID, dtype=np.uint8)
    mask[5:15, 5:15, 5:15] = 1
    fine = Volume(np.zeros((40, 44, 48)), _affine(1.0, (19.5, -21.5, -23.5)), "t1ce", "1")
    given = Volume(mask, source.affine, "brain", "1")
    found = resample_to(given, fine)
    assert found.array.sum() * fine.voxel_ml == pytest.approx(mask.sum() * given.voxel_ml, rel=0.02)


def test_every_frame_of_a_series_is_drawn(source: Volume, like: Volume) -> None:
    frames = np.stack([source.array, 2 * source.array], axis=-1)
    series = Volume(frames, source.affine, "dsc", "1", times_s=(0.0, 1.5))
    found = resample_to(series, like)
    assert found.array.shape == (*like.shape3, 2)
    assert found.times_s == (0.0, 1.5)
    np.testing.assert_allclose(found.array[..., 1], 2 * found.array[..., 0], rtol=1e-5)


def test_bad_requests_are_refused(source: Volume, like: Volume) -> None:
    with pytest.raises(DomainError) as caught:
        resample_to(source, like, interpolation="sinc")
    assert caught.value.code == "interpolation_unknown"
    with pytest.raises(DomainError) as caught:
        resample_to(source, like, np.zeros((4, 4)))
    assert caught.value.code == "resample_matrix"
