"""The lower diffusion component against mixtures of known parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gliomon.common.errors import DomainError
from imaging.compute.mixture import BIN, MIN_VOXELS, SD_FLOOR, low_adc_component


def _mixture(seed: int, *components: tuple[int, float, float]) -> np.ndarray:
    """Normal samples in mm2/s; each component is (voxels, mean, SD) in 1e-3 mm2/s."""
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.normal(mean, sd, size) for size, mean, sd in components]) * 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_stated_mixture_is_recovered(seed: int) -> None:
    """6000 x N(1.10, 0.15) + 4000 x N(1.70, 0.30): mu1 1.10 +- 0.01, share 0.60 +- 0.02.

    Over 60 samples of this size the estimates scatter by 0.003 and 0.009 (SD), so 0.02 is about two of them.
    """
    found = low_adc_component(_mixture(seed, (6000, 1.10, 0.15), (4000, 1.70, 0.30)))
    assert found.adc_l == pytest.approx(1.10e-3, abs=0.01e-3)
    assert found.share == pytest.approx(0.60, abs=0.02)
    assert found.flags == ()


def test_stated_mixture_without_sampling_noise() -> None:
    """The same mixture at its quantiles (no random numbers): means and SDs within 0.002, share within 0.003."""
    low = norm.ppf((np.arange(6000) + 0.5) / 6000, 1.10, 0.15)
    high = norm.ppf((np.arange(4000) + 0.5) / 4000, 1.70, 0.30)
    found = low_adc_component(np.concatenate([high, low]) * 1e-3)
    assert found.means == pytest.approx((1.10e-3, 1.70e-3), abs=0.002e-3)
    assert found.sds == pytest.approx((0.15e-3, 0.30e-3), abs=0.002e-3)
    assert found.share == pytest.approx(0.60, abs=0.003)


def test_likelihood_is_no_worse_than_an_independent_tool() -> None:
    """Same data to scikit-learn's GaussianMixture: means within 1e-6 mm2/s, share within 0.002."""
    tool = pytest.importorskip("sklearn.mixture", reason="the independent tool is not installed")
    values = _mixture(11, (3000, 0.95, 0.12), (5000, 1.60, 0.35))
    reference = tool.GaussianMixture(2, n_init=5, tol=1e-9, max_iter=3000, random_state=0, reg_covar=1e-9)
    reference.fit(values[:, None] * 1e3)
    order = np.argsort(reference.means_[:, 0])
    found = low_adc_component(values)
    assert found.means == pytest.approx(reference.means_[order, 0] * 1e-3, abs=1e-6)
    assert found.share == pytest.approx(reference.weights_[order[0]], abs=0.002)


@pytest.mark.parametrize("seed", range(5))
def test_one_population_is_called_unimodal(seed: int) -> None:
    values = _mixture(seed, (3000, 1.2, 0.2))
    found = low_adc_component(values)
    assert found.flags == ("unimodal",)
    assert found.adc_l == pytest.approx(values.mean())
    assert found.share is None
    assert found.bic_gain <= 0


def test_copies_of_voxels_are_no_evidence() -> None:
    """Each of 600 voxels seven times: judged as 600 voxels, the gain in BIC is that of the 600."""
    values = _mixture(2, (300, 1.0, 0.15), (300, 1.5, 0.2))
    single = low_adc_component(values)
    copied = low_adc_component(np.tile(values, 7), n_independent=600)
    assert copied.bic_gain == pytest.approx(single.bic_gain, abs=1e-3)
    assert copied.adc_l == pytest.approx(single.adc_l, abs=1e-7)
    assert low_adc_component(np.tile(values, 7)).bic_gain > single.bic_gain + 50


def test_order_of_voxels_and_missing_ones_do_not_matter() -> None:
    values = _mixture(3, (700, 0.9, 0.1), (500, 1.8, 0.2))
    shuffled = np.random.default_rng(1).permutation(np.append(values, [np.nan] * 40))
    found, again = low_adc_component(values), low_adc_component(shuffled.reshape(10, -1))
    assert again.adc_l == pytest.approx(found.adc_l, rel=1e-9)
    assert again.n_voxels == found.n_voxels == 1200


def test_a_component_keeps_the_smallest_sd() -> None:
    """Half of the voxels hold one value: its SD would be 0 and the likelihood without bound."""
    values = np.concatenate([np.full(600, 0.8e-3), _mixture(5, (600, 1.6, 0.2))])
    found = low_adc_component(values)
    assert found.sds[0] == pytest.approx(SD_FLOOR)
    assert found.adc_l == pytest.approx(0.8e-3, abs=0.01e-3)


def test_constant_adc_is_unimodal() -> None:
    found = low_adc_component(np.full(800, 1.0e-3))
    assert found.flags == ("unimodal",)
    assert found.adc_l == pytest.approx(1.0e-3)


def test_bins_do_not_bias() -> None:
    """Values rounded to the scanner's step change ADC_L by less than half a step."""
    values = _mixture(7, (2000, 1.0, 0.1), (2000, 1.7, 0.2))
    rounded = np.round(values / BIN) * BIN
    assert low_adc_component(rounded).adc_l == pytest.approx(low_adc_component(values).adc_l, abs=BIN / 2)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.full(MIN_VOXELS - 1, 1e-3), "adc_l_voxels"),
        (np.append(np.full(MIN_VOXELS - 1, 1e-3), np.nan), "adc_l_voxels"),
        (np.full(MIN_VOXELS, 1100.0), "adc_l_unit"),
    ],
)
def test_refused(values: np.ndarray, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        low_adc_component(values)
    assert caught.value.code == code
