"""What is true about a rendered timepoint, on the head's grid and on any image's grid."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.anatomy import VirtualHead
from imaging.compute.phantoms.sampling import Grid, resample, voxel_means
from imaging.compute.phantoms.tissue import HEALTHY, VP_NAWM
from imaging.compute.phantoms.tumour import Lesion, TumourState
from imaging.compute.volume import Volume

FloatArray = npt.NDArray[np.floating[Any]]

NAWM_DISTANCE_MM = 10.0
NAWM_MIN_SHARE = 0.97


@dataclasses.dataclass(frozen=True)
class Truth:
    """Known truth of one timepoint in head space.

    Attributes
    ----------
    state : TumourState
    labels : Volume
        0 background, 1 necrosis, 2 oedema, 3 cavity, 4 enhancing.
    adc : Volume
        mm2/s inside the brain, 0 outside.
    rcbv : Volume
        vp / vp of normal-appearing white matter (1) inside the brain, 0 outside.
    brain, nawm : Volume
        Masks (uint8): the brain; pure white matter of the other hemisphere far from the lesion.
    head_to_scanner : dict
        For each kind of series, the rigid 4 x 4 transform from head to scanner millimetres (RAS+).
    seed : int
    """

    state: TumourState
    labels: Volume
    adc: Volume
    rcbv: Volume
    brain: Volume
    nawm: Volume
    head_to_scanner: dict[str, FloatArray]
    seed: int

    def volume_ml(self, label: int) -> float:
        """Return the volume of one label as placed, mL."""
        return float(np.count_nonzero(self.labels.array == label)) * self.labels.voxel_ml

    def sampled(self, name: str, like: Volume, *, as_kind: str | None = None) -> Volume:
        """Return one truth on the grid of an image: means over its voxels, or nearest labels and masks.

        Parameters
        ----------
        name : {"labels", "adc", "rcbv", "brain", "nawm"}
        like : Volume
            Gives the grid.
        as_kind : str, optional
            The series in whose head position to sample; default is the kind of `like`. Give it when an image was
            carried to the grid of another series.

        Raises
        ------
        DomainError
            `truth_unknown` for another name; `truth_position` when the head's position in the series is unknown.
        """
        truth = self._named(name)
        kind = like.kind if as_kind is None else as_kind
        if kind not in self.head_to_scanner:
            raise DomainError("truth_position", f"no head position is known for a series of kind {kind!r}")
        back = np.linalg.inv(self.head_to_scanner[kind])
        grid = Grid(like.shape3, like.affine)
        if name in ("adc", "rcbv"):
            samples = voxel_means(truth.array, _grid(truth), grid, back)
        else:
            samples = resample(truth.array, _grid(truth), grid, back, order=0)
        return Volume(samples, like.affine, truth.kind, truth.unit)

    def pure(self, like: Volume, *, margin_mm: float = 4.0) -> Volume:
        """Return the mask (uint8) of voxels of `like` well inside one tissue of brain or lesion."""
        within = self._interior(margin_mm)
        back = np.linalg.inv(self.head_to_scanner[like.kind])
        samples = resample(within, _grid(self.labels), Grid(like.shape3, like.affine), back, order=0)
        return Volume(samples, like.affine, "mask", "1")

    def _interior(self, margin_mm: float) -> npt.NDArray[np.uint8]:
        from scipy.ndimage import maximum_filter, minimum_filter

        width = 2 * round(margin_mm / self.labels.spacing_mm[0]) + 1
        spread = maximum_filter(self.adc.array, width) - minimum_filter(self.adc.array, width)
        return ((spread < 0.06 * self.adc.array) & (self.brain.array > 0)).astype(np.uint8)

    def _named(self, name: str) -> Volume:
        known = {
            "labels": self.labels,
            "adc": self.adc,
            "rcbv": self.rcbv,
            "brain": self.brain,
            "nawm": self.nawm,
        }
        if name not in known:
            raise DomainError("truth_unknown", f"truth has {sorted(known)}, asked for {name!r}")
        return known[name]


def _grid(volume: Volume) -> Grid:
    return Grid(volume.shape3, volume.affine)


def truth_of(head: VirtualHead, lesion: Lesion, positions: dict[str, FloatArray], seed: int) -> Truth:
    """Assemble the truth of a head with a lesion."""
    labels = np.zeros(head.grid.shape, dtype=np.uint8)
    labels[lesion.box] = lesion.labels
    affine = head.grid.affine
    return Truth(
        state=lesion.state,
        labels=Volume(labels, affine, "labels", "1"),
        adc=Volume(_adc(head, lesion), affine, "adc", "mm2/s"),
        rcbv=Volume(_rcbv(head, lesion), affine, "rcbv", "1"),
        brain=Volume(head.brain.astype(np.uint8), affine, "brain", "1"),
        nawm=Volume(_nawm(head, lesion, labels), affine, "nawm", "1"),
        head_to_scanner=positions,
        seed=seed,
    )


def _adc(head: VirtualHead, lesion: Lesion) -> npt.NDArray[np.float32]:
    healthy = np.asarray([tissue.adc for tissue in HEALTHY])
    parts = [lesion.adc(label) for label in range(1, 5)]
    return _mixed(head, lesion, healthy, parts)


def _rcbv(head: VirtualHead, lesion: Lesion) -> npt.NDArray[np.float32]:
    healthy = np.asarray([tissue.vp / VP_NAWM for tissue in HEALTHY])
    parts = [lesion.rcbv(label) for label in range(1, 5)]
    return _mixed(head, lesion, healthy, parts)


def _mixed(
    head: VirtualHead, lesion: Lesion, healthy: FloatArray, parts: list[FloatArray]
) -> npt.NDArray[np.float32]:
    """Average a quantity over the tissues of each voxel; zero outside the brain."""
    mixed = np.tensordot(healthy.astype(np.float32), head.fractions, axes=1)
    inner = sum(share * part for share, part in zip(lesion.shares, parts, strict=True))
    mixed[lesion.box] = mixed[lesion.box] * lesion.healthy_left + inner
    return np.asarray(np.where(head.brain, mixed, 0.0), dtype=np.float32)


def _nawm(head: VirtualHead, lesion: Lesion, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from scipy.ndimage import binary_dilation, distance_transform_edt

    side = float(np.sign(lesion.state.centre_mm[0])) or 1.0
    x = head.points_mm()[0]
    white = (head.share("white") > NAWM_MIN_SHARE) & (side * x < -5.0)
    near = np.zeros(labels.shape, dtype=bool)
    reach = round(NAWM_DISTANCE_MM / head.spacing_mm)
    near = binary_dilation(labels > 0, iterations=reach)
    deep = distance_transform_edt(white, sampling=head.spacing_mm) > 1.5
    return (white & deep & ~near).astype(np.uint8)
