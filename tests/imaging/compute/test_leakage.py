"""Leakage models against their own worked numbers."""

import numpy as np
import pytest
import torch

from imaging.compute.leakage import (
    LeakageModel,
    back_flux_integral,
    back_flux_tables,
    bsw_projection,
    running_integral,
    solve_back_flux,
    trapezoid_weights,
)

DT = 1.5
SIZE = 120
TIME = np.arange(SIZE) * DT
REFERENCE = TIME**3 * np.exp(-TIME / 1.5)
MODEL = LeakageModel(REFERENCE, DT, 0, trapezoid_weights(SIZE, 0, SIZE - 1, DT))


def relaxation(k1: float, k2: float, kep: float) -> np.ndarray:
    return k1 * REFERENCE - k2 * back_flux_integral(REFERENCE, DT, kep)


def fit_two_way(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tensor = torch.tensor(np.atleast_2d(y))
    one_way = tensor @ torch.tensor(bsw_projection(MODEL))
    maps, kep, chosen = solve_back_flux(
        tensor, one_way, back_flux_tables(MODEL, torch.float64, torch.device("cpu"))
    )
    return maps.numpy(), kep.numpy(), chosen.numpy()


def test_running_integral_ends_at_the_trapezoid_rule():
    assert running_integral(REFERENCE, DT)[-1] == pytest.approx(np.trapezoid(REFERENCE, dx=DT))
    assert MODEL.window @ REFERENCE == pytest.approx(np.trapezoid(REFERENCE, dx=DT))


def test_back_flux_without_return_is_the_running_integral():
    np.testing.assert_allclose(
        back_flux_integral(REFERENCE, DT, 0.0), running_integral(REFERENCE, DT), atol=1e-12
    )


def test_one_way_model_is_recovered_exactly_for_both_signs():
    for k2 in (0.04, -0.04, 0.0):
        y = relaxation(2.5, k2, 0.0)
        uncorrected, corrected, k1, found = y @ bsw_projection(MODEL)
        assert uncorrected == pytest.approx(np.trapezoid(y, dx=DT))
        assert (k1, found) == pytest.approx((2.5, k2), abs=1e-10)
        assert corrected == pytest.approx(2.5 * np.trapezoid(REFERENCE, dx=DT), rel=1e-10)


def test_two_way_worked_numbers():
    # K1 2.5, K2 0.04, kep 0.02: two-way within 0.1 %, the one-way model a lower K1 (2.37 with 120 samples)
    y = relaxation(2.5, 0.04, 0.02)
    maps, kep, chosen = fit_two_way(y)
    assert chosen[0]
    np.testing.assert_allclose([*maps[0, 2:], kep[0]], [2.5, 0.04, 0.02], rtol=1e-3)
    assert maps[0, 1] == pytest.approx(2.5 * np.trapezoid(REFERENCE, dx=DT), rel=1e-3)
    assert 2.3 < (y @ bsw_projection(MODEL))[2] < 2.4


def test_two_way_falls_back_where_there_is_no_leakage_or_kep_is_out_of_bounds():
    y = np.stack([relaxation(1.0, 0.0, 0.0), relaxation(2.5, 0.04, 0.2)])
    maps, kep, chosen = fit_two_way(y)
    assert not chosen.any()
    assert (kep == 0).all()
    np.testing.assert_allclose(maps, y @ bsw_projection(MODEL), rtol=1e-12, atol=1e-15)


def test_two_way_under_noise_leaves_healthy_voxels_alone_and_sees_return():
    rng = np.random.default_rng(11)
    healthy = relaxation(1.0, 0.0, 0.0) + rng.normal(0, 0.1, (500, SIZE))
    leaking = relaxation(2.5, 0.04, 0.02) + rng.normal(0, 0.1, (500, SIZE))
    assert fit_two_way(healthy)[2].mean() < 0.2
    maps, kep, chosen = fit_two_way(leaking)
    assert chosen.mean() > 0.95
    assert np.median(kep) == pytest.approx(0.02, rel=0.1)
    assert np.median(maps[:, 2]) == pytest.approx(2.5, rel=0.02)
