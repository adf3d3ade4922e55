"""The tumour of one visit: its state as plain numbers, and its place in the head."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.anatomy import VirtualHead
from imaging.compute.phantoms.sampling import smooth_noise
from imaging.compute.phantoms.tissue import LESION

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

NECROSIS, OEDEMA, CAVITY, ENHANCING = 1, 2, 3, 4
"""Label values, equal to those of imaging.compute.segmentation.labels."""

ADC_TEXTURE_SD = 0.1e-3
"""SD of ADC within one lesion tissue, mm2/s (engineering choice)."""

VASCULAR_TEXTURE_SD = 0.2
"""SD of ln(vp), ln(Ktrans) and ln(gadolinium) within enhancing tumour (engineering choice)."""

REACH_MM = 62.0
"""Half width of the box round the tumour in which its parts may lie."""

MIDLINE_PENALTY_MM = 25.0
"""Extra path for oedema on the other side of the falx."""


@dataclasses.dataclass(frozen=True)
class TumourState:
    """What the tumour is on one day.

    Attributes
    ----------
    centre_mm : tuple of float
        Head coordinates (RAS mm) of the tumour's or, after surgery, the cavity's centre.
    enhancing_ml, oedema_ml, cavity_ml : float
        Volumes in mL; 0 where there is none.
    necrosis_share : float
        Necrotic part of the core (necrosis plus enhancing), 0 to 0.9.
    adc_enhancing, adc_oedema, adc_necrosis, adc_cavity : float
        Mean ADC per tissue, mm2/s.
    rcbv_enhancing, rcbv_oedema, rcbv_necrosis : float
        Mean plasma volume fraction relative to normal-appearing white matter (nrCBV, 1).
    ktrans_per_min, kep_per_min : float
        Leakage of enhancing tissue, 1/min; ve = ktrans / kep.
    gadolinium_mm : float
        Mean concentration in enhancing tissue in the post-contrast T1, mM.
    leakage : {"t1", "t2star"}
        Which effect of leaked contrast wins in DSC.
    shape : tuple of float
        Relative half axes of the core's ellipsoid.
    roughness : float
        Relative amplitude of the surface noise (1).
    nodule : float
        Thickening of the enhancing margin of a cavity on one side, 0 (even) to 1.
    texture_seed : int
        Draws shape and texture; the same seed keeps them over time.
    """

    centre_mm: tuple[float, float, float]
    enhancing_ml: float
    oedema_ml: float
    necrosis_share: float = 0.3
    cavity_ml: float = 0.0
    adc_enhancing: float = 1.10e-3
    adc_oedema: float = 1.50e-3
    adc_necrosis: float = 2.30e-3
    adc_cavity: float = 2.90e-3
    rcbv_enhancing: float = 2.8
    rcbv_oedema: float = 0.7
    rcbv_necrosis: float = 0.2
    ktrans_per_min: float = 0.10
    kep_per_min: float = 0.35
    gadolinium_mm: float = 0.32
    leakage: Literal["t1", "t2star"] = "t1"
    shape: tuple[float, float, float] = (1.0, 1.15, 0.95)
    roughness: float = 0.16
    nodule: float = 0.5
    texture_seed: int = 0

    def __post_init__(self) -> None:
        volumes = (self.enhancing_ml, self.oedema_ml, self.cavity_ml)
        if min(volumes) < 0 or not np.isfinite(volumes).all():
            raise DomainError("tumour_volume", f"tumour volumes are >= 0 mL, got {volumes}")
        if not 0.0 <= self.necrosis_share <= 0.9:
            raise DomainError(
                "necrosis_share", f"necrosis is 0 to 0.9 of the core, got {self.necrosis_share}"
            )
        if self.leakage not in ("t1", "t2star"):
            raise DomainError("leakage", f"leakage is 't1' or 't2star', got {self.leakage!r}")

    @property
    def necrosis_ml(self) -> float:
        """Volume of necrosis, mL."""
        return self.enhancing_ml * self.necrosis_share / (1.0 - self.necrosis_share)

    def volume_ml(self, label: int) -> float:
        """Return the intended volume of one label, mL."""
        return {
            NECROSIS: self.necrosis_ml,
            OEDEMA: self.oedema_ml,
            CAVITY: self.cavity_ml,
            ENHANCING: self.enhancing_ml,
        }[label]

    def adc_of(self, label: int) -> float:
        """Return the mean ADC of one label, mm2/s."""
        return (self.adc_necrosis, self.adc_oedema, self.adc_cavity, self.adc_enhancing)[label - 1]

    def rcbv_of(self, label: int) -> float:
        """Return the mean nrCBV of one label (1)."""
        return (self.rcbv_necrosis, self.rcbv_oedema, 0.0, self.rcbv_enhancing)[label - 1]

    def gadolinium_of(self, label: int) -> float:
        """Return the mean gadolinium concentration of one label in the post-contrast T1, mM."""
        return (0.04 * (self.gadolinium_mm > 0), 0.02, 0.0, self.gadolinium_mm)[label - 1]


@dataclasses.dataclass(frozen=True)
class Lesion:
    """A tumour placed in a head.

    Attributes
    ----------
    box : tuple of slice
        Where in the head's grid the arrays below lie.
    labels : ndarray, shape of the box, uint8
        Label values 0 to 4.
    shares : ndarray, shape (4, *box), float32
        Share of each lesion tissue (label value minus 1) in each voxel, soft at the edges.
    diffusion_texture, vascular_texture : ndarray, shape of the box
        Added to ADC (mm2/s, mean 0) and multiplied with vp, Ktrans and gadolinium (mean 1).
    """

    state: TumourState
    box: tuple[slice, slice, slice]
    labels: npt.NDArray[np.uint8]
    shares: npt.NDArray[np.float32]
    diffusion_texture: npt.NDArray[np.float32]
    vascular_texture: npt.NDArray[np.float32]

    @property
    def healthy_left(self) -> npt.NDArray[np.float32]:
        """Share of healthy tissue that is left in each voxel of the box."""
        return 1.0 - self.shares.sum(axis=0)

    def adc(self, label: int) -> FloatArray:
        """Return the ADC of one lesion tissue over the box, mm2/s."""
        texture = 0.0 if label == CAVITY else self.diffusion_texture
        return np.clip(self.state.adc_of(label) + texture * np.ones(self.labels.shape), 0.3e-3, 3.2e-3)

    def rcbv(self, label: int) -> FloatArray:
        """Return vp relative to white matter of one lesion tissue over the box (1)."""
        return self.state.rcbv_of(label) * self.vascular_texture


def place_tumour(head: VirtualHead, state: TumourState) -> Lesion:
    """Grow the tumour of `state` in `head`.

    The core is the set of brain voxels nearest to the centre in the distance field of a noise-perturbed
    ellipsoid; its volume, and those of cavity, necrosis and oedema, are met to one voxel. Oedema spreads outwards
    along white matter.

    Raises
    ------
    DomainError
        `tumour_outside` when the centre is not in the brain; `tumour_too_large` when the parts do not fit.
    """
    box = _box(head, state)
    rng = np.random.default_rng([state.texture_seed, 4711])
    field = _Field.of(head, state, box, rng)
    labels = np.zeros(field.distance.shape, dtype=np.uint8)
    _fill(labels, field.distance, field.solid, CAVITY, state.cavity_ml, field.voxel_ml)
    core_ml = state.enhancing_ml + state.necrosis_ml
    margin = field.margin(labels == CAVITY, state)
    _fill(labels, margin, field.solid, ENHANCING, core_ml, field.voxel_ml)
    _hollow(labels, state, field, rng)
    _fill(labels, field.oedema_path(labels), field.tissue, OEDEMA, state.oedema_ml, field.voxel_ml)
    return Lesion(
        state=state,
        box=box,
        labels=labels,
        shares=_soft_shares(labels),
        diffusion_texture=_diffusion_texture(field.grain(rng, 4.0), labels),
        vascular_texture=_vascular_texture(field.grain(rng, 12.0), labels),
    )


def _box(head: VirtualHead, state: TumourState) -> tuple[slice, slice, slice]:
    index = (np.asarray(state.centre_mm) - head.grid.affine[:3, 3]) / head.spacing_mm
    nearest = tuple(int(value) for value in np.rint(index))
    inside = all(0 <= at < size for at, size in zip(nearest, head.grid.shape, strict=True))
    if not inside or not head.brain[nearest]:
        raise DomainError("tumour_outside", f"the tumour's centre {state.centre_mm} is not inside the brain")
    reach = round(REACH_MM / head.spacing_mm)
    cuts = [
        slice(max(0, at - reach), min(size, at + reach + 1))
        for at, size in zip(nearest, head.grid.shape, strict=True)
    ]
    return cuts[0], cuts[1], cuts[2]


@dataclasses.dataclass(frozen=True)
class _Field:
    """Distances and tissue round the tumour, all over the box."""

    points: FloatArray
    distance: FloatArray
    solid: BoolArray
    tissue: BoolArray
    white: FloatArray
    centre: FloatArray
    spacing: float

    @property
    def voxel_ml(self) -> float:
        return self.spacing**3 / 1000.0

    @staticmethod
    def of(
        head: VirtualHead, state: TumourState, box: tuple[slice, slice, slice], rng: np.random.Generator
    ) -> _Field:
        points = head.points_mm()[(slice(None), *box)]
        centre = np.asarray(state.centre_mm, dtype=np.float32)
        tissue = head.share("white")[box] + head.share("grey")[box]
        offset = [(points[axis] - centre[axis]) / state.shape[axis] for axis in range(3)]
        radius = np.sqrt(offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2)
        noise = smooth_noise(radius.shape, 13.0 / head.spacing_mm, rng)
        return _Field(
            points=points,
            distance=radius * np.exp(state.roughness * np.clip(noise, -2.5, 2.5)),
            solid=head.brain[box] & (tissue > 0.3),
            tissue=head.brain[box] & (tissue > 0.6),
            white=head.share("white")[box],
            centre=centre,
            spacing=head.spacing_mm,
        )

    def grain(self, rng: np.random.Generator, width_mm: float) -> npt.NDArray[np.float32]:
        return smooth_noise(self.distance.shape, max(width_mm / self.spacing, 1.0), rng)

    def margin(self, cavity: BoolArray, state: TumourState) -> FloatArray:
        """Order in which voxels become core: from the centre, or from the cavity's wall, one side first."""
        if not cavity.any():
            return self.distance
        wall = self._outside(cavity)
        radius = (3.0 * state.cavity_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
        turn = np.random.default_rng([state.texture_seed, 77]).standard_normal(3)
        inward = turn - np.asarray([np.sign(self.centre[0]) * 1.5, 0.0, 0.0])
        pole = self.centre + radius * inward / np.linalg.norm(inward)
        away = np.sqrt(sum((self.points[axis] - pole[axis]) ** 2 for axis in range(3)))
        return wall + 0.7 * state.nodule * away + 0.1 * self.distance

    def oedema_path(self, labels: npt.NDArray[np.uint8]) -> FloatArray:
        """Effective path length from the lesion's surface: short through white matter, long through grey."""
        from scipy.ndimage import gaussian_filter

        body = labels > 0
        if not body.any():
            body = self.distance == self.distance.min()
        easy = gaussian_filter(self.white, 2.5 / self.spacing)
        across = (np.sign(self.points[0]) != np.sign(self.centre[0])) & (np.abs(self.centre[0]) > 8.0)
        speed = np.clip(easy, 0.0, 1.0) ** 1.5 * np.where(self.white > 0.4, 1.0, 0.45)
        return self._outside(body) / (0.15 + 0.85 * speed) + MIDLINE_PENALTY_MM * across

    def _outside(self, mask: BoolArray) -> FloatArray:
        from scipy.ndimage import distance_transform_edt

        return np.asarray(distance_transform_edt(~mask, sampling=self.spacing), dtype=np.float32)


def _fill(
    labels: npt.NDArray[np.uint8],
    order: FloatArray,
    allowed: BoolArray,
    value: int,
    volume_ml: float,
    voxel_ml: float,
) -> None:
    """Give `value` to the first free allowed voxels in `order` until the volume is reached."""
    count = round(volume_ml / voxel_ml)
    if count == 0:
        return
    free = np.flatnonzero((labels == 0) & allowed)
    if count > free.size:
        raise DomainError(
            "tumour_too_large", f"{volume_ml:.0f} mL of label {value} do not fit into this head"
        )
    nearest = np.argpartition(order.ravel()[free], count - 1)[:count]
    labels.ravel()[free[nearest]] = value


def _hollow(
    labels: npt.NDArray[np.uint8], state: TumourState, field: _Field, rng: np.random.Generator
) -> None:
    """Turn the deepest part of the core into necrosis."""
    from scipy.ndimage import distance_transform_edt

    core = labels == ENHANCING
    count = round(state.necrosis_ml / field.voxel_ml)
    if count == 0 or not core.any():
        return
    depth = distance_transform_edt(core, sampling=field.spacing)
    depth = depth * np.exp(0.25 * field.grain(rng, 8.0))
    inside = np.flatnonzero(core)
    deepest = np.argpartition(-depth.ravel()[inside], min(count, inside.size - 1) - 1)[:count]
    labels.ravel()[inside[deepest]] = NECROSIS


def _soft_shares(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    hard = [(labels == value).astype(np.float32) for value in range(1, len(LESION) + 1)]
    widths = (0.5, 0.9, 0.5, 0.5)
    soft = np.stack([gaussian_filter(mask, width) for mask, width in zip(hard, widths, strict=True)])
    return soft / np.maximum(soft.sum(axis=0), 1.0)


def _diffusion_texture(
    noise: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Variation of ADC, mm2/s, whose mean over the enhancing tissue is 0."""
    texture = np.float32(ADC_TEXTURE_SD) * noise
    return texture - _mean_within(texture, labels, 0.0)


def _vascular_texture(
    noise: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Log-normal factor whose mean over the enhancing tissue is 1."""
    texture = np.exp(np.float32(VASCULAR_TEXTURE_SD) * noise)
    return texture / _mean_within(texture, labels, 1.0)


def _mean_within(
    texture: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], otherwise: float
) -> np.float32:
    inside = labels == ENHANCING
    return np.float32(texture[inside].mean() if inside.any() else otherwise)
