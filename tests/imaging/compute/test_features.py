"""Numbers per region against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gliomon.common.errors import DomainError
from imaging.compute.features import RegionMeasurement, region_measurements
from imaging.compute.quality import FLAGS
from imaging.compute.volume import Volume

AFFINE = np.diag([2.0, 2.0, 2.5, 1.0])  # one voxel is 0.01 mL


def _labels() -> Volume:
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[0] = 4  # 100 voxels enhancing
    labels[1, :3] = 1  # 30 voxels necrosis
    labels[2:4] = 2  # 200 voxels oedema
    return Volume(labels, AFFINE, "labels", "1")


def _adc() -> Volume:
    values = np.full((10, 10, 10), 0.8e-3)
    values[0] = (np.arange(100).reshape(10, 10) + 1) * 1e-5  # 1e-5 ... 100e-5
    return Volume(values, AFFINE, "adc", "mm2/s")


def _by_key(found: list[RegionMeasurement]) -> dict[tuple[str, str, str], RegionMeasurement]:
    keyed = {(m.region, m.quantity, m.statistic): m for m in found}
    assert len(keyed) == len(found)
    return keyed


def test_volumes_are_voxels_times_the_determinant() -> None:
    found = _by_key(region_measurements(_labels(), {}))
    volumes = {region: m.value for (region, quantity, _), m in found.items() if quantity == "volume"}
    assert volumes == pytest.approx(
        {"enhancing": 1.0, "necrosis": 0.3, "oedema": 2.0, "cavity": 0.0, "whole_lesion": 3.3}
    )
    assert {m.unit for m in found.values()} == {"mL"}


def test_statistics_of_one_to_hundred() -> None:
    """Mean 50.5, type-7 percentiles 1 + 99 p, SD sqrt(n (n + 1) / 12) = 29.0115, all times 1e-5."""
    found = _by_key(region_measurements(_labels(), {"adc": _adc()}))
    truth = {"mean": 50.5, "median": 50.5, "p10": 10.9, "p90": 90.1, "p95": 95.05, "sd": 29.0115, "p5": 5.95}
    for statistic, value in truth.items():
        measured = found["enhancing", "adc", statistic]
        assert measured.value == pytest.approx(value * 1e-5, rel=1e-5)
        assert (measured.unit, measured.n_voxels, measured.nan_share) == ("mm2/s", 100, 0.0)
        assert measured.flags == (("adc_l_too_small",) if statistic == "p5" else ())


def test_missing_voxels_are_left_out_and_counted() -> None:
    adc = _adc()
    adc.array[0, :4] = np.nan  # leaves 41 ... 100
    measured = _by_key(region_measurements(_labels(), {"adc": adc}))["enhancing", "adc", "mean"]
    assert measured.value == pytest.approx(70.5e-5)
    assert (measured.n_voxels, measured.nan_share) == (60, pytest.approx(0.4))


def test_small_region_is_flagged_but_measured() -> None:
    labels = _labels()
    labels.array[0] = 0
    labels.array[0, :4, :] = 4
    found = _by_key(region_measurements(labels, {"adc": _adc()}))
    assert found["enhancing", "adc", "mean"].flags == ("small_region",)
    assert found["enhancing", "adc", "mean"].value == pytest.approx(20.5e-5)
    assert found["oedema", "adc", "mean"].flags == ()


def test_small_is_judged_by_voxels_as_acquired() -> None:
    """100 fine voxels of 0.01 mL are 12.5 voxels of a 0.08 mL acquisition."""
    found = _by_key(region_measurements(_labels(), {"adc": _adc()}, native_voxel_ml={"adc": 0.08}))
    assert found["enhancing", "adc", "mean"].flags == ("small_region",)


def test_no_value_is_invented() -> None:
    labels, adc = _labels(), _adc()
    labels.array[labels.array == 2] = 0
    adc.array[0] = np.nan
    found = _by_key(region_measurements(labels, {"adc": adc}))
    assert not [key for key in found if key[1] == "adc"]
    assert found["oedema", "volume", "total"].value == 0.0


def test_regions_that_the_series_cannot_tell_get_no_volume() -> None:
    found = region_measurements(_labels(), {"adc": _adc()}, regions_known=("whole_lesion",))
    assert [(m.region, m.quantity) for m in found] == [("whole_lesion", "volume")]


def test_all_maps_and_white_matter_with_their_flags() -> None:
    nawm = np.zeros((10, 10, 10), dtype=np.uint8)
    nawm[8:] = 1
    shape = (10, 10, 10)
    maps = {
        "adc": _adc(),
        "rcbv": Volume(np.full(shape, 2.5), AFFINE, "rcbv", "1"),
        "k2": Volume(np.full(shape, -0.01), AFFINE, "k2", "1/s"),
        "t1": Volume(np.ones(shape), AFFINE, "t1", "1"),
    }
    given = Volume(nawm, AFFINE, "nawm", "1")
    found = _by_key(region_measurements(_labels(), maps, nawm=given, map_flags={"adc": ("b_out_of_range",)}))
    assert found["nawm", "adc", "mean"].value == pytest.approx(0.8e-3)
    assert found["nawm", "adc", "mean"].flags == ("b_out_of_range",)
    assert found["enhancing", "nrcbv", "p95"].value == pytest.approx(2.5)
    assert found["oedema", "k2", "median"].value == pytest.approx(-0.01)
    assert found["enhancing", "nrcbv", "sd"].value == pytest.approx(0.0)
    assert {quantity for _, quantity, _ in found} == {"volume", "adc", "nrcbv", "k2"}


def test_single_voxel_has_no_standard_deviation() -> None:
    labels = _labels()
    labels.array[labels.array == 4] = 0
    labels.array[9, 9, 9] = 4
    found = _by_key(region_measurements(labels, {"adc": _adc()}))
    assert ("enhancing", "adc", "sd") not in found
    assert found["enhancing", "adc", "mean"].n_voxels == 1


def _large() -> tuple[Volume, np.ndarray]:
    """800 enhancing voxels and a mask of them; the rest (200) is left for white matter."""
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[:8] = 4
    return Volume(labels, AFFINE, "labels", "1"), labels == 4


def _white() -> Volume:
    nawm = np.zeros((10, 10, 10), dtype=np.uint8)
    nawm[8:] = 1
    return Volume(nawm, AFFINE, "nawm", "1")


def test_lower_component_and_ratio_to_white_matter() -> None:
    """480 voxels at 0.9 +- 0.1 and 320 at 1.8 +- 0.2 (quantiles of normal distributions) beside white matter of 0.8."""
    labels, inside = _large()
    low = norm.ppf((np.arange(480) + 0.5) / 480, 0.9e-3, 0.1e-3)
    high = norm.ppf((np.arange(320) + 0.5) / 320, 1.8e-3, 0.2e-3)
    values = np.full(inside.shape, 0.8e-3)
    values[inside] = np.concatenate([high, low])
    found = _by_key(
        region_measurements(labels, {"adc": Volume(values, AFFINE, "adc", "mm2/s")}, nawm=_white())
    )
    assert found["enhancing", "adc", "adc_l"].value == pytest.approx(0.9e-3, abs=0.005e-3)
    assert found["enhancing", "adc", "adc_l"].unit == "mm2/s"
    assert found["enhancing", "adc", "lcp"].value == pytest.approx(0.6, abs=0.005)
    assert found["enhancing", "adc", "radc"].value == pytest.approx((0.6 * 0.9 + 0.4 * 1.8) / 0.8)
    assert {found["enhancing", "adc", name].unit for name in ("lcp", "radc", "skewness", "kurtosis")} == {"1"}
    assert found["enhancing", "adc", "p5"].flags == ()
    assert {statistic for region, _, statistic in found if region == "nawm"} == {
        *("mean", "median", "p5", "p10", "p90", "p95", "sd")
    }


def test_one_population_gives_its_mean_and_says_so() -> None:
    labels, inside = _large()
    values = np.full(inside.shape, 0.8e-3)
    values[inside] = norm.ppf((np.arange(800) + 0.5) / 800, 1.2e-3, 0.2e-3)
    found = _by_key(region_measurements(labels, {"adc": Volume(values, AFFINE, "adc", "mm2/s")}))
    assert found["enhancing", "adc", "adc_l"].value == pytest.approx(1.2e-3)
    assert found["enhancing", "adc", "adc_l"].flags == ("unimodal",)
    assert ("enhancing", "adc", "lcp") not in found
    assert ("enhancing", "adc", "radc") not in found


def test_hot_spot_and_tumour_burden_of_blood_volume() -> None:
    """800 voxels from 0.005 to 4.0 in steps of 0.005: 200 up to 1.0, 150 up to 1.75, 450 above; highest tenth 721 to 800."""
    labels, inside = _large()
    values = np.full(inside.shape, 1.0)
    values[inside] = np.arange(1, 801) / 200
    maps = {"rcbv": Volume(values, AFFINE, "rcbv", "1")}
    found = _by_key(region_measurements(labels, maps, nawm=_white()))
    shares = [found["enhancing", "nrcbv", f"ftb_{name}"].value for name in ("low", "mid", "high")]
    assert shares == pytest.approx([0.25, 0.1875, 0.5625])
    assert found["enhancing", "nrcbv", "hotspot"].value == pytest.approx(np.arange(721, 801).mean() / 200)
    assert ("nawm", "nrcbv", "ftb_low") not in found
    coarse = _by_key(region_measurements(labels, maps, native_voxel_ml={"rcbv": 0.09}))
    assert coarse["enhancing", "nrcbv", "hotspot"].flags == ("ftb_too_small",)
    assert ("enhancing", "nrcbv", "ftb_low") not in coarse


def test_every_name_fits_its_column_and_every_flag_has_a_sentence() -> None:
    labels, inside = _large()
    values = np.random.default_rng(0).gamma(9.0, 0.13, inside.shape)
    maps = {
        "adc": Volume(values * 1e-3, AFFINE, "adc", "mm2/s"),
        "rcbv": Volume(values, AFFINE, "rcbv", "1"),
    }
    for native in (0.01, 0.09, 0.9):
        sizes = {"adc": native, "rcbv": native}
        found = region_measurements(labels, maps, nawm=_white(), native_voxel_ml=sizes)
        assert all(len(row.statistic) <= 10 for row in found)
        assert {flag for row in found for flag in row.flags} <= FLAGS.keys()


@pytest.mark.parametrize(
    ("maps", "extra", "code"),
    [
        ({"adc": Volume(np.ones((3, 3, 3)), AFFINE, "adc", "mm2/s")}, {}, "features_grid"),
        ({"adc": Volume(np.ones((10, 10, 10)), AFFINE, "adc", "um2/s")}, {}, "features_unit"),
        ({}, {"regions_known": ("liver",)}, "features_region"),
    ],
)
def test_bad_inputs_are_refused(maps: dict, extra: dict, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        region_measurements(_labels(), maps, **extra)
    assert caught.value.code == code
