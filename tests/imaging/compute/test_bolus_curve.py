"""Shape of the bolus against curves whose peak, width and area are known in closed form."""

import math

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.perfusion import bolus_shape, fit_gamma_variate, signal_shape

DT = 1.5
TIME = np.arange(60) * DT
START = 15


def gamma_curve(onset: float, power: float, decay: float, peak: float) -> tuple[np.ndarray, float]:
    """Curve of a given peak and its area A b^(a + 1) Gamma(a + 1)."""
    after = np.maximum(TIME - onset, 0.0)
    scale = peak / ((power * decay) ** power * math.exp(-power))
    return scale * after**power * np.exp(-after / decay), scale * decay ** (power + 1) * math.gamma(power + 1)


SHAPES = [(3, 1.5), (2, 3), (5, 1), (1, 3), (8, 0.8)]


@pytest.mark.parametrize(("power", "decay"), SHAPES)
@pytest.mark.parametrize(
    ("noise", "bias", "spread"), [(1e-6, 0.003, 1e-4), (0.02, 0.01, 0.04), (0.05, 0.03, 0.10)]
)
def test_gamma_variate_area(power, decay, noise, bias, spread):
    clean, area = gamma_curve(25.3, power, decay, 20.0)
    curves = clean + np.random.default_rng(1).normal(0, 20.0 * noise, (300, 60))
    found = fit_gamma_variate(curves, dt_s=DT, start=START)
    assert found.accepted.mean() > 0.99
    assert np.nanmean(found.area) == pytest.approx(area, rel=bias)
    assert np.nanstd(found.area) / area < spread


@pytest.mark.parametrize(("power", "decay"), SHAPES)
def test_gamma_variate_parameters_without_noise(power, decay):
    found = fit_gamma_variate(gamma_curve(25.3, power, decay, 20.0)[0], dt_s=DT, start=START)
    assert found.power == pytest.approx(power, rel=0.02)
    assert found.decay_s == pytest.approx(decay, rel=0.02)
    assert found.onset_s == pytest.approx(25.3, abs=0.1)
    assert found.r_squared > 0.999


def test_recirculation_does_not_enter_the_area():
    clean, area = gamma_curve(25.3, 3, 1.5, 20.0)
    again = clean + 3.0 * (1 - np.exp(-np.maximum(TIME - 36.0, 0) / 5.0))
    assert fit_gamma_variate(again, dt_s=DT, start=START).area == pytest.approx(area, rel=0.03)
    assert again.sum() * DT > 1.5 * area


def test_what_is_no_bolus_is_rejected():
    rng = np.random.default_rng(2)
    step = np.where(TIME > 30, 5.0, 0.0) + rng.normal(0, 0.5, (20, 60))
    noise = rng.normal(0, 1.0, (50, 60))
    broken = gamma_curve(25.3, 3, 1.5, 20.0)[0][None] * np.array([[0.0], [-1.0], [np.nan]])
    found = fit_gamma_variate(np.concatenate([step, noise, broken]), dt_s=DT, start=START)
    assert not found.accepted.any()
    assert np.isnan(found.area).all()


def test_gamma_variate_scales():
    curves = gamma_curve(25.3, 3, 1.5, 20.0)[0] + np.random.default_rng(3).normal(0, 0.3, (4, 5, 60))
    one, other = (fit_gamma_variate(curves * s, dt_s=DT, start=START) for s in (1.0, 1e-3))
    assert one.area.shape == (4, 5)
    np.testing.assert_allclose(other.area, one.area * 1e-3, rtol=1e-6)
    np.testing.assert_allclose(other.power, one.power, rtol=1e-6)


def test_peak_time_and_width_of_a_triangle():
    triangle = np.maximum(10.0 - 2.0 * np.abs(np.arange(60) - 25), 0.0)
    found = bolus_shape(np.stack([triangle, 3 * triangle, 0 * triangle]), dt_s=2.0, start=15)
    np.testing.assert_allclose(found.peak[:2], [10.0, 30.0])
    np.testing.assert_allclose(found.time_to_peak_s[:2], 20.0)
    np.testing.assert_allclose(found.arrival_s[:2], 15.0)  # half height 2.5 samples before the peak
    np.testing.assert_allclose(found.width_s[:2], 10.0)
    assert np.isnan(found.width_s[2])


def test_a_bolus_that_the_series_cuts_off_has_no_width():
    assert np.isnan(bolus_shape(np.arange(60.0), dt_s=DT, start=START).width_s)


def signal(after: float) -> np.ndarray:
    curve = np.full(80, 1000.0)
    curve[20:28] = [900, 700, 500, 400, 500, 600, 700, 750]
    curve[28:] = after
    return curve


@pytest.mark.parametrize(("after", "psr"), [(850.0, 75.0), (1000.0, 100.0), (1300.0, 150.0)])
def test_signal_recovery_in_closed_form(after, psr):
    found = signal_shape(signal(after), dt_s=DT, baseline=(2, 19))
    assert found.peak_height == pytest.approx(600.0)
    assert found.recovery_percent == pytest.approx(psr)
    scaled = signal_shape(signal(after) * 0.01, dt_s=DT, baseline=(2, 19))
    assert scaled.recovery_percent == pytest.approx(psr)
    assert scaled.peak_height == pytest.approx(6.0)


def test_signal_recovery_of_unusable_voxels_and_short_series():
    rows = np.stack([signal(850.0), np.full(80, 1000.0), np.full(80, np.nan)])
    found = signal_shape(rows, dt_s=DT, baseline=(2, 19))
    np.testing.assert_allclose(found.recovery_percent, [75.0, np.nan, np.nan])
    with pytest.raises(DomainError) as refusal:
        signal_shape(rows[:, :40], dt_s=DT, baseline=(2, 19))
    assert refusal.value.code == "bolus_short_tail"


@pytest.mark.parametrize(("dt_s", "start"), [(0.0, 15), (1.5, 58), (1.5, -1)])
def test_bad_input_is_refused(dt_s, start):
    for call in (bolus_shape, fit_gamma_variate):
        with pytest.raises(DomainError) as refusal:
            call(np.zeros(60), dt_s=dt_s, start=start)
        assert refusal.value.code == "bolus_shape"
