"""ADC of a whole brain (456k voxels, 14 volumes) against a plain vectorised fit and scipy's curve_fit.

Run: python -m benchmarks.bench_adc [--device cpu|cuda]
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy.optimize import curve_fit

from benchmarks.harness import interleave, report, timed
from imaging.compute.adc import fit_adc

VOXELS = 456_000
B_VALUES = np.array([0, 0, 50, 50, 200, 200, 400, 600, 600, 800, 800, 1000, 1000, 1000], dtype=float)
CURVE_FIT_VOXELS = 400


def make_signals() -> np.ndarray:
    """Rician brain-like signals, float32, b last."""
    rng = np.random.default_rng(20261122)
    adc = rng.uniform(0.6e-3, 3.0e-3, (VOXELS, 1))
    clean = 1000.0 * np.exp(-adc * B_VALUES)
    noise = rng.normal(0.0, 20.0, (2, VOXELS, B_VALUES.size))
    return np.sqrt((clean + noise[0]) ** 2 + noise[1] ** 2).astype(np.float32)


def near_wls(signals: np.ndarray) -> np.ndarray:
    """A careful author: logs, S^2 weights, one reweight, normal equations, the whole array at once."""
    s = torch.from_numpy(signals)
    b = torch.from_numpy(B_VALUES).float() * 1e-3
    y = torch.log(s)
    w = s * s
    for _ in range(2):
        s0, s1, s2 = w.sum(1), (w * b).sum(1), (w * b * b).sum(1)
        t0, t1 = (w * y).sum(1), (w * y * b).sum(1)
        det = s0 * s2 - s1 * s1
        slope, offset = (s0 * t1 - s1 * t0) / det, (s2 * t0 - s1 * t1) / det
        w = torch.exp(2 * (offset[:, None] + slope[:, None] * b))
    return (-1e-3 * slope).numpy()


def near_ols(signals: np.ndarray) -> np.ndarray:
    """One log and one matrix product."""
    design = np.stack([np.ones_like(B_VALUES), -B_VALUES], axis=1)
    slope_row = torch.from_numpy(np.linalg.pinv(design)[1]).float()
    return (torch.log(torch.from_numpy(signals)) @ slope_row).numpy()


def slow_curve_fit(signals: np.ndarray) -> list[float]:
    """A per-voxel nonlinear fit."""

    def decay(b: np.ndarray, s0: float, adc: float) -> np.ndarray:
        return s0 * np.exp(-b * adc)

    return [curve_fit(decay, B_VALUES, row, p0=(row[0], 1e-3))[0][1] for row in signals[:CURVE_FIT_VOXELS]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    signals = make_signals()
    seconds = interleave(
        {
            "near_wls": lambda: near_wls(signals),
            "near_ols": lambda: near_ols(signals),
            "gliomon_wls": lambda: fit_adc(signals, B_VALUES, device=device),
            "gliomon_wls_censored": lambda: fit_adc(signals, B_VALUES, sigma=20.0, device=device),
            "gliomon_ols": lambda: fit_adc(signals, B_VALUES, method="ols", device=device),
        }
    )
    seconds["curve_fit"] = timed(lambda: slow_curve_fit(signals)) * VOXELS / CURVE_FIT_VOXELS
    ratios = {
        "wls_over_near": seconds["gliomon_wls"] / seconds["near_wls"],
        "wls_censored_over_near": seconds["gliomon_wls_censored"] / seconds["near_wls"],
        "ols_over_near": seconds["gliomon_ols"] / seconds["near_ols"],
        "curve_fit_over_wls": seconds["curve_fit"] / seconds["gliomon_wls"],
    }
    report(
        "adc",
        seconds,
        ratios,
        voxels=VOXELS,
        volumes=B_VALUES.size,
        device=device,
        goal="wls_over_near <= 2",
        note=f"curve_fit is timed on {CURVE_FIT_VOXELS} voxels and scaled",
    )


if __name__ == "__main__":
    main()
