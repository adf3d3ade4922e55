"""From dynamic signal to dR2*: baseline, noise floor and the few numbers per voxel that judge its bolus."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.bolus import Bolus, find_bolus, first_pass_end
from imaging.compute.device import resolve_device
from imaging.compute.leakage import trapezoid_weights

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

ECHO_TIME_RANGE_S = (1e-3, 0.2)  # s; outside, milliseconds were passed
SAMPLE_INTERVAL_RANGE_S = (0.3, 3.0)  # s; a bolus cannot be followed with longer gaps
CLIP_SIGMA = 2.0  # signals below 2 sigma carry noise only
CLIP_FLOOR = 1e-4  # of the median baseline; keeps the logarithm finite in noiseless data
WEAK_BASELINE = 0.10  # of the brain's median baseline signal; below lie air, bone and signal loss
WEAK_DROP_SD = 3.0  # a peak below 3 baseline SD is no bolus
TAIL_SAMPLES = 10  # last samples, where leakage shows best
MIN_TAIL = 3
_SAMPLE_VOXELS = 10_000  # an even sample of the brain gives its mean curve to 0.02 % at SNR 50
_BLOCK_CPU = 4096  # voxels; a block of 60 to 120 samples stays in the cache
_BLOCK_CUDA = 1 << 18


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Timing and noise that every voxel shares."""

    echo_time_s: float
    dt_s: float
    bolus: Bolus
    mean_curve: FloatArray
    sigma: float
    median_baseline: float
    first_pass_end: int
    place: torch.device

    @property
    def size(self) -> int:
        return int(self.mean_curve.size)

    @property
    def start(self) -> int:
        return self.bolus.baseline_stop

    @property
    def tail(self) -> slice:
        return slice(
            max(self.size - TAIL_SAMPLES, min(self.first_pass_end + 1, self.size - MIN_TAIL)), self.size
        )

    @property
    def step(self) -> int:
        return _BLOCK_CUDA if self.place.type == "cuda" else _BLOCK_CPU


@dataclasses.dataclass(frozen=True)
class Relaxation:
    """dR2* of all brain voxels and what was read off it on the way."""

    y: torch.Tensor  # (voxels, nt), 1/s
    baseline: FloatArray
    tail: FloatArray  # mean dR2* at the end, 1/s
    area: FloatArray  # first-pass area, no unit
    reliable: BoolArray


def check_timing(echo_time_s: float, repetition_time_s: float) -> None:
    for name, value, (low, high) in (
        ("echo time", echo_time_s, ECHO_TIME_RANGE_S),
        ("time between samples", repetition_time_s, SAMPLE_INTERVAL_RANGE_S),
    ):
        if not low <= value <= high:
            raise DomainError("dsc_timing", f"the {name} must be {low} to {high} s, got {value:g}")


def read_protocol(
    samples: npt.NDArray[Any],
    index: npt.NDArray[np.intp],
    echo_time_s: float,
    dt_s: float,
    discard: int,
    baseline: int | tuple[int, int] | slice | None,
    device: str,
) -> Protocol:
    """Bolus timing and noise from an even sample of the brain."""
    part = samples[index[:: -(-index.size // _SAMPLE_VOXELS)]].astype(np.float64)
    part = part[np.isfinite(part).all(axis=1)]
    if len(part) == 0:
        raise DomainError("dsc_shape", "no voxel of the brain has a finite signal over the whole series")
    curve = part.mean(axis=0)
    bolus = find_bolus(curve, discard=discard, baseline=baseline)
    before = part[:, bolus.steady_from : bolus.baseline_stop]
    return Protocol(
        echo_time_s=echo_time_s,
        dt_s=dt_s,
        bolus=bolus,
        mean_curve=curve,
        sigma=float(np.median(before.std(axis=1, ddof=1))),
        median_baseline=float(np.median(before.mean(axis=1))),
        first_pass_end=first_pass_end(curve, bolus, dt_s),
        place=resolve_device(device),
    )


def relaxation_of(samples: npt.NDArray[Any], index: npt.NDArray[np.intp], protocol: Protocol) -> Relaxation:
    """dR2* of every brain voxel, block after block, with the few numbers that choose the reference."""
    import torch

    y = torch.empty((index.size, protocol.size), dtype=torch.float32, device=protocol.place)
    weights = _summary_weights(protocol)
    summary = torch.empty((index.size, 4), dtype=torch.float32, device=protocol.place)
    for start in range(0, index.size, protocol.step):
        rows = slice(start, min(start + protocol.step, index.size))
        raw = samples.take(index[rows], axis=0).astype(np.float32, copy=False)
        _relax_block(torch.from_numpy(raw).to(protocol.place), y[rows], summary[rows], weights, protocol)
    baseline, tail, area, reliable = summary.cpu().numpy().T
    return Relaxation(y, baseline, tail, area, reliable > 0)


def _summary_weights(protocol: Protocol) -> torch.Tensor:
    """(nt, 2): mean over the tail, trapezoid area of the first pass."""
    import torch

    tail = np.zeros(protocol.size)
    tail[protocol.tail] = 1.0 / (protocol.tail.stop - protocol.tail.start)
    area = trapezoid_weights(protocol.size, protocol.start, protocol.first_pass_end, protocol.dt_s)
    return torch.tensor(np.stack([tail, area], axis=1), dtype=torch.float32, device=protocol.place)


def _relax_block(
    raw: torch.Tensor, y: torch.Tensor, summary: torch.Tensor, weights: torch.Tensor, protocol: Protocol
) -> None:
    """Fill dR2* and [baseline, tail, area, reliable] of one block in place."""
    import torch

    before = slice(protocol.bolus.steady_from, protocol.bolus.baseline_stop)
    floor = max(CLIP_SIGMA * protocol.sigma, CLIP_FLOOR * protocol.median_baseline)
    level = raw[:, before].mean(dim=1)
    usable = torch.isfinite(raw.sum(dim=1)) & (level > 0)
    if not bool(usable.all()):
        raw = torch.where(usable[:, None], raw, torch.ones_like(raw))
        level = torch.where(usable, level, torch.zeros_like(level))
    divisor = level.clamp(min=floor)
    torch.clamp(raw, min=floor, out=y)
    y.div_(divisor[:, None]).log_().mul_(-1.0 / protocol.echo_time_s)
    if not bool(usable.all()):
        y[~usable] = 0.0
    strong = level >= WEAK_BASELINE * protocol.median_baseline
    # dR2* of the baseline has mean zero, so its norm is its SD (several times faster than torch.std).
    spread = torch.linalg.vector_norm(y[:, before], dim=1) / (protocol.bolus.baseline_points - 1) ** 0.5
    peak = y[:, protocol.start :].amax(dim=1)
    summary[:, 0] = level
    summary[:, 1:3] = y @ weights
    summary[:, 3] = usable & strong & (peak >= WEAK_DROP_SD * spread)
