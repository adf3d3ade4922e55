"""One sequence of the virtual scanner: tissue shares in, noise-free signal out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.compute.phantoms.anatomy import VirtualHead
from imaging.compute.phantoms.bolus import Bolus, Exchange, dsc_signal
from imaging.compute.phantoms.profiles import Acquisition
from imaging.compute.phantoms.sampling import acquire, finer_slices, merge_slices, resample
from imaging.compute.phantoms.signal import (
    diffusion,
    inversion_recovery,
    shortened_t1,
    spin_echo,
    spoiled_gradient_echo,
)
from imaging.compute.phantoms.tissue import HEALTHY, LESION, VP_NAWM, Tissue
from imaging.compute.phantoms.tumour import ENHANCING, NECROSIS, Lesion

FloatArray = npt.NDArray[np.floating[Any]]

EPI_FAT_LEFT = 0.05
"""Share of the fat signal that spectral saturation leaves in echo-planar images."""

NECROSIS_LEAKAGE = 0.1
"""Ktrans of necrosis as a share of that of enhancing tissue (engineering choice)."""


def tissue_signal(tissue: Tissue, acquisition: Acquisition, *, gd_mm: FloatArray | float = 0.0) -> Any:
    """Return the signal of pure tissue (relative to relaxed water) without diffusion weighting or bolus.

    `gd_mm` is gadolinium in mM (float or array), which shortens T1 in the post-contrast sequence.
    """
    tr, te = acquisition.tr_ms / 1000.0, acquisition.te_ms / 1000.0
    pd = tissue.pd * (EPI_FAT_LEFT if tissue.fat and acquisition.kind in ("dwi", "dsc") else 1.0)
    if acquisition.kind in ("t1", "t1ce", "dsc"):
        t1 = shortened_t1(tissue.t1_s, gd_mm)
        return spoiled_gradient_echo(
            pd=pd, t1_s=t1, t2star_s=tissue.t2star_s, tr_s=tr, te_s=te, flip_deg=acquisition.flip_deg
        )
    if tissue.flow_void:
        pd *= 0.1
    if acquisition.ti_ms is not None:
        ti = acquisition.ti_ms / 1000.0
        return inversion_recovery(pd=pd, t1_s=tissue.t1_s, t2_s=tissue.t2_s, tr_s=tr, te_s=te, ti_s=ti)
    return spin_echo(pd=pd, t1_s=tissue.t1_s, t2_s=tissue.t2_s, tr_s=tr, te_s=te)


@dataclasses.dataclass(frozen=True)
class Scan:
    """One sequence applied to one head with its lesion.

    Attributes
    ----------
    to_head : ndarray, shape (4, 4)
        Scanner to head millimetres.
    """

    head: VirtualHead
    lesion: Lesion
    acquisition: Acquisition
    to_head: FloatArray
    bolus: Bolus

    def signal(self) -> npt.NDArray[np.float32]:
        """Return the noise-free signal on the acquisition's grid, 3-D, or 4-D for diffusion and DSC."""
        if self.acquisition.kind == "dsc":
            return self._dynamic()
        if self.acquisition.kind == "dwi":
            return self._diffusion()
        gd = self.acquisition.kind == "t1ce"
        healthy = np.asarray(
            [tissue_signal(t, self.acquisition, gd_mm=t.gd_mm if gd else 0.0) for t in HEALTHY]
        )
        inner = [
            tissue_signal(t, self.acquisition, gd_mm=self._gadolinium(label) if gd else 0.0)
            for label, t in enumerate(LESION, start=1)
        ]
        return self._acquired(self._mixed(healthy, inner))

    def _gadolinium(self, label: int) -> FloatArray:
        return self.lesion.state.gadolinium_of(label) * self.lesion.vascular_texture

    def _mixed(self, healthy: FloatArray, inner: list[Any]) -> npt.NDArray[np.float32]:
        """Add the signals of the tissues of each voxel of the head's grid by their shares."""
        mixed = np.tensordot(healthy.astype(np.float32), self.head.fractions, axes=1)
        box = self.lesion.box
        own = sum(share * value for share, value in zip(self.lesion.shares, inner, strict=True))
        mixed[box] = mixed[box] * self.lesion.healthy_left + own
        return np.asarray(mixed * self.head.texture, dtype=np.float32)

    def _acquired(self, samples: FloatArray) -> npt.NDArray[np.float32]:
        acquisition = self.acquisition
        return np.asarray(
            acquire(samples, self.head.grid, acquisition.grid, self.to_head, acquisition.parts),
            dtype=np.float32,
        )

    def _diffusion(self) -> npt.NDArray[np.float32]:
        images: dict[float, npt.NDArray[np.float32]] = {}
        for b in sorted(set(self.acquisition.b_values)):
            healthy = [diffusion(tissue_signal(t, self.acquisition), b, t.adc) for t in HEALTHY]
            inner = [
                diffusion(tissue_signal(t, self.acquisition), b, self.lesion.adc(label))
                for label, t in enumerate(LESION, start=1)
            ]
            images[b] = self._acquired(self._mixed(np.asarray(healthy), inner))
        return np.stack([images[b] for b in self.acquisition.b_values], axis=-1)

    def _dynamic(self) -> npt.NDArray[np.float32]:
        """Mix the curves of the tissues on thin slices of the DSC grid, then average to full slices."""
        shares, vascular, texture = self._thin_shares()
        curves = np.stack([self._healthy_curve(tissue) for tissue in HEALTHY])
        signal = shares[: len(HEALTHY)].T @ curves.astype(np.float32)
        for label in range(1, len(LESION) + 1):
            share = shares[len(HEALTHY) + label - 1]
            inside = np.flatnonzero(share > 1e-4)
            signal[inside] += share[inside, None] * self._lesion_curves(label, vascular[inside])
        signal *= texture[:, None]
        nx, ny, nz = self.acquisition.shape
        thin = signal.reshape(nx, ny, nz * self.acquisition.parts, -1)
        return np.asarray(merge_slices(thin, self.acquisition.parts), dtype=np.float32)

    def _thin_shares(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Shares of all tissues (healthy, then lesion), vascular texture and signal texture per thin voxel."""
        shape = self.head.grid.shape
        left, vascular = np.ones(shape, np.float32), np.ones(shape, np.float32)
        left[self.lesion.box] = self.lesion.healthy_left
        vascular[self.lesion.box] = self.lesion.vascular_texture
        rows = [self._thin(share * left) for share in self.head.fractions]
        for share in self.lesion.shares:
            full = np.zeros(shape, np.float32)
            full[self.lesion.box] = share
            rows.append(self._thin(full))
        return np.stack(rows), self._thin(vascular), self._thin(self.head.texture)

    def _thin(self, samples: FloatArray) -> FloatArray:
        target = finer_slices(self.acquisition.grid, self.acquisition.parts)
        return resample(samples, self.head.grid, target, self.to_head).ravel()

    def _healthy_curve(self, tissue: Tissue) -> FloatArray:
        still = np.zeros(1)
        exchange = Exchange(vp=np.asarray([tissue.vp]), ktrans=still, kep=0.0)
        return self._curves(tissue, exchange)[0] * (EPI_FAT_LEFT if tissue.fat else 1.0)

    def _lesion_curves(self, label: int, vascular: FloatArray) -> FloatArray:
        state = self.lesion.state
        leaky = {ENHANCING: 1.0, NECROSIS: NECROSIS_LEAKAGE}.get(label, 0.0)
        exchange = Exchange(
            vp=VP_NAWM * state.rcbv_of(label) * vascular,
            ktrans=state.ktrans_per_min / 60.0 * leaky * vascular,
            kep=state.kep_per_min / 60.0,
            leakage=state.leakage,
        )
        return self._curves(LESION[label - 1], exchange)

    def _curves(self, tissue: Tissue, exchange: Exchange) -> FloatArray:
        acquisition = self.acquisition
        return dsc_signal(
            np.asarray(acquisition.times_s),
            exchange,
            self.bolus,
            pd=tissue.pd,
            t1_s=tissue.t1_s,
            t2star_s=tissue.t2star_s,
            tr_s=acquisition.tr_ms / 1000.0,
            te_s=acquisition.te_ms / 1000.0,
            flip_deg=acquisition.flip_deg,
        )
