"""The residue function's peak, and what truncated deconvolution takes from it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.floating[Any]]

HALF = 0.5  # the breadth is the area above half of the peak
MAX_GAIN = 2.0  # a peak is never raised further: what truncation took away entirely cannot be told
MIN_GAIN = 0.7  # ringing lifts the peak of a flat residue function, by less than this
RECOVERED_SHARE = 0.9  # of the loss; all of it would carry more noise than bias into short transit times
_SHORTEST_SAMPLES = 0.7  # transit time in samples below which peak and breadth hold no information
_LONGEST_SHARE = 0.4  # of twice the series' length
_TIMES = 60


@dataclasses.dataclass(frozen=True)
class ResidueTable:
    """How an inverse shows two extreme residue functions, by transit time.

    Exponential washout (one mixed compartment) and a box (plug flow) bracket vascular beds. For each, the peak that
    remains per blood volume and the area above half of the peak are tabulated against the true flow per volume.

    Attributes
    ----------
    rate : ndarray, shape (n,)
        True flow per volume, 1 / MTT, 1/s, rising.
    seen : ndarray, shape (2, n)
        Peak per volume after truncation, 1/s; exponential and box.
    breadth : ndarray, shape (2, n)
        Area above half of the peak over the peak, s.
    """

    rate: FloatArray
    seen: FloatArray
    breadth: FloatArray

    def recover(self, peak: FloatArray, breadth: FloatArray, volume: FloatArray) -> FloatArray:
        """True peak of residue times flow, from what was seen.

        Both extremes are solved for the flow that shows this peak per volume; the measured breadth says how near
        the curve is to each. 90 % of the loss is given back, gains stay within 0.7 and 2, and curves without volume
        keep their peak.

        Parameters
        ----------
        peak : ndarray, shape (voxels,)
            Peak after truncation, 1/s.
        breadth : ndarray, shape (voxels,)
            Area above half of the peak over the peak, s.
        volume : ndarray, shape (voxels,)
            Area of tissue over area of the artery, in the same unit as peak times s.
        """
        usable = (volume > 0) & (peak > 0)
        per_volume = np.where(usable, peak, 0.0) / np.where(usable, volume, 1.0)
        mixed, plug = (np.interp(per_volume, seen, self.rate) for seen in self.seen)
        at_mixed = np.interp(mixed, self.rate, self.breadth[0])
        at_plug = np.interp(plug, self.rate, self.breadth[1])
        span = np.maximum(at_plug - at_mixed, 1e-9)
        share = np.clip((breadth - at_mixed) / span, 0.0, 1.0)
        found = np.where(usable, volume, 1.0) * (mixed + share * (plug - mixed))
        inside = usable & (per_volume >= self.seen[0, 0])
        shrunk = peak + RECOVERED_SHARE * (found - peak)
        return np.where(inside, np.clip(shrunk, MIN_GAIN * peak, MAX_GAIN * peak), peak)


def residue_table(aif: FloatArray, inverse: FloatArray, dt_s: float) -> ResidueTable:
    """Send tissue curves of known transit time through an inverse.

    Parameters
    ----------
    aif : ndarray, shape (nt,)
    inverse : ndarray, shape (nt, lags)
        Tissue @ inverse is the residue function times flow, 1/s.
    dt_s : float
        s.
    """
    import torch

    length_s = 2 * aif.size * dt_s
    times = np.geomspace(_LONGEST_SHARE * length_s, _SHORTEST_SAMPLES * dt_s, _TIMES)
    omega = 2 * np.pi * np.fft.rfftfreq(2 * aif.size, dt_s)[None, :]
    mixed = 1.0 / (1.0 / times[:, None] + 1j * omega)
    plug = (
        times[:, None]
        * np.sinc(omega * times[:, None] / (2 * np.pi))
        * np.exp(-0.5j * omega * times[:, None])
    )
    seen, breadth = [], []
    for shape in (mixed, plug):
        curves = np.fft.irfft(np.fft.rfft(aif, 2 * aif.size) * shape, 2 * aif.size, axis=1)[:, : aif.size]
        peak, width = peak_and_breadth(torch.from_numpy(curves @ inverse))
        seen.append(np.maximum.accumulate(peak.numpy() / times))
        breadth.append(width.numpy() * dt_s)
    return ResidueTable(1.0 / times, np.stack(seen), np.stack(breadth))


def peak_and_breadth(residue: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Peak, refined by a parabola through three samples, and area above half of it over it, in samples.

    Parameters
    ----------
    residue : tensor, shape (voxels, lags)
        Lags are taken as a circle.
    """
    import torch

    top, at = residue.max(dim=1)
    size = residue.shape[1]
    before = residue.gather(1, ((at - 1) % size)[:, None])[:, 0]
    after = residue.gather(1, ((at + 1) % size)[:, None])[:, 0]
    bend = (2 * top - before - after).clamp(min=1e-30)
    peak = top + torch.where(top > 0, (after - before) ** 2 / (8 * bend), torch.zeros_like(top))
    scale = peak.clamp(min=1e-30)
    breadth = (residue - (HALF * scale)[:, None]).clamp_(min=0.0).sum(dim=1) / scale
    return peak, breadth
