"""Leakage-corrected CBV of a brain (142k voxels, 60 samples) against a plain vectorised peer and curve_fit.

Run: python -m benchmarks.bench_perfusion [--device cpu|cuda]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import curve_fit

from benchmarks.harness import interleave, report, timed
from imaging.compute.perfusion import leakage_corrected_cbv

GRID = (96, 96, 36)
BRAIN_VOXELS = 142_000
SAMPLES = 60
DT_S = 1.5
ECHO_TIME_S = 0.03
BASELINE = 15
CURVE_FIT_VOXELS = 300


def make_series() -> tuple[np.ndarray, np.ndarray]:
    """Float32 series of the one-way model with leakage of both signs in a part, and its brain mask."""
    rng = np.random.default_rng(20261122)
    time = np.maximum(np.arange(SAMPLES) - BASELINE, 0) * DT_S
    reference = 3.0 * time**3 * np.exp(-time / 1.5)
    integral = np.concatenate([[0.0], np.cumsum(0.5 * DT_S * (reference[1:] + reference[:-1]))])
    brain = np.zeros(GRID, bool)
    brain.ravel()[rng.permutation(brain.size)[:BRAIN_VOXELS]] = True
    k1 = rng.uniform(0.5, 1.5, GRID)
    k2 = np.where(rng.random(GRID) < 0.05, rng.choice([-0.02, 0.02], GRID), 0.0)
    relaxation = k1[..., None] * reference - k2[..., None] * integral
    signal = 1000.0 * np.exp(-ECHO_TIME_S * relaxation) + rng.normal(0, 10.0, (*GRID, SAMPLES))
    return np.maximum(signal, 1.0).astype(np.float32), brain


def near(signal: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """A careful author: whole-array numpy, reference by the rule of the last ten samples, one least squares."""
    voxels = signal[brain]
    before = voxels[:, :BASELINE]
    level = before.mean(axis=1, keepdims=True)
    relaxation = np.log(np.maximum(voxels, 1e-3) / level) * np.float32(-1.0 / ECHO_TIME_S)
    quiet = np.abs(relaxation[:, -10:].mean(axis=1)) <= relaxation[:, :BASELINE].std(axis=1)
    reference = relaxation[quiet].mean(axis=0)
    integral = np.concatenate([[0.0], np.cumsum(0.5 * DT_S * (reference[1:] + reference[:-1]))])
    design = np.stack([reference, -integral], axis=1)[BASELINE:].astype(np.float32)
    rates = relaxation[:, BASELINE:] @ np.linalg.pinv(design).T
    uncorrected = np.trapezoid(relaxation[:, BASELINE:], dx=DT_S, axis=1)
    area = np.trapezoid(integral[BASELINE:], dx=DT_S)
    return np.stack([uncorrected, uncorrected + rates[:, 1] * area, *rates.T], axis=1)


def floor(signal: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """The least that any method needs: one logarithm per sample."""
    return np.log(signal[brain])


def slow_curve_fit(signal: np.ndarray, brain: np.ndarray) -> list[tuple[float, ...]]:
    """The same four numbers voxel by voxel, K1 and K2 with scipy's curve_fit."""
    voxels = signal[brain][:CURVE_FIT_VOXELS].astype(float)
    reference = np.mean([dr2star(row) for row in voxels], axis=0)
    integral = np.concatenate([[0.0], np.cumsum(0.5 * DT_S * (reference[1:] + reference[:-1]))])
    area = np.trapezoid(integral[BASELINE:], dx=DT_S)
    time = np.arange(SAMPLES) * DT_S

    def model(_: np.ndarray, k1: float, k2: float) -> np.ndarray:
        return k1 * reference - k2 * integral

    results = []
    for row in voxels:
        relaxation = dr2star(row)
        k1, k2 = curve_fit(model, time, relaxation, p0=(1.0, 0.0))[0]
        uncorrected = np.trapezoid(relaxation[BASELINE:], dx=DT_S)
        results.append((uncorrected, uncorrected + k2 * area, k1, k2))
    return results


def dr2star(row: np.ndarray) -> np.ndarray:
    """dR2* of one voxel, 1/s."""
    return -np.log(row / row[:BASELINE].mean()) / ECHO_TIME_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    signal, brain = make_series()

    def ours(method: str) -> object:
        return leakage_corrected_cbv(
            signal,
            echo_time_s=ECHO_TIME_S,
            repetition_time_s=DT_S,
            brain_mask=brain,
            method=method,
            device=device,
        )

    seconds = interleave(
        {
            "near": lambda: near(signal, brain),
            "floor_one_log": lambda: floor(signal, brain),
            "gliomon_bsw": lambda: ours("bsw"),
            "gliomon_bidirectional": lambda: ours("bidirectional"),
        }
    )
    seconds["curve_fit"] = timed(lambda: slow_curve_fit(signal, brain)) * BRAIN_VOXELS / CURVE_FIT_VOXELS
    ratios = {
        "bsw_over_near": seconds["gliomon_bsw"] / seconds["near"],
        "bidirectional_over_near": seconds["gliomon_bidirectional"] / seconds["near"],
        "floor_over_near": seconds["floor_one_log"] / seconds["near"],
        "curve_fit_over_bsw": seconds["curve_fit"] / seconds["gliomon_bsw"],
    }
    report(
        "perfusion",
        seconds,
        ratios,
        voxels=BRAIN_VOXELS,
        samples=SAMPLES,
        device=device,
        goal="bsw_over_near <= 3, curve_fit_over_bsw >= 300",
        note=f"curve_fit is timed on {CURVE_FIT_VOXELS} voxels and scaled",
    )


if __name__ == "__main__":
    main()
