"""dR2* of two echoes: free of T1 in closed form, and on measured curves of a leaking tumour."""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from gliomon.common.errors import DomainError
from imaging.compute.leakage import LeakageModel, bsw_projection, trapezoid_weights
from imaging.compute.perfusion import dual_echo_relaxation

ECHOES = (0.002, 0.03)
BASELINE = (2, 20)


def echoes(relaxation: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return tuple(900.0 * gain * np.exp(-te * (20.0 + relaxation)) for te in ECHOES)


def test_t1_shortening_cancels_exactly():
    rng = np.random.default_rng(1)
    relaxation = np.where(np.arange(60) >= 20, rng.uniform(0, 25, (4, 3, 60)), 0.0)
    gain = np.where(np.arange(60) >= 20, rng.uniform(1.0, 1.8, (4, 3, 60)), 1.0)
    first, second = echoes(relaxation, gain)
    found = dual_echo_relaxation(first, second, echo_times_s=ECHOES, baseline=BASELINE)
    np.testing.assert_allclose(found, relaxation, atol=1e-9)
    scaled = dual_echo_relaxation(first * 3.0, second * 0.1, echo_times_s=ECHOES, baseline=BASELINE)
    np.testing.assert_allclose(scaled, relaxation, atol=1e-9)


def test_noise_floor_and_voxels_without_signal():
    relaxation = np.where(np.arange(60) == 30, 1e4, 0.0)
    first, second = echoes(relaxation, np.ones(60))
    found = dual_echo_relaxation(first, second, echo_times_s=ECHOES, baseline=BASELINE, sigma=(5.0, 5.0))
    assert np.isfinite(found).all()
    rows = np.stack([first, 0 * first, np.where(np.arange(60) == 4, np.nan, first)])
    found = dual_echo_relaxation(rows, rows, echo_times_s=ECHOES, baseline=BASELINE)
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"echo_times_s": (2.0, 30.0)}, "dual_echo_timing"),
        ({"echo_times_s": (0.03, 0.002)}, "dual_echo_timing"),
        ({"baseline": (5, 6)}, "dual_echo_shape"),
        ({"baseline": (5, 99)}, "dual_echo_shape"),
        ({"second": np.ones(30)}, "dual_echo_shape"),
    ],
)
def test_bad_input_is_refused(change, code):
    arguments = {"first": np.ones(60), "second": np.ones(60), "echo_times_s": ECHOES, "baseline": BASELINE}
    arguments.update(change)
    with pytest.raises(DomainError) as refusal:
        dual_echo_relaxation(arguments.pop("first"), arguments.pop("second"), **arguments)
    assert refusal.value.code == code


def leakage(reference: np.ndarray, tumour: np.ndarray, dt_s: float, start: int) -> np.ndarray:
    """[CBV uncorrected, CBV, K1, K2] of the tumour by the one-way model."""
    reference = np.where(np.arange(reference.size) < start, 0.0, reference)
    window = trapezoid_weights(reference.size, start, reference.size - 1, dt_s)
    return tumour @ bsw_projection(LeakageModel(reference, dt_s, start, window))


def test_two_echoes_take_the_t1_effect_off_a_real_tumour():
    if "GLIOMON_REAL_DATA" not in os.environ:
        pytest.skip("GLIOMON_REAL_DATA is not set: the measured dual-echo curves are not here")
    path = Path(os.environ["GLIOMON_REAL_DATA"]) / "dsc_curves" / "barrow_dual_echo_roi_curves.mat"
    measured = scipy.io.loadmat(path)
    times = measured["TE1"].item(), measured["TE2"].item()
    dt_s, start = measured["TR"].item(), 40
    healthy, tumour = (measured[name].astype(float) for name in ("NAWM_SIt", "tumor_SIt"))
    dual = [dual_echo_relaxation(*s, echo_times_s=times, baseline=(5, start)) for s in (healthy, tumour)]
    single = [-np.log(s[1] / s[1, 5:start].mean()) / times[1] for s in (healthy, tumour)]
    # T1 leakage drives the single echo's dR2* below zero for good, several times deeper than its bolus is high
    assert single[1][-20:].mean() < -3.0 * single[1].max()
    # the two echoes keep a positive bolus of several 1/s, with a tail below its peak
    assert dual[1].max() > 5.0 * single[1].max()
    assert 0 < dual[1][-20:].mean() < 0.6 * dual[1].max()
    uncorrected, _, _, k2_single = leakage(single[0], single[1], dt_s, start)
    dual_uncorrected, _, k1_dual, k2_dual = leakage(dual[0], dual[1], dt_s, start)
    assert uncorrected < 0 < dual_uncorrected
    # what two echoes leave is leakage of the T2* kind: the sign of K2 turns, its size does not grow
    assert k2_single > 0.03
    assert -k2_single < k2_dual < 0
    assert k1_dual > 0.5
    # healthy white matter does not leak: both ways agree there
    ratio = dual[0][start:].sum() / single[0][start:].sum()
    assert ratio == pytest.approx(1.0, abs=0.15)
