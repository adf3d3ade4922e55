"""Functional diffusion map against changes that were put in."""

from __future__ import annotations

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.diffusion_map import ELLINGSON_THRESHOLD, Change, functional_diffusion_map
from imaging.compute.volume import Volume

AFFINE = np.diag([2.0, 2.0, 2.5, 1.0])  # one voxel is 0.01 mL
SHAPE = (4, 5, 6)


def _adc(values: np.ndarray, affine: np.ndarray = AFFINE, unit: str = "mm2/s") -> Volume:
    return Volume(values, affine, "adc", unit)


def _region(inside: np.ndarray | None = None) -> Volume:
    mask = np.ones(SHAPE, np.uint8) if inside is None else inside.astype(np.uint8)
    return Volume(mask, AFFINE, "labels", "1")


def _pair() -> tuple[Volume, Volume]:
    """30 voxels fall by 0.6, 30 rise by 0.6, 30 rise by 0.5 and 30 stay (1e-3 mm2/s)."""
    before = np.full(SHAPE, 1.2e-3)
    change = np.repeat([-0.6e-3, 0.6e-3, 0.5e-3, 0.0], 30).reshape(SHAPE)
    return _adc(before), _adc(before + change)


def test_volumes_and_shares() -> None:
    found = functional_diffusion_map(*_pair(), _region())
    assert found.volume_ml == pytest.approx({Change.FALL: 0.3, Change.SAME: 0.6, Change.RISE: 0.3})
    assert found.share == pytest.approx({Change.FALL: 0.25, Change.SAME: 0.5, Change.RISE: 0.25})
    assert found.mean_change == pytest.approx(0.125e-3)
    assert (found.n_voxels, found.nan_share, found.threshold) == (120, 0.0, 0.55e-3)
    assert found.classes.array.dtype == np.uint8
    assert (found.classes.array.ravel()[::30] == [Change.FALL, Change.RISE, Change.SAME, Change.SAME]).all()


def test_lower_threshold_finds_smaller_changes() -> None:
    found = functional_diffusion_map(*_pair(), _region(), threshold=ELLINGSON_THRESHOLD)
    assert found.volume_ml == pytest.approx({Change.FALL: 0.3, Change.SAME: 0.3, Change.RISE: 0.6})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_exactly_the_threshold_is_no_change(dtype: type, sign: int) -> None:
    before = np.full(SHAPE, 1.35e-3, dtype)
    after = np.full(SHAPE, 1.35e-3 + sign * 0.55e-3, dtype)
    found = functional_diffusion_map(_adc(before), _adc(after), _region())
    assert found.share[Change.SAME] == 1.0
    moved = _adc(after + dtype(sign * 2e-6))
    beyond = functional_diffusion_map(_adc(before), moved, _region())
    assert beyond.share[Change.RISE if sign > 0 else Change.FALL] == 1.0


def test_swapping_the_visits_swaps_rise_and_fall() -> None:
    earlier, later = _pair()
    there, back = (
        functional_diffusion_map(*maps, _region()) for maps in ((earlier, later), (later, earlier))
    )
    assert there.volume_ml[Change.RISE] == back.volume_ml[Change.FALL]
    assert there.mean_change == pytest.approx(-back.mean_change)


def test_missing_and_outside_voxels_are_not_compared() -> None:
    earlier, later = _pair()
    earlier.array[0, 0, :3] = np.nan
    later.array[3, 4, 4:] = np.nan
    inside = np.ones(SHAPE, bool)
    inside[1] = False
    found = functional_diffusion_map(earlier, later, _region(inside))
    assert found.n_voxels == 90 - 5
    assert found.nan_share == pytest.approx(5 / 90)
    assert sum(found.share.values()) == pytest.approx(1.0)
    assert (found.classes.array == Change.NOT_COMPARED).sum() == 35
    assert not found.classes.array[1].any()


def _refused(code: str, *args: Volume, **options: float) -> None:
    with pytest.raises(DomainError) as caught:
        functional_diffusion_map(*args, **options)
    assert caught.value.code == code


def test_other_grids_and_units_are_refused() -> None:
    earlier, later = _pair()
    moved = AFFINE.copy()
    moved[0, 3] = 2.0
    _refused("fdm_grid", earlier, _adc(later.array, moved), _region())
    _refused("fdm_grid", earlier, later, Volume(np.ones((2, 2, 2)), AFFINE, "labels", "1"))
    _refused("fdm_unit", earlier, _adc(later.array, unit="10*-6.mm2/s"), _region())


def test_bad_thresholds_residuals_and_empty_regions_are_refused() -> None:
    earlier, later = _pair()
    _refused("fdm_threshold", earlier, later, _region(), threshold=0.0)
    _refused("fdm_threshold", earlier, later, _region(), threshold=float("nan"))
    _refused("fdm_residual", earlier, later, _region(), residual_mm=2.6)
    _refused("fdm_residual", earlier, later, _region(), residual_mm=float("nan"))
    _refused("fdm_empty", earlier, later, _region(np.zeros(SHAPE, bool)))
    _refused("fdm_empty", _adc(np.full(SHAPE, np.nan)), later, _region())
    assert functional_diffusion_map(earlier, later, _region(), residual_mm=2.5).n_voxels == 120
