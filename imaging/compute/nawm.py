"""Contralateral normal-appearing white matter, and the normalisation of blood volume by it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

MIN_VOXELS = 30
VESSEL_FACTOR = 5.0  # times the region's median blood volume
TRIM = (10.0, 90.0)  # percentiles kept
LESION_BORDER_VOXELS = 1
SURFACE_MM = 6.0  # from the edge of the brain: cortex, pial vessels and partial volume
MIDLINE_MM = 8.0  # from the midsagittal plane: falx, ventricles, basal ganglia's medial part
BELOW_CENTRE_MM = 10.0  # under the brain's centre of mass lie skull base, brainstem and cerebellum
VESSEL_CLASS_SD = 2.5  # brighter than white matter by more: vessels after contrast
ADC_WHITE = (0.6e-3, 1.0e-3)  # mm2/s; normal-appearing white matter
BILATERAL_SHARE = 0.25  # of the lesion on its minor side
CLASSES = 3  # fluid, grey, white
# Place of white matter among the three classes in order of brightness, by weighting.
WHITE_CLASS = {"t1": 2, "t1ce": 2, "t2": 0}
_PLANE_SAMPLE = 6000
_MAX_TILT_RAD = 0.35  # 20 degrees of head tilt
_MAX_SHIFT_MM = 10.0


@dataclasses.dataclass(frozen=True)
class NawmRegion:
    """Normal-appearing white matter.

    Attributes
    ----------
    mask : ndarray of bool, shape of the grid
    side : str
        Patient's side of the region: "left", "right" or "both" (no lesion).
    n_voxels : int
    plane_normal, plane_point : ndarray, shape (3,)
        Midsagittal plane, RAS+ mm; the unit normal points to the patient's right.
    flags : tuple of str
        "no_lesion", "bilateral_lesion", "thin" (less than 30 voxels after erosion, taken without it).
    """

    mask: BoolArray
    side: str
    n_voxels: int
    plane_normal: FloatArray
    plane_point: FloatArray
    flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class NormalisedCbv:
    """Blood volume over its mean in normal-appearing white matter.

    Attributes
    ----------
    cbv : ndarray
        nrCBV, unit 1; NaN where the input was.
    nawm_mean : float
        The divisor, in the unit of the input.
    n_voxels : int
        Voxels behind the divisor.
    nawm_cv : float
        SD over mean of these voxels.
    """

    cbv: FloatArray
    nawm_mean: float
    n_voxels: int
    nawm_cv: float


def normalise_cbv(
    cbv: FloatArray, nawm_mask: BoolArray, *, reliable: BoolArray | None = None
) -> NormalisedCbv:
    """Divide a blood volume map by its mean in normal-appearing white matter.

    Vessels (more than 5 times the region's median) are left out, then everything outside its 10th to 90th
    percentile, so that a stray vessel or a dark voxel does not move the scale.

    Parameters
    ----------
    cbv : ndarray
        Relative CBV, any unit; uncorrected and corrected maps each have their own divisor.
    nawm_mask : ndarray of bool, same shape
    reliable : ndarray of bool, same shape, optional
        Voxels whose bolus was good enough (`PerfusionMaps.reliable`).

    Raises
    ------
    DomainError
        `nawm_shape`, `nawm_too_small` (fewer than 30 usable voxels), `nawm_not_positive`.
    """
    if cbv.shape != nawm_mask.shape:
        raise DomainError("nawm_shape", f"the mask {nawm_mask.shape} does not fit the map {cbv.shape}")
    usable = nawm_mask & np.isfinite(cbv)
    if reliable is not None:
        usable &= reliable
    values = cbv[usable].astype(np.float64)
    _need_voxels(values.size)
    values = values[values <= VESSEL_FACTOR * max(float(np.median(values)), 0.0)]
    if values.size == 0:
        raise DomainError("nawm_not_positive", "blood volume in normal white matter is not positive")
    _need_voxels(values.size)
    low, high = np.percentile(values, TRIM)
    values = values[(values >= low) & (values <= high)]
    mean = float(values.mean())
    if mean <= 0:
        raise DomainError(
            "nawm_not_positive", f"blood volume in normal white matter is {mean:.3g}, not positive"
        )
    return NormalisedCbv((cbv / mean).astype(cbv.dtype), mean, int(values.size), float(values.std() / mean))


def _need_voxels(found: int) -> None:
    if found < MIN_VOXELS:
        text = f"{found} voxels of contralateral white matter, at least {MIN_VOXELS} are needed"
        raise DomainError("nawm_too_small", text)


def nawm_contralateral(
    brain_mask: BoolArray,
    lesion_mask: BoolArray,
    structural: npt.NDArray[Any],
    affine: FloatArray,
    *,
    weighting: str = "t1ce",
    adc: FloatArray | None = None,
) -> NawmRegion:
    """Find normal-appearing white matter in the hemisphere opposite to the lesion.

    White matter is the matching one of three intensity classes (k-means on the brain without the lesion),
    away from the brain's surface and base, the midsagittal plane and the lesion with its border; one voxel is
    eroded. T1 is preferred: on T2 the darkest class holds deep grey matter too. The midsagittal plane starts
    at the brain's centre along the affine's left-right axis and is refined by mirror symmetry of the
    intensities.

    Parameters
    ----------
    brain_mask, lesion_mask : ndarray of bool, shape (nx, ny, nz)
        The lesion is everything abnormal on FLAIR, cavity included.
    structural : ndarray, shape (nx, ny, nz)
        Image on the same grid.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS+ mm.
    weighting : {"t1", "t1ce", "t2"}
        White matter is the brightest class of T1 and the darkest of T2.
    adc : ndarray, shape (nx, ny, nz), optional
        mm2/s; where finite, voxels must lie in 0.6e-3 to 1.0e-3.

    Raises
    ------
    DomainError
        `nawm_shape`, `nawm_weighting`, `nawm_too_small` (fewer than 30 voxels).
    """
    _check_nawm_inputs(brain_mask, lesion_mask, structural, affine, weighting, adc)
    box = ndimage.find_objects(brain_mask.astype(np.uint8))[0]
    brain, lesion = brain_mask[box], lesion_mask[box] & brain_mask[box]
    image = structural[box].astype(np.float64)
    local = _affine_of_box(affine, box)
    normal, point = midsagittal_plane(brain, image, local, lesion)
    side_mm = _signed_distance(brain.shape, local, normal, point)
    side, flags = _opposite_side(side_mm, lesion)
    tissue = brain & ~ndimage.binary_dilation(lesion, iterations=LESION_BORDER_VOXELS)
    white = _white_class(image, tissue, weighting)
    if adc is not None:
        diffusion = adc[box]
        white &= ~np.isfinite(diffusion) | ((diffusion >= ADC_WHITE[0]) & (diffusion <= ADC_WHITE[1]))
    region, thin = _core(white & _deep(brain, local) & tissue & _on_side(side_mm, side), white)
    mask = np.zeros(brain_mask.shape, bool)
    mask[box] = region
    return NawmRegion(mask, side, int(region.sum()), normal, point, (*flags, *(("thin",) if thin else ())))


def _check_nawm_inputs(
    brain: BoolArray,
    lesion: BoolArray,
    structural: npt.NDArray[Any],
    affine: FloatArray,
    weighting: str,
    adc: FloatArray | None,
) -> None:
    shapes = {a.shape for a in (brain, lesion, structural, adc) if a is not None}
    if len(shapes) != 1 or brain.ndim != 3 or affine.shape != (4, 4):
        raise DomainError("nawm_shape", f"masks and images must share one 3-D grid, got {sorted(shapes)}")
    if weighting not in WHITE_CLASS:
        known = ", ".join(WHITE_CLASS)
        raise DomainError("nawm_weighting", f"weighting must be one of {known}, got {weighting!r}")
    if not brain.any():
        raise DomainError("nawm_too_small", "the brain mask is empty")


def _affine_of_box(affine: FloatArray, box: tuple[slice, ...]) -> FloatArray:
    local = np.asarray(affine, dtype=float).copy()
    local[:3, 3] += local[:3, :3] @ np.array([s.start for s in box], dtype=float)
    return local


def midsagittal_plane(
    brain: BoolArray, image: FloatArray, affine: FloatArray, lesion: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Midsagittal plane as (unit normal to the patient's right, point), RAS+ mm.

    Starts at the brain's centre of mass with the left-right axis of the affine and maximises the correlation of
    intensities with their mirror images over two tilts and a shift (at most 20 degrees, 10 mm); the lesion
    does not take part.
    """
    points = np.argwhere(brain & ~lesion)
    points = points[:: -(-len(points) // _PLANE_SAMPLE)].astype(float)
    centre = affine[:3, :3] @ np.argwhere(brain).mean(axis=0) + affine[:3, 3]
    filled = ndimage.gaussian_filter(np.where(brain, image, 0.0), 2.0 / _spacing(affine))
    here = ndimage.map_coordinates(filled, points.T, order=1)
    world = points @ affine[:3, :3].T + affine[:3, 3]
    inverse = np.linalg.inv(affine)

    def asymmetry(parameters: FloatArray) -> float:
        normal, shift = _plane(parameters)
        mirrored = world - 2.0 * ((world - centre) @ normal - shift)[:, None] * normal
        there = ndimage.map_coordinates(filled, inverse[:3, :3] @ mirrored.T + inverse[:3, 3:], order=1)
        return 1.0 - _correlation(here, there)

    simplex = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 4.0]], dtype=float)
    options = {"initial_simplex": simplex, "maxfev": 150, "xatol": 0.01, "fatol": 1e-5}
    found = optimize.minimize(asymmetry, np.zeros(3), method="Nelder-Mead", options=options)
    normal, shift = _plane(found.x)
    return normal, centre + shift * normal


def _plane(parameters: FloatArray) -> tuple[FloatArray, float]:
    """Unit normal and shift in mm from (yaw, roll, shift), held within what a head can do."""
    yaw, roll = np.clip(parameters[:2], -_MAX_TILT_RAD, _MAX_TILT_RAD)
    normal = np.array([1.0, np.tan(yaw), np.tan(roll)])
    return normal / np.linalg.norm(normal), float(np.clip(parameters[2], -_MAX_SHIFT_MM, _MAX_SHIFT_MM))


def _correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def _spacing(affine: FloatArray) -> FloatArray:
    lengths: FloatArray = np.linalg.norm(affine[:3, :3], axis=0)
    return lengths


def _signed_distance(
    shape: tuple[int, ...], affine: FloatArray, normal: FloatArray, point: FloatArray
) -> FloatArray:
    """Millimetres to the patient's right of the plane, for every voxel."""
    slopes = normal @ affine[:3, :3]
    offset = float(normal @ (affine[:3, 3] - point))
    i, j, k = (np.arange(n, dtype=np.float32) for n in shape)
    distance: FloatArray = slopes[0] * i[:, None, None] + slopes[1] * j[:, None] + slopes[2] * k + offset
    return distance


def _opposite_side(side_mm: FloatArray, lesion: BoolArray) -> tuple[str, list[str]]:
    if not lesion.any():
        return "both", ["no_lesion"]
    right = float((side_mm[lesion] > 0).mean())
    flags = ["bilateral_lesion"] if min(right, 1.0 - right) > BILATERAL_SHARE else []
    return ("left" if right >= 0.5 else "right"), flags


def _on_side(side_mm: FloatArray, side: str) -> BoolArray:
    if side == "both":
        return np.abs(side_mm) >= MIDLINE_MM
    return side_mm >= MIDLINE_MM if side == "right" else side_mm <= -MIDLINE_MM


def _white_class(image: FloatArray, tissue: BoolArray, weighting: str) -> BoolArray:
    """Voxels of the white matter class; brighter outliers (vessels after contrast) do not belong to it."""
    values = image[tissue]
    if values.size == 0:
        return np.zeros(image.shape, bool)
    centres = _three_classes(values)
    edges = 0.5 * (centres[1:] + centres[:-1])
    chosen = WHITE_CLASS[weighting]
    low = edges[chosen - 1] if chosen else -np.inf
    high = edges[chosen] if chosen < CLASSES - 1 else np.inf
    members = values[(values > low) & (values <= high)]
    if members.size == 0:
        return np.zeros(image.shape, bool)
    middle = float(np.median(members))
    spread = 1.4826 * float(np.median(np.abs(members - middle)))
    reach = max(VESSEL_CLASS_SD * spread, 0.05 * abs(middle))
    white: BoolArray = tissue & (image > low) & (image <= high) & (np.abs(image - middle) <= reach)
    return white


def _three_classes(values: FloatArray) -> FloatArray:
    """Rising centres of a one-dimensional k-means on a histogram between the 1st and 99th percentile."""
    low, high = np.percentile(values, (1.0, 99.0))
    counts, edges = np.histogram(values, bins=256, range=(low, max(high, low + 1e-9)))
    bins = 0.5 * (edges[1:] + edges[:-1])
    centres = low + (high - low) * np.array([0.2, 0.5, 0.8])
    for _ in range(100):
        nearest = np.abs(bins[:, None] - centres).argmin(axis=1)
        weight = np.bincount(nearest, counts, CLASSES)
        sums = np.bincount(nearest, counts * bins, CLASSES)
        fresh = np.where(weight > 0, sums / np.maximum(weight, 1), centres)
        if np.allclose(fresh, centres, rtol=0, atol=1e-6 * (high - low)):
            break
        centres = fresh
    return np.sort(centres)


def _deep(brain: BoolArray, affine: FloatArray) -> BoolArray:
    """Inside the brain by more than `SURFACE_MM` and not far below its centre."""
    padded = np.pad(brain, 1)
    depth = ndimage.distance_transform_edt(padded, sampling=_spacing(affine))[1:-1, 1:-1, 1:-1]
    heights = _signed_distance(brain.shape, affine, np.array([0.0, 0.0, 1.0]), np.zeros(3))
    centre = float(heights[brain].mean())
    deep: BoolArray = (depth > SURFACE_MM) & (heights >= centre - BELOW_CENTRE_MM)
    return deep


def _core(region: BoolArray, white: BoolArray) -> tuple[BoolArray, bool]:
    """Voxels of the region with white matter all around; without that demand where too few remain."""
    inner = region & ndimage.binary_erosion(white)
    if inner.sum() >= MIN_VOXELS:
        return inner, False
    _need_voxels(int(region.sum()))
    return region, True
