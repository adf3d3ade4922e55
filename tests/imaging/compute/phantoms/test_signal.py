"""Signal equations against hand-worked values; science sheet 9.6."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.signal import (
    diffusion,
    inversion_recovery,
    rician,
    shortened_t1,
    spin_echo,
    spoiled_gradient_echo,
)


def test_spin_echo_at_one_t1_and_one_t2() -> None:
    value = spin_echo(pd=0.8, t1_s=1.0, t2_s=0.1, tr_s=1.0, te_s=0.1)
    assert value == pytest.approx(0.8 * (1 - math.exp(-1)) * math.exp(-1))


def test_flair_nulls_fluid_where_the_equation_says() -> None:
    t1, tr = 4.3, 9.0
    null = -t1 * math.log((1 + math.exp(-tr / t1)) / 2)
    value = inversion_recovery(pd=1.0, t1_s=t1, t2_s=1.8, tr_s=tr, te_s=0.12, ti_s=null)
    assert value == pytest.approx(0.0, abs=1e-12)


def test_gradient_echo_is_largest_at_the_ernst_angle() -> None:
    ernst = math.degrees(math.acos(math.exp(-0.008 / 0.85)))
    signals = [
        spoiled_gradient_echo(
            pd=1.0, t1_s=0.85, t2star_s=0.05, tr_s=0.008, te_s=0.003, flip_deg=ernst + shift
        )
        for shift in (-1.0, 0.0, 1.0)
    ]
    assert signals[1] == max(signals)


def test_contrast_shortens_t1() -> None:
    assert shortened_t1(1.4, 0.5, r1=4.0) == pytest.approx(1.0 / (1.0 / 1.4 + 2.0))


def test_diffusion_of_the_sheet() -> None:
    """S0 1000 and ADC 9.163e-4 leave 400 at b = 1000 (science sheet 2.1)."""
    assert diffusion(1000.0, 1000.0, 9.163e-4) == pytest.approx(400.0, abs=0.05)


def test_rician_noise_has_the_rayleigh_mean_in_air_and_its_known_second_moment() -> None:
    sigma = 3.0
    air = rician(np.zeros(200_000), sigma, np.random.default_rng(1))
    assert air.mean() == pytest.approx(sigma * math.sqrt(math.pi / 2), rel=0.01)
    bright = rician(np.full(200_000, 12.0), sigma, np.random.default_rng(2))
    assert np.mean(bright.astype(float) ** 2) == pytest.approx(12.0**2 + 2 * sigma**2, rel=0.01)


def test_no_noise_changes_nothing() -> None:
    signal = np.linspace(0, 5, 10, dtype=np.float32)
    assert np.array_equal(rician(signal, 0.0, np.random.default_rng(0)), signal)


def test_negative_noise_is_refused() -> None:
    with pytest.raises(DomainError, match=">= 0") as caught:
        rician(np.ones(3), -1.0, np.random.default_rng(0))
    assert caught.value.code == "noise_negative"
