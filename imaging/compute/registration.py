"""Rigid alignment of one series to another of the same visit, with a check against where it started.

The optimiser is greedy (picsl-greedy; Yushkevich et al. 2016, Alzheimer's & Dementia 12(7S):P126-P127,
https://doi.org/10.1016/j.jalz.2016.06.205) on normalised mutual information. Why, and what was measured:
docs/decisions/0005-rigid-alignment.md.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import io
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gliomon.common.errors import DomainError
from imaging.compute.volume import Volume

Matrix = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

VERSION = "greedy-nmi-1"
"""Changes whenever a setting below changes a result."""

STAGES = ((2.0, "50x20"), (1.25, "20"))
"""Voxel size in mm of both images and greedy's iterations per pyramid level, coarse to fine."""
MASK_MARGIN_MM = 8.0
"""The metric sees the brain and this much around it: its outline carries much of the information."""
MI_GRID_MM = 2.0
"""Spacing at which mutual information is compared before and after."""
MI_BINS = 48
"""Bins per image of the joint histogram."""
MI_WINDOW_PERCENT = (0.5, 99.5)
"""Intensities beyond these percentiles fall into the outermost bins."""
MIN_SAMPLES = 2000
"""Fewer overlapping voxels at `MI_GRID_MM` (16 mL) give no meaningful mutual information."""
DISPLACEMENT_LIMIT_MM = 30.0
"""Largest believable movement between series of one visit, mm (project setting)."""
ALREADY_ALIGNED_MM = 0.5
"""A refused move smaller than this confirms the header's alignment instead of doubting it, mm."""
OVERLAP_KEPT = 0.9
"""Share of the overlap at the start that must remain; a result that moves the brain out of view is wrong."""
SEED = 1
"""greedy jitters its sample points; a fixed seed makes equal inputs give equal matrices."""

REASONS: dict[str, str] = {
    "improved": "The images agree better after alignment.",
    "already_aligned": "The scanner's own alignment could not be improved and is kept.",
    "worse_than_header": "Alignment made the images agree less; the scanner's own alignment is kept.",
    "displacement_limit": "Alignment moved the brain further than is believable; the scanner's own alignment is kept.",
    "overlap_lost": "Alignment moved the brain out of the image; the scanner's own alignment is kept.",
    "not_converged": "Alignment did not finish; the scanner's own alignment is kept.",
}


@dataclasses.dataclass(frozen=True)
class RigidAlignment:
    """Where a point of the fixed image lies in the moving image.

    Attributes
    ----------
    matrix : ndarray, shape (4, 4)
        Rigid map from the fixed image's RAS+ mm to the moving image's RAS+ mm: `x_moving = matrix @ x_fixed`.
        To draw the moving image on the fixed grid, sample it at `inv(affine_moving) @ matrix @ affine_fixed`
        (`imaging.compute.resample.resample_to` does). Identity when the header's alignment was kept.
    mi_before, mi_after : float
        Mutual information (nats) inside the fixed brain with the header's alignment and with the proposed one.
    displacement_mm : float
        Largest movement that was proposed for any brain voxel, mm (also when it was refused).
    accepted : bool
        False when a result was refused; the series should then be shown with a flag.
    reason : str
        A key of `REASONS`.
    version : str
        Method and settings.
    """

    matrix: Matrix
    mi_before: float
    mi_after: float
    displacement_mm: float
    accepted: bool
    reason: str
    version: str = VERSION


@dataclasses.dataclass(frozen=True)
class _Samples:
    """Brain voxels of the fixed image: homogeneous RAS mm, shape (n, 4), and intensity, shape (n,)."""

    points: Matrix
    values: FloatArray


def align_rigid(
    moving: Volume,
    fixed: Volume,
    *,
    brain_fixed: Volume | None = None,
    displacement_limit_mm: float = DISPLACEMENT_LIMIT_MM,
    threads: int = 2,
) -> RigidAlignment:
    """Align `moving` to `fixed` by a rigid movement that starts from the headers and is checked against them.

    Parameters
    ----------
    moving : Volume
        3-D, or 4-D: of diffusion the mean of the lowest b-value is aligned, of other series the mean over time.
    fixed : Volume
        Usually the post-contrast T1 of the visit, 3-D.
    brain_fixed : Volume, optional
        Brain mask on the grid of `fixed`; without it the bright foreground is used.
    displacement_limit_mm : float
        A larger movement of any brain voxel is refused.
    threads : int
        CPU threads for greedy.

    Returns
    -------
    RigidAlignment
        Its matrix maps fixed RAS mm to moving RAS mm and can always be used as it is.

    Raises
    ------
    DomainError
        `registration_no_overlap` when the two images share too little of the brain to compare them,
        `registration_input` for an empty or constant image or a mask on another grid.
    """
    image = representative(moving)
    mask = _fixed_mask(fixed, brain_fixed)
    samples = _fixed_samples(fixed, mask)
    before, overlap_before = _mutual_information(samples, image, np.eye(4))
    if overlap_before < MIN_SAMPLES:
        raise DomainError(
            "registration_no_overlap", f"{moving.kind} and {fixed.kind} show different parts of space"
        )
    proposed = _optimise(image, fixed, mask, threads)
    if proposed is None:
        return RigidAlignment(np.eye(4), before, before, 0.0, False, "not_converged")
    after, overlap_after = _mutual_information(samples, image, proposed)
    moved = _displacement_mm(samples.points, proposed)
    overlap_kept = overlap_after >= OVERLAP_KEPT * overlap_before
    reason = _judge(after > before, moved, displacement_limit_mm, overlap_kept)
    matrix = proposed if reason == "improved" else np.eye(4)
    accepted = reason in ("improved", "already_aligned")
    return RigidAlignment(matrix, before, after, moved, accepted, reason)


def representative(volume: Volume) -> Volume:
    """Return the 3-D image that stands for a volume in an alignment (see `align_rigid`).

    Returns
    -------
    Volume
        3-D, float32, finite (NaN becomes 0).
    """
    array = volume.array
    if array.ndim == 4:
        array = array[..., _chosen_frames(volume)].mean(axis=3, dtype=np.float32)
    finite = np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if float(finite.min()) == float(finite.max()):
        raise DomainError("registration_input", f"the {volume.kind} image is constant and cannot be aligned")
    return volume.with_array(finite)


def _chosen_frames(volume: Volume) -> npt.NDArray[np.bool_]:
    if volume.b_values is None:
        return np.ones(volume.array.shape[3], dtype=bool)
    b_values = np.asarray(volume.b_values)
    return np.asarray(b_values == b_values.min())


def _judge(better: bool, moved_mm: float, limit_mm: float, overlap_kept: bool) -> str:
    """Reason code of a proposed movement."""
    if moved_mm > limit_mm:
        return "displacement_limit"
    if not overlap_kept:
        return "overlap_lost"
    if better:
        return "improved"
    return "already_aligned" if moved_mm <= ALREADY_ALIGNED_MM else "worse_than_header"


def _fixed_mask(fixed: Volume, brain: Volume | None) -> BoolArray:
    if brain is None:
        return _foreground(fixed.array)
    if brain.shape3 != fixed.shape3:
        raise DomainError("registration_input", f"the brain mask is {brain.shape3}, the image {fixed.shape3}")
    mask = np.asarray(brain.array > 0)
    return mask if mask.any() else _foreground(fixed.array)


def _foreground(array: npt.NDArray[Any]) -> BoolArray:
    """Everything brighter than a tenth of the bright tissue, without gaps."""
    finite = np.nan_to_num(array.astype(np.float32))
    bright = finite > 0.1 * np.percentile(finite, 99)
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_opening(bright)), dtype=bool)


def _fixed_samples(fixed: Volume, mask: BoolArray) -> _Samples:
    """Brain voxels on a grid of about `MI_GRID_MM`."""
    steps = tuple(slice(None, None, max(1, round(MI_GRID_MM / mm))) for mm in fixed.spacing_mm)
    coarse = np.zeros_like(mask)
    coarse[steps] = mask[steps]
    index = np.argwhere(coarse)
    points = np.column_stack([index, np.ones(len(index))]) @ fixed.affine.T.astype(np.float64)
    return _Samples(points=points, values=np.nan_to_num(fixed.array[coarse].astype(np.float32)))


def _mutual_information(samples: _Samples, moving: Volume, matrix: Matrix) -> tuple[float, int]:
    """Mutual information in nats and the number of fixed brain samples that fall into the moving image."""
    to_index = np.linalg.inv(moving.affine) @ matrix
    index = (samples.points @ to_index.T)[:, :3].T
    limits = np.array(moving.array.shape)[:, None] - 1
    inside = ((index >= -0.5) & (index <= limits + 0.5)).all(axis=0)
    if inside.sum() < MIN_SAMPLES:
        return 0.0, int(inside.sum())
    values = ndimage.map_coordinates(moving.array, index[:, inside], order=1, mode="nearest")
    joint, _, _ = np.histogram2d(_windowed(samples.values[inside]), _windowed(values), bins=MI_BINS)
    return _information(joint), int(inside.sum())


def _windowed(values: FloatArray) -> FloatArray:
    low, high = np.percentile(values, MI_WINDOW_PERCENT)
    return np.asarray(np.clip((values - low) / max(high - low, 1e-9), 0.0, 1.0), dtype=np.float32)


def _information(joint: npt.NDArray[Any]) -> float:
    share = joint / joint.sum()
    independent = share.sum(axis=1, keepdims=True) @ share.sum(axis=0, keepdims=True)
    filled = share > 0
    return float((share[filled] * np.log(share[filled] / independent[filled])).sum())


def _displacement_mm(points: Matrix, matrix: Matrix) -> float:
    return float(np.linalg.norm((points @ (matrix - np.eye(4)).T)[:, :3], axis=1).max())


def _optimise(moving: Volume, fixed: Volume, mask: BoolArray, threads: int) -> Matrix | None:
    """Coarse, then fine; each stage starts where the last one ended. None when greedy gives no rigid matrix."""
    box = _box_around(mask, fixed.spacing_mm)
    fixed_image, mask = _cropped(representative(fixed), box), mask[box]
    found = np.eye(4)
    for spacing_mm, iterations in STAGES:
        started = dataclasses.replace(moving, affine=np.linalg.inv(found) @ moving.affine)
        step = _greedy_stage(started, fixed_image, mask, spacing_mm, iterations, threads)
        if step is None:
            return None
        found = found @ step
    return found


def _box_around(mask: BoolArray, spacing_mm: tuple[float, float, float]) -> tuple[slice, ...]:
    """The mask's box with room for its margin: half the time of a whole head."""
    found = ndimage.find_objects(mask.astype(np.uint8))[0]
    room = [int(np.ceil((MASK_MARGIN_MM + STAGES[0][0]) / mm)) for mm in spacing_mm]
    return tuple(
        slice(max(0, part.start - pad), part.stop + pad) for part, pad in zip(found, room, strict=True)
    )


def _cropped(volume: Volume, box: tuple[slice, ...]) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] = (affine @ [*(part.start for part in box), 1.0])[:3]
    return dataclasses.replace(volume, array=volume.array[box], affine=affine)


def _greedy_stage(
    moving: Volume, fixed: Volume, mask: BoolArray, spacing_mm: float, iterations: str, threads: int
) -> Matrix | None:
    from picsl_greedy import Greedy3D

    region = _coarser(fixed.with_array(mask.astype(np.float32)), spacing_mm, smooth=False)
    grown = ndimage.binary_dilation(region.array > 0.5, iterations=round(MASK_MARGIN_MM / spacing_mm))
    greedy = Greedy3D()
    images = {
        "fixed": _itk_image(_coarser(fixed, spacing_mm)),
        "moving": _itk_image(_coarser(moving, spacing_mm)),
        "region": _itk_image(region.with_array(grown.astype(np.float32))),
    }
    command = (
        f"-a -dof 6 -m NMI -n {iterations} -ia-identity -i fixed moving -gm region -o rigid "
        f"-seed {SEED} -threads {int(threads)} -V 0"
    )
    try:
        with _native_output_to_stderr():
            greedy.execute(command, out=io.StringIO(), err=io.StringIO(), rigid=None, **images)
        matrix = np.asarray(greedy["rigid"], dtype=np.float64)
    except RuntimeError:
        return None
    return matrix if _is_rigid(matrix) else None


@contextlib.contextmanager
def _native_output_to_stderr() -> Iterator[None]:
    """Send what compiled code prints to standard error: greedy's optimiser prints when its line search ends, and
    standard output may be carrying JSON."""
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _is_rigid(matrix: Matrix) -> bool:
    rotation = matrix[:3, :3]
    return bool(
        matrix.shape == (4, 4)
        and np.isfinite(matrix).all()
        and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
        and np.linalg.det(rotation) > 0
    )


def _coarser(volume: Volume, spacing_mm: float, *, smooth: bool = True) -> Volume:
    """The same image on voxels of at least `spacing_mm`, smoothed against aliasing; voxel (0, 0, 0) stays put."""
    factors = np.maximum(1.0, spacing_mm / np.array(volume.spacing_mm))
    array = volume.array.astype(np.float32)
    if smooth:
        array = ndimage.gaussian_filter(array, 0.4 * (factors - 1.0))
    shape = tuple(int(n) for n in np.floor((np.array(array.shape) - 1) / factors) + 1)
    affine = volume.affine.copy()
    affine[:3, :3] = affine[:3, :3] * factors
    sampled = ndimage.affine_transform(array, np.diag(factors), output_shape=shape, order=1, mode="nearest")
    return dataclasses.replace(volume, array=sampled, affine=affine)


def _itk_image(volume: Volume) -> Any:
    """SimpleITK image (LPS+ mm) of a 3-D volume."""
    import SimpleITK as sitk

    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.astype(np.float32).transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return image
