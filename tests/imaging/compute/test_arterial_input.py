"""The arterial input among planted arteries, veins, saturated vessels and noise."""

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.perfusion import select_arterial_input

DT = 1.5
SIZE = 60
START = 14
SHAPE = (20, 20, 10)
SIGMA = 8.0
TE = 0.03
ARTERIES = (np.array([3, 3, 4, 4, 5, 5]), np.array([6, 7, 6, 7, 6, 7]), np.full(6, 5))
VEINS = (slice(15, 17), slice(8, 10), 5)
SATURATED = (3, slice(12, 15), 5)


def bolus(onset: float, decay: float, peak: float) -> np.ndarray:
    after = np.maximum(np.arange(SIZE) * DT - onset, 0.0)
    return peak * (after / (3 * decay)) ** 3 * np.exp(3 - after / decay)


def phantom(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """dR2* and the lowest signal: tissue peaks of 6 to 14 1/s, arteries of 60 and early, veins of 60 and late."""
    rng = np.random.default_rng(seed)
    relaxation = rng.uniform(6, 14, SHAPE)[..., None] * bolus(26.0, 2.2, 1.0)
    relaxation[ARTERIES] = bolus(22.5, 1.4, 60.0)
    relaxation[VEINS] = bolus(29.0, 2.4, 60.0)
    relaxation[SATURATED] = bolus(22.5, 1.4, 200.0)
    signal = np.hypot(
        800.0 * np.exp(-TE * relaxation) + rng.normal(0, SIGMA, (*SHAPE, SIZE)),
        rng.normal(0, SIGMA, (*SHAPE, SIZE)),
    )
    level = signal[..., :START].mean(axis=-1, keepdims=True)
    return -np.log(np.maximum(signal, 2 * SIGMA) / level) / TE, signal.min(axis=-1)


def select(relaxation, lowest, **more):
    arguments = {"mask": np.ones(SHAPE, bool), "lowest_signal": lowest, "sigma": SIGMA, **more}
    return select_arterial_input(relaxation, dt_s=DT, start=START, **arguments)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("voxels", [3, 5])
def test_planted_arteries_are_found(seed, voxels):
    found = select(*phantom(seed), voxels=voxels)
    planted = np.zeros(SHAPE, bool)
    planted[ARTERIES] = True
    assert found.mask.sum() == voxels
    assert (found.mask & ~planted).sum() == 0
    assert found.peak == pytest.approx(60.0, rel=0.1)
    assert found.n_saturated == 3
    truth = bolus(22.5, 1.4, 60.0)
    assert np.abs(found.curve - truth).max() < 6.0


def test_saturated_vessels_would_win_if_they_were_not_rejected():
    relaxation, _ = phantom()
    found = select_arterial_input(relaxation, dt_s=DT, start=START, mask=np.ones(SHAPE, bool))
    assert found.mask[SATURATED].any()


def test_scale_does_not_matter_and_the_mask_does():
    relaxation, lowest = phantom()
    one, other = select(relaxation, lowest), select(relaxation * 1e-3, lowest)
    assert np.array_equal(one.mask, other.mask)
    assert other.peak == pytest.approx(1e-3 * one.peak)
    tissue_only = np.ones(SHAPE, bool)
    tissue_only[ARTERIES] = False
    assert not select(relaxation, lowest, mask=tissue_only).mask[ARTERIES].any()


def test_noise_holds_no_artery():
    noise = np.random.default_rng(3).normal(0, 1, (*SHAPE, SIZE))
    with pytest.raises(DomainError) as refusal:
        select_arterial_input(noise, dt_s=DT, start=START, mask=np.ones(SHAPE, bool))
    assert refusal.value.code == "aif_none"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mask": np.zeros(SHAPE, bool)}, "aif_shape"),
        ({"mask": np.ones((2, 2), bool)}, "aif_shape"),
        ({"sigma": None}, "aif_shape"),
        ({"voxels": 1}, "aif_voxels"),
        ({"voxels": 50}, "aif_voxels"),
    ],
)
def test_bad_input_is_refused(change, code):
    with pytest.raises(DomainError) as refusal:
        select(*phantom(), **change)
    assert refusal.value.code == code
