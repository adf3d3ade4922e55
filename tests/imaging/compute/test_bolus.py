"""The bolus is found where it was put, and nothing else is taken for one."""

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.bolus import find_bolus, first_pass_end


def bolus_curve(arrival: int, size: int = 80, drop: float = 0.3, noise: float = 0.0) -> np.ndarray:
    """Baseline 500, gamma-variate dip (maximum 4.5 s after arrival, dt 1.5 s) with 12 % recirculation."""
    time = np.maximum(np.arange(size) - arrival, 0) * 1.5
    shape = time**3 * np.exp(-time / 1.5)
    shape = shape / shape.max() + 0.12 * (1 - np.exp(-time / 8.0))
    return 500.0 * (1.0 - drop * shape / shape.max()) + np.random.default_rng(5).normal(0, noise, size)


@pytest.mark.parametrize("arrival", [8, 12, 25, 50])
@pytest.mark.parametrize(("noise", "drop"), [(0.0, 0.3), (0.5, 0.3), (2.0, 0.3), (1.0, 0.08)])
def test_arrival_wherever_it_is(arrival, noise, drop):
    found = find_bolus(bolus_curve(arrival, drop=drop, noise=noise))
    # the dip is 0 at `arrival` and at a third of its depth one sample later
    assert abs(found.arrival - (arrival + 1)) <= 1
    assert found.baseline_stop == found.arrival - 1
    assert found.baseline_level == pytest.approx(500.0, rel=0.005)
    assert found.drop == pytest.approx(drop, rel=0.15)
    assert found.deepest == pytest.approx(arrival + 3, abs=1)


def test_saturating_first_volumes_stay_out_of_the_baseline():
    curve = bolus_curve(20, noise=0.5)
    curve[:4] += [300.0, 120.0, 50.0, 20.0]
    found = find_bolus(curve)
    assert found.steady_from == 4
    assert found.arrival == pytest.approx(21, abs=1)


def test_volumes_left_out_by_hand_keep_their_place_in_the_count():
    found = find_bolus(bolus_curve(20, noise=0.5), discard=6)
    assert found.steady_from == 6
    assert found.arrival == pytest.approx(21, abs=1)


@pytest.mark.parametrize("chosen", [12, (0, 12), slice(0, 12)])
def test_a_baseline_by_hand_is_used_as_it_is(chosen):
    found = find_bolus(bolus_curve(20, noise=0.5), baseline=chosen)
    assert (found.steady_from, found.baseline_stop, found.baseline_points) == (0, 12, 12)
    assert found.arrival == pytest.approx(21, abs=1)


def test_width_of_a_triangle_is_half_its_base():
    curve = np.full(60, 100.0)
    curve[20:41] -= 50.0 * (1 - np.abs(np.arange(-10, 11)) / 10.0)
    assert find_bolus(curve).width_samples == pytest.approx(10.0, abs=0.01)


def test_one_displaced_volume_does_not_hide_the_bolus():
    curve = bolus_curve(30, noise=0.5)
    curve[55] = 200.0
    found = find_bolus(curve)
    assert found.arrival == pytest.approx(31, abs=1)
    assert found.deepest == pytest.approx(33, abs=1)


def test_first_pass_ends_before_thirty_seconds():
    curve = bolus_curve(20)
    found = find_bolus(curve)
    assert found.deepest < first_pass_end(curve, found, 1.5) <= found.arrival + 20


def label_and_control() -> np.ndarray:
    return 500.0 * (1.0 - 0.01 * (np.arange(80) % 2))


def drift() -> np.ndarray:
    return np.linspace(500.0, 430.0, 80)


def step() -> np.ndarray:
    return np.where(np.arange(80) < 40, 500.0, 430.0)


def spike() -> np.ndarray:
    curve = np.random.default_rng(2).normal(500.0, 0.5, 80)
    curve[33] = 300.0
    return curve


def noise() -> np.ndarray:
    return np.random.default_rng(2).normal(500.0, 3.0, 80)


@pytest.mark.parametrize("series", [label_and_control, drift, step, spike, noise])
def test_series_without_a_bolus_are_refused(series):
    with pytest.raises(DomainError) as refusal:
        find_bolus(series())
    assert refusal.value.code == "dsc_no_bolus"


@pytest.mark.parametrize("arrival", [2, 4])
def test_too_short_a_baseline_is_refused(arrival):
    with pytest.raises(DomainError) as refusal:
        find_bolus(bolus_curve(arrival))
    assert refusal.value.code == "dsc_short_baseline"


@pytest.mark.parametrize("curve", [np.full(8, 100.0), np.full(40, np.nan), np.zeros(40), np.ones((4, 10))])
def test_no_curve_at_all_is_refused(curve):
    with pytest.raises(DomainError) as refusal:
        find_bolus(curve)
    assert refusal.value.code == "dsc_shape"
