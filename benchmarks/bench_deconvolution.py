"""Deconvolution of 30k voxels x 161 samples against a plain vectorised block-circulant SVD.

Run: python -m benchmarks.bench_deconvolution [--device cpu|cuda]
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.harness import interleave, report
from imaging.compute.perfusion import deconvolve

VOXELS = 30_000
SAMPLES = 161
DT_S = 1.243
THRESHOLD = 0.10


def make_curves() -> tuple[np.ndarray, np.ndarray]:
    """Float32 tissue curves of CBV 2 to 5 and transit times of 4 to 24 s, and their artery."""
    rng = np.random.default_rng(20261122)
    time = np.arange(SAMPLES) * DT_S
    after = np.maximum(time - 20.0, 0.0)
    artery = after**3 * np.exp(-after / 1.5)
    transit = rng.uniform(4.0, 24.0, (VOXELS, 1))
    residue = np.exp(-time / transit) * rng.uniform(0.02, 0.05, (VOXELS, 1)) / transit
    size = 2 * SAMPLES
    tissue = DT_S * np.fft.irfft(np.fft.rfft(artery, size) * np.fft.rfft(residue, size), size)[:, :SAMPLES]
    tissue += rng.normal(0, 0.0017, tissue.shape)
    return tissue.astype(np.float32), artery + rng.normal(0, 0.022, SAMPLES)


def near(tissue: np.ndarray, artery: np.ndarray) -> np.ndarray:
    """A careful author: one decomposition, one matrix product for all voxels, the maximum."""
    padded = np.concatenate([artery, np.zeros(SAMPLES)])
    index = (np.arange(2 * SAMPLES)[:, None] - np.arange(2 * SAMPLES)[None, :]) % (2 * SAMPLES)
    left, values, right = np.linalg.svd(DT_S * padded[index])
    inverse = (right.T * np.where(values >= THRESHOLD * values[0], 1 / values, 0.0)) @ left.T
    residue = np.concatenate([tissue, np.zeros_like(tissue)], axis=1) @ inverse.T.astype(np.float32)
    flow = residue.max(axis=1)
    volume = np.trapezoid(tissue, dx=DT_S, axis=1) / np.trapezoid(artery, dx=DT_S)
    return np.stack([flow, volume, volume / flow], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    tissue, artery = make_curves()

    def ours(method: str) -> object:
        return deconvolve(tissue, artery, dt_s=DT_S, method=method, device=device)

    seconds = interleave(
        {
            "near": lambda: near(tissue, artery),
            "gliomon_csvd": lambda: ours("csvd"),
            "gliomon_osvd": lambda: ours("osvd"),
            "gliomon_ssvd": lambda: ours("ssvd"),
        },
        rounds=5,
    )
    ratios = {f"{m}_over_near": seconds[f"gliomon_{m}"] / seconds["near"] for m in ("csvd", "osvd", "ssvd")}
    report(
        "deconvolution",
        seconds,
        ratios,
        voxels=VOXELS,
        samples=SAMPLES,
        device=device,
        voxels_per_second={name: round(VOXELS / value) for name, value in seconds.items()},
        goal="csvd_over_near <= 2",
    )


if __name__ == "__main__":
    main()
