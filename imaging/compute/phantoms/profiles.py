"""Scan protocols of the virtual scanner: a full one for the demo, a small one for quick tests."""

from __future__ import annotations

import dataclasses

from imaging.compute.phantoms.bolus import Bolus
from imaging.compute.phantoms.sampling import Grid, axial_grid

FIELD_CENTRE_MM = (0.0, -12.0, 10.0)
"""Centre of every field of view in scanner space, RAS mm."""


@dataclasses.dataclass(frozen=True)
class Acquisition:
    """One sequence: geometry (mm), timing (ms), flip angle (degrees) and noise.

    Attributes
    ----------
    spacing_mm, shape
        Column spacing, row spacing, slice distance in mm; columns, rows, slices.
    parts : int
        Thin slices averaged into one, for the partial volume effect.
    snr : float
        Signal of white matter over the noise SD per channel (b = 0 for diffusion, baseline for DSC).
    n_times : int
        Samples of a dynamic series.
    b_values : tuple of float
        s/mm2, one per diffusion image.
    """

    kind: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    tr_ms: float
    te_ms: float
    flip_deg: float
    snr: float
    ti_ms: float | None = None
    parts: int = 1
    tilt_deg: float = 0.0
    n_times: int = 0
    b_values: tuple[float, ...] = ()

    @property
    def grid(self) -> Grid:
        """Voxel grid in scanner space."""
        return axial_grid(self.shape, self.spacing_mm, FIELD_CENTRE_MM, self.tilt_deg)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Sample times of a dynamic series, s."""
        return tuple(index * self.tr_ms / 1000.0 for index in range(self.n_times))


@dataclasses.dataclass(frozen=True)
class Profile:
    """A protocol: the head's own grid spacing (mm), the sequences in the order scanned, and the bolus."""

    name: str
    head_spacing_mm: float
    acquisitions: tuple[Acquisition, ...]
    bolus: Bolus

    def of(self, kind: str) -> Acquisition:
        """Return the acquisition of one kind."""
        return next(each for each in self.acquisitions if each.kind == kind)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the sequences in the order scanned."""
        return tuple(each.kind for each in self.acquisitions)


# Full bolus without preload at a flip angle of 30 degrees: Boxerman et al., Neuro Oncol 2020, doi:10.1093/neuonc/noaa141.
_DSC_FLIP_DEG = 30.0
_B_VALUES = (0.0, 1000.0, 1000.0, 1000.0)

FULL = Profile(
    name="full",
    head_spacing_mm=1.5,
    acquisitions=(
        Acquisition("t1", (1.5, 1.5, 2.0), (128, 160, 90), 8.0, 3.0, 20.0, 90.0),
        Acquisition("flair", (1.5, 1.5, 4.0), (128, 160, 44), 9000.0, 120.0, 90.0, 50.0, 2500.0, 2, -6.0),
        Acquisition("t2", (1.5, 1.5, 4.0), (128, 160, 44), 5000.0, 100.0, 90.0, 60.0, None, 2, -6.0),
        Acquisition(
            "dwi", (2.5, 2.5, 4.0), (80, 96, 42), 5000.0, 75.0, 90.0, 40.0, None, 2, -6.0, b_values=_B_VALUES
        ),
        Acquisition(
            "dsc", (3.0, 3.0, 5.0), (66, 80, 30), 1500.0, 30.0, _DSC_FLIP_DEG, 70.0, None, 2, -6.0, n_times=60
        ),
        Acquisition("t1ce", (1.5, 1.5, 2.0), (128, 160, 90), 8.0, 3.0, 20.0, 90.0),
    ),
    bolus=Bolus(arrival_s=27.0),
)

SMALL = Profile(
    name="small",
    head_spacing_mm=2.5,
    acquisitions=(
        Acquisition("t1", (2.5, 2.5, 4.0), (80, 96, 44), 8.0, 3.0, 20.0, 90.0),
        Acquisition("flair", (3.0, 3.0, 6.0), (64, 80, 28), 9000.0, 120.0, 90.0, 50.0, 2500.0, 2, -6.0),
        Acquisition("t2", (3.0, 3.0, 6.0), (64, 80, 28), 5000.0, 100.0, 90.0, 60.0, None, 2, -6.0),
        Acquisition(
            "dwi", (3.5, 3.5, 6.0), (56, 70, 26), 5000.0, 75.0, 90.0, 40.0, None, 2, -6.0, b_values=_B_VALUES
        ),
        Acquisition(
            "dsc", (4.5, 4.5, 8.0), (44, 54, 18), 1500.0, 30.0, _DSC_FLIP_DEG, 70.0, None, 2, -6.0, n_times=50
        ),
        Acquisition("t1ce", (2.5, 2.5, 4.0), (80, 96, 44), 8.0, 3.0, 20.0, 90.0),
    ),
    bolus=Bolus(arrival_s=21.0),
)
