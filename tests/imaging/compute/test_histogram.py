"""Shape, hot spot and tumour burden against closed forms and numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gliomon.common.errors import DomainError
from imaging.compute.histogram import fractional_tumour_burden, hot_spot_mean, relative_to, shape_of


def test_shape_of_a_two_point_distribution() -> None:
    """A share p of ones: skewness (1 - 2p) / sqrt(p q), excess kurtosis (1 - 6 p q) / (p q); p = 0.2."""
    found = shape_of(np.repeat([0.0, 1.0], [80, 20]))
    assert found is not None
    assert found.skewness == pytest.approx(0.6 / 0.4, rel=1e-12)
    assert found.excess_kurtosis == pytest.approx((1 - 0.96) / 0.16, rel=1e-12)


def test_shape_of_equally_spaced_values() -> None:
    """Uniform on 1 ... n: skewness 0, excess kurtosis -6 (n^2 + 1) / (5 (n^2 - 1))."""
    found = shape_of(np.arange(1, 101) * 1e-5)
    assert found is not None
    assert found.skewness == pytest.approx(0.0, abs=1e-12)
    assert found.excess_kurtosis == pytest.approx(-6 * 10001 / (5 * 9999), rel=1e-9)


def test_shape_equals_an_independent_tool() -> None:
    values = np.random.default_rng(0).gamma(2.0, 0.4e-3, 5000)
    found = shape_of(np.append(values, [np.nan, np.inf]))
    assert found is not None
    assert found.skewness == pytest.approx(stats.skew(values), rel=1e-9)
    assert found.excess_kurtosis == pytest.approx(stats.kurtosis(values), rel=1e-9)


@pytest.mark.parametrize(
    "values", [[], [1.0], [np.nan, 2.0], [0.1] * 7, [np.float32(1.1e-3)] * 1000, [0.0] * 4]
)
def test_no_shape_without_spread(values: list[float]) -> None:
    assert shape_of(values) is None


def test_hot_spot_is_the_mean_of_the_highest_tenth() -> None:
    """Of 1 ... 100 the highest ten are 91 ... 100, mean 95.5; of 1 ... 11 two voxels (rounded up), mean 10.5."""
    shuffled = np.random.default_rng(2).permutation(100) + 1.0
    assert hot_spot_mean(np.append(shuffled, np.nan)) == pytest.approx(95.5)
    assert hot_spot_mean(np.arange(1, 12)) == pytest.approx(10.5)
    assert hot_spot_mean([3.0]) == 3.0
    assert hot_spot_mean(np.arange(1, 101), share=1.0) == pytest.approx(50.5)
    assert hot_spot_mean([np.nan]) is None


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(DomainError) as caught:
        hot_spot_mean([1.0], share)
    assert caught.value.code == "hot_spot_share"


def test_burden_counts_the_thresholds_to_the_lower_class() -> None:
    """1.0 is low and 1.75 is middle: 30 + 10 low, 20 + 20 middle, 40 high of 120."""
    values = np.repeat([0.5, 1.0, 1.001, 1.75, 1.7501], [30, 10, 20, 20, 40])
    found = fractional_tumour_burden(np.append(values, [np.nan] * 9))
    assert found is not None
    assert (found.low, found.mid, found.high) == pytest.approx((40 / 120, 40 / 120, 40 / 120))
    assert found.n_voxels == 120


def test_burden_of_a_known_distribution() -> None:
    """Normal with mean 1.5 and SD 0.5 at its quantiles: shares are the distribution function's, within 1e-3."""
    values = stats.norm.ppf((np.arange(20000) + 0.5) / 20000, 1.5, 0.5)
    found = fractional_tumour_burden(values)
    assert found is not None
    truth = stats.norm.cdf([1.0, 1.75], 1.5, 0.5)
    assert (found.low, found.mid, found.high) == pytest.approx(
        (truth[0], truth[1] - truth[0], 1 - truth[1]), abs=1e-3
    )
    assert math.isclose(found.low + found.mid + found.high, 1.0, abs_tol=1e-12)


def test_no_burden_below_100_voxels() -> None:
    assert fractional_tumour_burden(np.ones(99)) is None
    assert fractional_tumour_burden(np.append(np.ones(99), np.nan)) is None
    assert fractional_tumour_burden(np.ones(100)) is not None


def test_ratio_to_white_matter() -> None:
    assert relative_to(1.2e-3, 0.8e-3) == pytest.approx(1.5)
    assert [relative_to(1.0, reference) for reference in (None, 0.0, -1.0, math.nan)] == [None] * 4
