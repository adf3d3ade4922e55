"""Standardised blood volume against maps whose gain and shape were distorted on purpose."""

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.perfusion import learn_reference_scale, standardise_cbv

SHAPE = (20, 20, 10)
BRAIN = np.ones(SHAPE, bool)
LESION = np.zeros(SHAPE, bool)
LESION[:6, :6, :5] = True


def blood_volume(seed: int, *, tumour: float | None = None) -> np.ndarray:
    """White (1.5) and grey (3.5 mL/100 g) matter with 15 % spread, and a tumour of a given volume."""
    rng = np.random.default_rng(seed)
    tissue = np.where(rng.random(SHAPE) < 0.5, 1.5, 3.5)
    values = tissue * np.exp(rng.normal(0, 0.15, SHAPE))
    return values if tumour is None else np.where(LESION, tumour, values)


def decile_mean(values: np.ndarray) -> float:
    return float(np.percentile(values, np.arange(10, 100, 10)).mean())


SCALE = learn_reference_scale([blood_volume(s) for s in range(8)], [BRAIN] * 8)


@pytest.mark.parametrize("gain", [1e-3, 0.7, 250.0])
def test_the_gain_of_a_scanner_cancels_exactly(gain):
    values = blood_volume(20)
    one, other = (standardise_cbv(values * g, BRAIN, SCALE) for g in (1.0, gain))
    np.testing.assert_allclose(other, one, rtol=1e-9)
    np.testing.assert_allclose(
        np.percentile(one, [10, 50, 90]), np.array(SCALE.landmarks)[[0, 4, 8]], rtol=1e-3
    )


def test_a_curved_response_is_straightened():
    values = blood_volume(21)
    truth = standardise_cbv(values, BRAIN, SCALE)
    distorted = standardise_cbv(values**1.3 * 40.0, BRAIN, SCALE)
    middle = (truth > SCALE.landmarks[0]) & (truth < SCALE.landmarks[-1])
    raw = values**1.3 / decile_mean(values**1.3)
    assert np.abs(distorted - truth)[middle].mean() < 0.3 * np.abs(raw - truth)[middle].mean()


@pytest.mark.parametrize("tumour", [2.0, 6.0, 12.0])
def test_a_tumour_keeps_its_ratio_whatever_its_size(tumour):
    values = blood_volume(22, tumour=tumour)
    mapped = standardise_cbv(values, BRAIN, SCALE, exclude_mask=LESION)
    expected = tumour / decile_mean(values[~LESION])
    assert mapped[LESION].mean() == pytest.approx(expected, rel=0.06)


def test_scale_has_mean_one_and_does_not_follow_one_map():
    assert np.mean(SCALE.landmarks) == pytest.approx(1.0)
    other = learn_reference_scale([blood_volume(s) * 9.0 for s in range(30, 34)], [BRAIN] * 4)
    ends = [0, 1, 2, 6, 7, 8]  # the middle lies in the gap between white and grey
    np.testing.assert_allclose(np.array(other.landmarks)[ends], np.array(SCALE.landmarks)[ends], rtol=0.03)


def test_order_zero_sign_and_holes_are_kept():
    values = blood_volume(23)
    values[0, 0, :4] = [0.0, -1.0, np.nan, 1000.0]
    mapped = standardise_cbv(values, BRAIN, SCALE)
    assert mapped[0, 0, 0] == 0.0
    assert mapped[0, 0, 1] < 0
    assert np.isnan(mapped[0, 0, 2])
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    assert (np.diff(mapped[known][order]) >= 0).all()


@pytest.mark.parametrize(
    ("values", "mask", "code"),
    [
        (blood_volume(1)[:5], BRAIN, "cbv_scale_shape"),
        (blood_volume(1), LESION, "cbv_scale_too_small"),
        (blood_volume(1) - 3.0, BRAIN, "cbv_scale_not_positive"),
        (np.ones(SHAPE), BRAIN, "cbv_scale_not_positive"),
    ],
)
def test_bad_maps_are_refused(values, mask, code):
    with pytest.raises(DomainError) as refusal:
        standardise_cbv(values, mask, SCALE)
    assert refusal.value.code == code


def test_one_map_makes_no_scale():
    with pytest.raises(DomainError) as refusal:
        learn_reference_scale([blood_volume(1)], [BRAIN])
    assert refusal.value.code == "cbv_scale_maps"
