"""ADC against worked numbers, independent least squares and a vendor's map."""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.stats import rice

from gliomon.common.errors import DomainError
from imaging.compute.adc import fit_adc, fit_suppressed_adc, to_mm2_per_s

B = np.array([0.0, 200.0, 500.0, 800.0, 1000.0])


def decay(adc: np.ndarray, b: np.ndarray, s0: float = 1000.0) -> np.ndarray:
    return s0 * np.exp(-np.asarray(adc)[..., None] * b)


def noisy_signals(shape=(6, 5, 4), b=B, sigma=20.0) -> np.ndarray:
    rng = np.random.default_rng(7)
    clean = decay(rng.uniform(0.7e-3, 1.6e-3, shape), b)
    return np.hypot(clean + rng.normal(0, sigma, clean.shape), rng.normal(0, sigma, clean.shape))


def test_two_point_worked_number():
    # ln(1000 / 400) / 1000 = 9.163e-4
    fit = fit_adc(np.array([[1000.0, 400.0]]), [0, 1000], method="two_point")
    assert fit.adc[0] == pytest.approx(np.log(2.5) / 1000, rel=1e-12)
    assert fit.adc[0] == pytest.approx(9.163e-4, abs=5e-8)
    assert fit.s0[0] == pytest.approx(1000.0)


@pytest.mark.parametrize("method", ["wls", "ols", "two_point"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_noiseless_decay_is_exact(method, dtype, tolerance):
    signals = decay(np.array([1.1e-3, 0.8e-3]), np.array([0.0, 500.0, 1000.0])).astype(dtype)
    fit = fit_adc(signals, [0, 500, 1000], method=method)
    np.testing.assert_allclose(fit.adc, [1.1e-3, 0.8e-3], rtol=tolerance)
    np.testing.assert_allclose(fit.s0, 1000.0, rtol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ols_equals_lstsq(dtype):
    signals = noisy_signals().astype(dtype)
    fit = fit_adc(signals, B, method="ols")
    design = np.stack([np.ones_like(B), -B], axis=1)
    logs = np.log(signals.astype(float)).reshape(-1, B.size).T
    expected = np.linalg.lstsq(design, logs, rcond=None)[0][1].reshape(fit.adc.shape)
    np.testing.assert_allclose(fit.adc, expected, atol=1e-9, rtol=0)


def test_wls_solves_the_weighted_normal_equations_with_one_reweight():
    signals = noisy_signals(shape=(8,))
    fit = fit_adc(signals, B, method="wls")
    design = np.stack([np.ones_like(B), -B], axis=1)
    for row, found in zip(signals, fit.adc, strict=True):
        weights = row**2
        for _ in range(2):
            normal = design.T * weights
            coefficients = np.linalg.solve(normal @ design, normal @ np.log(row))
            weights = np.exp(2 * design @ coefficients)
        assert found == pytest.approx(coefficients[1], rel=1e-9)


def test_directions_are_averaged_geometrically():
    # the trace of three directions is the product's cube root; its ADC is the mean diffusivity
    per_direction = np.array([0.5e-3, 1.0e-3, 1.5e-3])
    signals = np.concatenate([[1000.0], 1000.0 * np.exp(-1000 * per_direction)])[None]
    for method in ("wls", "ols", "two_point"):
        fit = fit_adc(signals, [0, 1000, 1000, 1000], method=method)
        assert fit.adc[0] == pytest.approx(1.0e-3, rel=1e-10)
    assert fit.b_used == (0.0, 1000.0)


def test_ols_with_directions_equals_the_fit_to_all_samples():
    b = np.array([1000.0, 0.0, 500.0, 1000.0, 0.0, 1000.0])
    signals = noisy_signals(shape=(20,), b=b)
    design = np.stack([np.ones_like(b), -b], axis=1)
    expected = np.linalg.lstsq(design, np.log(signals).T, rcond=None)[0][1]
    np.testing.assert_allclose(fit_adc(signals, b, method="ols").adc, expected, atol=1e-12, rtol=0)
    censored = fit_adc(signals, b, method="ols", sigma=0.0)
    np.testing.assert_allclose(censored.adc, expected, atol=1e-12, rtol=0)


def test_the_fit_does_not_depend_on_signal_scale():
    signals = noisy_signals()
    for scale in (1e-12, 1e12):
        np.testing.assert_allclose(fit_adc(signals * scale, B).adc, fit_adc(signals, B).adc, rtol=1e-10)


@pytest.mark.parametrize(
    ("snr", "adc", "mean"), [(20, 0.8e-3, 0.80e-3), (20, 3.0e-3, 2.72e-3), (10, 3.0e-3, 2.19e-3)]
)
def test_rician_bias_of_two_points(snr, adc, mean):
    # bias table of the noise floor: simulated means of the two-point fit at b = 1000
    clean = decay(np.full(100_000, adc), np.array([0.0, 1000.0]), s0=1.0)
    signals = rice.rvs(clean * snr, scale=1.0 / snr, random_state=np.random.default_rng(3))
    raw = np.log(signals[:, 0] / signals[:, 1]) / 1000
    assert raw.mean() == pytest.approx(mean, rel=0.02)
    fit = fit_adc(signals, [0, 1000], method="two_point")
    kept = (raw >= 0.1e-3) & (raw <= 3.5e-3)
    np.testing.assert_allclose(fit.adc[kept], raw[kept], rtol=1e-9)
    assert fit.n_out_of_range == (~kept).sum()


def test_points_in_the_noise_are_left_out():
    signals = decay(np.array([1.0e-3, 1.0e-3]), B)
    signals[0, -1] = 25.0  # noise floor where 368 was expected
    plain = fit_adc(signals, B, method="ols")
    censored = fit_adc(signals, B, method="ols", sigma=10.0)
    assert abs(plain.adc[0] - 1.0e-3) > 0.5e-3
    np.testing.assert_allclose(censored.adc, 1.0e-3, rtol=1e-10)
    assert censored.n_censored == 1
    assert "no_noise_level" in plain.flags
    assert "no_noise_level" not in censored.flags


def test_a_voxel_without_signal_or_with_one_point_left_is_nan():
    signals = decay(np.array([1.0e-3, 1.0e-3]), np.array([0.0, 1000.0]))
    signals[0] *= 0.04  # S0 = 40 is below 5 sigma
    signals[1, 1] = 20.0  # below 3 sigma: one point left
    fit = fit_adc(signals, [0, 1000], sigma=10.0)
    assert np.isnan(fit.adc).all()
    assert fit.n_unfit == 2


def test_non_positive_and_missing_samples_never_give_a_number_from_nothing():
    signals = np.array([[0.0, 300.0], [1000.0, 0.0], [np.nan, 400.0], [1000.0, 400.0]])
    fit = fit_adc(signals, [0, 1000])
    assert np.isnan(fit.adc[:3]).all()
    assert fit.adc[3] == pytest.approx(9.163e-4, abs=5e-8)
    assert (fit.n_fitted, fit.n_unfit, fit.n_censored) == (1, 3, 3)


def test_values_outside_the_valid_range_are_nan_and_counted():
    signals = decay(np.array([0.05e-3, 1.0e-3, 3.6e-3]), B)
    fit = fit_adc(signals, B)
    assert np.isnan(fit.adc).tolist() == [True, False, True]
    assert fit.n_out_of_range == 2
    assert "many_out_of_range" in fit.flags


def test_high_b_is_dropped_when_two_lower_remain():
    b = [0, 1000, 2500]
    signals = decay(np.array([1.0e-3]), np.array(b, dtype=float))
    signals[0, 2] *= 3.0
    fit = fit_adc(signals, b)
    assert fit.adc[0] == pytest.approx(1.0e-3, rel=1e-10)
    assert fit.b_dropped == (2500.0,)
    assert "b_dropped" in fit.flags
    assert "b_out_of_range" not in fit.flags


def test_high_b_alone_is_fitted_and_flagged():
    fit = fit_adc(decay(np.array([0.8e-3]), np.array([0.0, 2500.0])), [0, 2500])
    assert fit.adc[0] == pytest.approx(0.8e-3, rel=1e-10)
    assert "b_out_of_range" in fit.flags


def test_the_pair_without_flow_is_named():
    fit = fit_adc(decay(np.array([0.8e-3]), np.array([500.0, 1000.0])), [500, 1000], method="two_point")
    assert "perfusion_suppressed" in fit.flags


def test_outside_the_mask_nothing_is_computed_and_integers_are_read():
    signals = np.round(noisy_signals() * 10).astype(">u2")
    mask = np.zeros(signals.shape[:3], bool)
    mask[2:4, 1:3] = True
    fit = fit_adc(signals, B, mask=mask)
    assert np.array_equal(np.isfinite(fit.adc), mask)
    np.testing.assert_allclose(fit.adc[mask], fit_adc(signals.astype(float), B).adc[mask], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"b_values": [0, 1000]}, "adc_shape"),
        ({"b_values": [0, 2, 0, 3, 1]}, "adc_b_values"),
        ({"b_values": [0, -5, 200, 500, 1000]}, "adc_b_values"),
        ({"method": "magic"}, "adc_method"),
        ({"mask": np.ones((2, 2), bool)}, "adc_shape"),
        ({"sigma": -1.0}, "adc_sigma"),
    ],
)
def test_bad_input_is_refused_at_the_door(change, code):
    arguments = {"b_values": B, **change}
    with pytest.raises(DomainError) as refusal:
        fit_adc(noisy_signals(), arguments.pop("b_values"), **arguments)
    assert refusal.value.code == code


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "mm2/s"), (1e3, "10*-3.mm2/s"), (1e6, "10*-6.mm2/s")])
def test_units_of_scanner_maps(factor, unit):
    truth = np.random.default_rng(1).normal(0.8e-3, 0.1e-3, (10, 10, 10))
    truth[0, 0, 0] = 3.0e-3
    found, name = to_mm2_per_s(truth * factor, np.ones(truth.shape, bool))
    assert name == unit
    np.testing.assert_allclose(found, truth, rtol=1e-12)


@pytest.mark.parametrize(
    ("median", "code"),
    [
        (80.0, "adc_unit_ambiguous"),
        (8e-10, "adc_unit_unknown"),
        (0.05, "adc_unit_unknown"),
        (9e4, "adc_unit_unknown"),
    ],
)
def test_a_doubtful_unit_is_refused(median, code):
    with pytest.raises(DomainError) as refusal:
        to_mm2_per_s(np.full((3, 3, 3), median), np.ones((3, 3, 3), bool))
    assert refusal.value.code == code


def read_rescaled(folder: Path) -> np.ndarray:
    """All frames of an enhanced multi-frame file after its rescale, ordered by height."""
    dataset = pydicom.dcmread(next(p for p in sorted(folder.rglob("*")) if p.is_file()))
    shared = dataset.SharedFunctionalGroupsSequence[0]
    frames = []
    for frame, groups in zip(
        dataset.pixel_array.astype(float), dataset.PerFrameFunctionalGroupsSequence, strict=True
    ):
        holder = groups if "PixelValueTransformationSequence" in groups else shared
        scale = holder.PixelValueTransformationSequence[0]
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        frames.append((float(position[2]), frame * float(scale.RescaleSlope) + float(scale.RescaleIntercept)))
    return np.stack([values for _, values in sorted(frames, key=lambda pair: pair[0])])


def test_against_the_map_of_a_scanner():
    if "GLIOMON_REAL_DATA" not in os.environ:
        pytest.skip("GLIOMON_REAL_DATA is not set: the vendor's diffusion series is not here")
    root = Path(os.environ["GLIOMON_REAL_DATA"]) / "dwi_enhanced_siemens"
    b0, trace, vendor = (read_rescaled(next(root.glob(f"{n}_*"))) for n in (16, 12, 11))
    mask = b0 > 393
    fit = fit_adc(np.stack([b0, trace], axis=-1), [0, 2500], mask=mask)
    assert "b_out_of_range" in fit.flags
    converted, unit = to_mm2_per_s(vendor, mask)
    assert unit == "10*-6.mm2/s"
    both = np.isfinite(fit.adc)
    assert both.sum() > 0.99 * mask.sum()
    assert np.corrcoef(fit.adc[both], converted[both])[0, 1] >= 0.999
    assert np.median(fit.adc[both]) == pytest.approx(np.median(converted[both]), rel=0.01)


TISSUE, BLOOD, SHARE = 1.0e-3, 40e-3, 0.05  # mm2/s, mm2/s, share of flowing blood


def _with_blood(b: list[float]) -> np.ndarray:
    at = np.array(b)
    return 1000 * ((1 - SHARE) * np.exp(-at * TISSUE) + SHARE * np.exp(-at * BLOOD))[None, :]


def test_blood_is_left_out() -> None:
    """At b = 500 blood has decayed by exp(-20): the tissue's ADC is left, exact to 1e-9 mm2/s.

    From b = 0 it would be D - ln(1 - f) / 1000 = 1.0513e-3.
    """
    b = [0.0, 500.0, 1000.0]
    found = fit_suppressed_adc(_with_blood(b), b)
    assert found is not None
    assert found.adc[0] == pytest.approx(TISSUE, abs=1e-9)
    assert found.s0[0] == pytest.approx(1000 * (1 - SHARE), rel=1e-6)
    assert found.b_used == (500.0, 1000.0)
    assert "perfusion_suppressed" in found.flags
    plain = fit_adc(_with_blood([0.0, 1000.0]), [0, 1000], method="two_point")
    assert plain.adc[0] == pytest.approx(TISSUE - np.log(1 - SHARE) / 1000, abs=1e-9)
    assert "perfusion_suppressed" not in plain.flags


def test_low_and_very_high_b_are_both_left_out() -> None:
    b = [0.0, 20.0, 50.0, 500.0, 1000.0, 3000.0]
    found = fit_suppressed_adc(_with_blood(b), b, method="ols")
    assert found is not None
    assert found.b_used == (500.0, 1000.0)
    assert found.adc[0] == pytest.approx(TISSUE, abs=1e-9)


@pytest.mark.parametrize(
    "b", [[0.0, 1000.0], [0.0, 50.0, 1000.0], [0.0, 1000.0, 1005.0], [0.0, 1000.0, 3000.0]]
)
def test_no_suppressed_fit_without_two_b_values_in_range(b: list[float]) -> None:
    assert fit_suppressed_adc(_with_blood(b), b) is None


def test_suppressed_mask_and_errors_are_those_of_the_plain_fit() -> None:
    b = [0.0, 500.0, 1000.0]
    signals = np.repeat(_with_blood(b), 3, axis=0)
    found = fit_suppressed_adc(signals, b, mask=np.array([True, False, True]))
    assert found is not None
    assert np.isnan(found.adc).tolist() == [False, True, False]
    with pytest.raises(DomainError) as caught:
        fit_suppressed_adc(signals, [0.0, 1000.0])
    assert caught.value.code == "adc_shape"
