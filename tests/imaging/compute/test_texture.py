"""Texture against the published values of the IBSI digital phantom, and against a direct count of pairs.

Phantom and reference values: IBSI reference manual, arXiv 1612.07003, and Zwanenburg et al. 2020, Radiology 295:328,
doi 10.1148/radiol.2020191145. They are published to three digits; a result must round to them.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.texture import (
    DIRECTIONS,
    co_occurrence_features,
    co_occurrence_matrix,
    discretise,
    intensity_features,
    region_texture,
)
from imaging.compute.volume import Volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
# Slices along z from top to bottom, rows along y, digits along x; a dot lies outside the region of interest.
PHANTOM_SLICES = """
14411 14611 41641 44641
14411 11611 .1311 44611
144.. 11111 11.11 11611
144.. 11111 11111 11611
"""
INTENSITY_TRUTH = {
    "mean": 2.15,
    "variance": 3.05,
    "skewness": 1.08,
    "excess_kurtosis": -0.355,
    "median": 1,
    "minimum": 1,
    "p10": 1,
    "p90": 4,
    "maximum": 6,
    "interquartile_range": 3,
    "range": 5,
    "mean_absolute_deviation": 1.55,
    "robust_mean_absolute_deviation": 1.11,
    "median_absolute_deviation": 1.15,
    "coefficient_of_variation": 0.812,
    "quartile_coefficient_of_dispersion": 0.6,
    "energy": 567,
    "root_mean_square": 2.77,
}
# "Co-occurrence matrix (3D, merged)"; consensus of ten or more teams for each value.
CO_OCCURRENCE_TRUTH = {
    "joint_maximum": 0.509,
    "joint_average": 2.15,
    "joint_variance": 3.13,
    "joint_entropy": 2.57,
    "difference_average": 1.38,
    "difference_variance": 3.21,
    "difference_entropy": 1.64,
    "sum_average": 4.3,
    "sum_variance": 7.41,
    "sum_entropy": 2.11,
    "angular_second_moment": 0.291,
    "contrast": 5.12,
    "dissimilarity": 1.38,
    "inverse_difference": 0.688,
    "normalised_inverse_difference": 0.856,
    "inverse_difference_moment": 0.631,
    "normalised_inverse_difference_moment": 0.902,
    "inverse_variance": 0.0574,
    "correlation": 0.183,
    "autocorrelation": 5.19,
    "cluster_tendency": 7.41,
    "cluster_shade": 17.4,
    "cluster_prominence": 147,
    "information_correlation_1": -0.0288,
    "information_correlation_2": 0.269,
}


def _phantom() -> np.ndarray:
    """Grey levels with axes x, y, z; 0 outside the region of interest."""
    rows = [[list(row) for row in line.split()] for line in PHANTOM_SLICES.split("\n") if line]
    zyx = np.array([[[0 if mark == "." else int(mark) for mark in row] for row in piece] for piece in rows])
    return zyx.transpose(2, 1, 0)


def _volumes(grey: np.ndarray, affine: np.ndarray = AFFINE) -> tuple[Volume, Volume]:
    image = np.where(grey > 0, grey, 99).astype(np.float32)
    return Volume(image, affine, "flair", "[arb'U]"), Volume(
        (grey > 0).astype(np.uint8), affine, "labels", "1"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def test_phantom_is_the_published_one() -> None:
    grey = _phantom()
    assert grey.shape == (5, 4, 4)
    assert {level: int((grey == level).sum()) for level in np.unique(grey)} == {
        0: 6,
        1: 50,
        3: 1,
        4: 16,
        6: 7,
    }


@pytest.mark.parametrize("bins", [{"bin_width": 1.0}, {"bin_number": 6}], ids=str)
def test_digital_phantom(bins: dict[str, float]) -> None:
    """All 18 intensity and 25 co-occurrence features, through either discretisation."""
    found = region_texture(*_volumes(_phantom()), **bins)
    assert {name: _rounded(value) for name, value in found.intensity.items()} == INTENSITY_TRUTH
    assert {name: _rounded(value) for name, value in found.co_occurrence.items()} == CO_OCCURRENCE_TRUTH
    assert (found.levels, found.n_voxels, found.nan_share, found.flags) == (6, 74, 0.0, ())


def test_thirteen_directions() -> None:
    """With their opposites they are the 26 neighbours."""
    assert len(DIRECTIONS) == 13
    both = {*DIRECTIONS, *(tuple(-step for step in direction) for direction in DIRECTIONS)}
    assert both == set(itertools.product((-1, 0, 1), repeat=3)) - {(0, 0, 0)}


def _direct_count(grey: np.ndarray, levels: int) -> np.ndarray:
    """Every ordered pair of neighbouring voxels, one by one."""
    found = np.zeros((levels, levels))
    voxels = [tuple(at) for at in np.argwhere(grey > 0)]
    for first, second in itertools.permutations(voxels, 2):
        if max(abs(a - b) for a, b in zip(first, second, strict=True)) == 1:
            found[grey[first] - 1, grey[second] - 1] += 1
    return found / found.sum()


@pytest.mark.parametrize("seed", range(3))
def test_matrix_equals_a_direct_count(seed: int) -> None:
    generator = np.random.default_rng(seed)
    grey = generator.integers(0, 6, (5, 6, 4))
    assert co_occurrence_matrix(grey, 7) == pytest.approx(_direct_count(grey, 7), abs=1e-12)


def test_independent_neighbours_carry_no_information() -> None:
    """Matrix q q': correlation 0, both information correlations 0, joint entropy twice the marginal's."""
    q = np.array([0.1, 0.2, 0.3, 0.4])
    found = co_occurrence_features(np.outer(q, q))
    assert found["correlation"] == pytest.approx(0.0, abs=1e-12)
    assert found["information_correlation_1"] == pytest.approx(0.0, abs=1e-12)
    assert found["information_correlation_2"] == pytest.approx(0.0, abs=1e-6)
    assert found["joint_entropy"] == pytest.approx(-2 * float((q * np.log2(q)).sum()))


def test_checkerboard_in_closed_form() -> None:
    """Only pairs of 1 and 2: contrast 1, correlation -1, entropy 1 bit."""
    found = co_occurrence_features(np.array([[0.0, 0.5], [0.5, 0.0]]))
    assert found["contrast"] == 1.0
    assert found["correlation"] == pytest.approx(-1.0)
    assert found["joint_entropy"] == pytest.approx(1.0)
    assert found["cluster_tendency"] == pytest.approx(0.0)


def test_uniform_region_has_no_correlation() -> None:
    found = region_texture(*_volumes(np.full((3, 3, 3), 5)))
    assert found.co_occurrence["angular_second_moment"] == 1.0
    assert found.co_occurrence["contrast"] == 0.0
    assert not {"correlation", "information_correlation_1"} & found.co_occurrence.keys()
    assert not {"skewness", "excess_kurtosis"} & found.intensity.keys()


def test_discretisation() -> None:
    values = [0.0, 0.99, 1.0, 3.9, 4.0]
    assert discretise(values, bin_number=4).tolist() == [1, 1, 2, 4, 4]
    assert discretise(values, bin_width=1.0).tolist() == [1, 1, 2, 4, 5]
    assert discretise([7.0, 7.0], bin_number=8).tolist() == [1, 1]


def test_fixed_number_of_bins_ignores_the_scale_of_the_signal() -> None:
    image, region = _volumes(_phantom())
    scaled = image.with_array(image.array * 37.5 + 100.0)
    plain, other = (region_texture(volume, region, bin_number=16) for volume in (image, scaled))
    assert other.co_occurrence == pytest.approx(plain.co_occurrence)


def test_missing_voxels_are_left_out_and_counted() -> None:
    grey = _phantom()
    image, region = _volumes(grey)
    image.array[0, 0, 0] = np.nan
    found = region_texture(image, region, bin_width=1.0)
    assert (found.n_voxels, found.nan_share) == (73, pytest.approx(1 / 74))
    grey[0, 0, 0] = 0
    assert found.co_occurrence == pytest.approx(co_occurrence_features(co_occurrence_matrix(grey, 6)))


def test_long_voxels_are_flagged() -> None:
    found = region_texture(*_volumes(_phantom(), np.diag([1.0, 1.0, 5.0, 1.0])))
    assert found.flags == ("anisotropic_voxels",)


def _refused(code: str, image: Volume, region: Volume, **options: float) -> None:
    with pytest.raises(DomainError) as caught:
        region_texture(image, region, **options)
    assert caught.value.code == code


def test_refused() -> None:
    image, region = _volumes(_phantom())
    _refused("texture_bins", image, region, bin_number=8, bin_width=1.0)
    _refused("texture_bins", image, region, bin_number=0)
    _refused("texture_bins", image, region, bin_width=0.0)
    _refused("texture_bins", image, region, bin_width=1e-4)
    _refused("texture_grid", image, Volume(np.ones((2, 2, 2)), AFFINE, "labels", "1"))
    _refused("texture_empty", image, region.with_array(np.zeros_like(region.array)))
    alone = np.zeros_like(region.array)
    alone[0, 0, 0] = 1
    _refused("texture_empty", image, region.with_array(alone))
    with pytest.raises(DomainError):
        co_occurrence_matrix(np.full((2, 2, 2), 3), 2)


def test_statistics_of_zeros_are_finite() -> None:
    found = intensity_features(np.zeros(5))
    assert "coefficient_of_variation" not in found
    assert all(np.isfinite(value) for value in found.values())
