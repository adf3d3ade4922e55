"""Functional diffusion map: in which voxels the ADC rose or fell between two visits, and how much tissue that is."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.volume import Volume, same_grid

MOFFAT_THRESHOLD = 0.55e-3
"""mm2/s; change that counts as rise or fall (Moffat et al. 2005, PNAS 102:5524,
https://doi.org/10.1073/pnas.0501532102)."""
ELLINGSON_THRESHOLD = 0.40e-3
"""mm2/s; the more sensitive option (Ellingson et al. 2010, Journal of Magnetic Resonance Imaging 31:538,
https://doi.org/10.1002/jmri.22068)."""
_ROUNDING = 1e-9  # mm2/s; a change of exactly the threshold is no rise, whatever single precision makes of it


class Change(enum.IntEnum):
    """Values of the class map."""

    NOT_COMPARED = 0
    FALL = 1
    SAME = 2
    RISE = 3


@dataclasses.dataclass(frozen=True)
class DiffusionMap:
    """Functional diffusion map.

    Attributes
    ----------
    classes : Volume
        uint8 values of `Change` on the grid of both maps, kind "fdm", unit "1"; 0 outside the region and where either
        map has no value.
    threshold : float
        mm2/s.
    volume_ml : dict of Change to float
        Tissue that fell, stayed and rose, mL. What fell is suspected of a rise in cell density.
    share : dict of Change to float
        The same as shares of the compared voxels; they sum to 1.
    mean_change : float
        Mean of later minus earlier over the compared voxels, mm2/s.
    n_voxels : int
        Compared voxels.
    nan_share : float
        Share of the region's voxels in which either map has no value, 0 to 1.
    """

    classes: Volume
    threshold: float
    volume_ml: dict[Change, float]
    share: dict[Change, float]
    mean_change: float
    n_voxels: int
    nan_share: float


def functional_diffusion_map(
    earlier: Volume,
    later: Volume,
    region: Volume,
    *,
    threshold: float = MOFFAT_THRESHOLD,
    residual_mm: float | None = None,
) -> DiffusionMap:
    """Classify each voxel of a region by its change in ADC: above +T rise, below -T fall, else same.

    Parameters
    ----------
    earlier, later : Volume
        ADC in mm2/s on one grid (the later map brought to the earlier one by rigid alignment), NaN where not measured.
        Both must rest on the same b-values: b = 0 adds blood volume to the change.
    region : Volume
        Mask on the same grid, for example the enhancing lesion of the earlier visit.
    threshold : float
        mm2/s, above 0.
    residual_mm : float, optional
        Residual of the alignment. More than one voxel is refused: it would show edges as change.

    Returns
    -------
    DiffusionMap

    Raises
    ------
    DomainError
        `fdm_grid`, `fdm_unit`, `fdm_threshold`, `fdm_residual`, `fdm_empty` (no voxel can be compared).

    References
    ----------
    Moffat BA et al. PNAS 2005;102:5524-5529, doi 10.1073/pnas.0501532102.
    """
    _check(earlier, later, region, threshold, residual_mm)
    inside = np.asarray(region.array > 0)
    change = later.array.astype(np.float64) - earlier.array.astype(np.float64)
    compared = inside & np.isfinite(change)
    if not compared.any():
        raise DomainError("fdm_empty", "no voxel of the region has an ADC in both visits")
    classes = _classes(change, compared, threshold)
    counts = {kind: int((classes == kind).sum()) for kind in (Change.FALL, Change.SAME, Change.RISE)}
    total = int(compared.sum())
    return DiffusionMap(
        classes=earlier.with_array(classes, kind="fdm", unit="1"),
        threshold=threshold,
        volume_ml={kind: count * earlier.voxel_ml for kind, count in counts.items()},
        share={kind: count / total for kind, count in counts.items()},
        mean_change=float(change[compared].mean()),
        n_voxels=total,
        nan_share=1.0 - total / int(inside.sum()),
    )


def _check(
    earlier: Volume, later: Volume, region: Volume, threshold: float, residual_mm: float | None
) -> None:
    for name, volume in (("earlier map", earlier), ("later map", later), ("region", region)):
        if volume.array.ndim != 3 or not same_grid(volume, earlier):
            raise DomainError("fdm_grid", f"the {name} {volume.array.shape} is not on the earlier map's grid")
    for name, volume in (("earlier", earlier), ("later", later)):
        if volume.unit != "mm2/s":
            raise DomainError("fdm_unit", f"the {name} map came in {volume.unit!r}, wanted 'mm2/s'")
    if not (np.isfinite(threshold) and threshold > 0):
        raise DomainError("fdm_threshold", f"the threshold must be above 0 mm2/s, got {threshold}")
    widest = max(earlier.spacing_mm)
    if residual_mm is not None and not residual_mm <= widest:
        text = f"the alignment's residual of {residual_mm:.2f} mm exceeds one voxel ({widest:.2f} mm)"
        raise DomainError("fdm_residual", text)


def _classes(
    change: npt.NDArray[np.float64], compared: npt.NDArray[np.bool_], threshold: float
) -> npt.NDArray[np.uint8]:
    beyond = threshold + _ROUNDING
    classes = np.zeros(change.shape, dtype=np.uint8)
    classes[compared] = Change.SAME
    classes[compared & (change > beyond)] = Change.RISE
    classes[compared & (change < -beyond)] = Change.FALL
    return classes
