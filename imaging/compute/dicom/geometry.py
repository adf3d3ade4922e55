"""Stack slices by where they lie in the patient, and refuse what is not a regular grid.

Slice order and distance come from ImagePositionPatient alone: SpacingBetweenSlices, SliceThickness, SliceLocation and
instance numbers are not used.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]

SAME_DIRECTION = 1e-3  # largest difference of a direction cosine inside one volume
SAME_SPACING_MM = 1e-4  # pixel spacing inside one volume
SAME_POSITION_MM = 0.02  # slices closer than this lie at one place
IRREGULAR_FRACTION = 0.02  # a gap may differ this much from the median gap
IRREGULAR_MM = 0.01  # or this much: rounding in the header
SHEAR_SINE = 0.005  # sine of the largest angle between slice step and slice normal (0.3 degrees)
MIN_SLICES = 3
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Plane:
    """Geometry of one slice, mm LPS+: position of its first voxel, row and column direction, row and column spacing."""

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Stack:
    """Slices in order along their normal.

    Attributes
    ----------
    affine : ndarray, shape (4, 4)
        Voxel (column, row, slice) to RAS+ mm.
    slots : tuple of tuple of int
        For each slice position, the indices of the planes that lie there, in the order they were given.
    """

    affine: FloatArray
    slots: tuple[tuple[int, ...], ...]


def stack_planes(planes: Sequence[Plane]) -> Stack:
    """Order planes along the slice normal and derive the affine.

    Parameters
    ----------
    planes : sequence of Plane
        All slices of all moments of one series.

    Returns
    -------
    Stack

    Raises
    ------
    DomainError
        `dicom_mixed_orientation`, `dicom_inconsistent_spacing`, `dicom_not_a_volume`, `dicom_missing_slices`,
        `dicom_irregular_slices`, `dicom_sheared_slices`, `dicom_inconsistent_position`.
    """
    _check_orientation(planes)
    _check_spacing(planes)
    positions = np.array([plane.position for plane in planes])
    normal = slice_normal(planes[0].orientation)
    slots = _slots(positions @ normal)
    if len(slots) == 1:
        raise DomainError(
            "dicom_not_a_volume",
            f"{len(planes)} images lie at one position, a volume needs slices at {MIN_SLICES} positions or more",
        )
    _check_same_place(positions, slots)
    centres = np.array([positions[list(slot)].mean(axis=0) for slot in slots])
    _check_gaps(np.diff(centres @ normal))
    step = (centres[-1] - centres[0]) / (len(slots) - 1)
    _check_shear(step, normal)
    return Stack(affine_ras(planes[0], centres[0], step), slots)


def slice_normal(orientation: Sequence[float]) -> FloatArray:
    """Unit normal of the image plane: row direction cross column direction, LPS+."""
    normal = np.cross(np.asarray(orientation[:3], dtype=float), np.asarray(orientation[3:], dtype=float))
    return np.asarray(normal / np.linalg.norm(normal))


def affine_ras(plane: Plane, origin: Sequence[float] | FloatArray, step: FloatArray) -> FloatArray:
    """Affine of voxel (column, row, slice) to RAS+ mm.

    DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1, with the slice step as third column and x and y negated.

    Parameters
    ----------
    plane : Plane
        Directions and in-plane spacing.
    origin : sequence of 3 float
        Centre of the first voxel of the first slice, mm LPS+.
    step : ndarray, shape (3,)
        From one slice to the next, mm LPS+.
    """
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(plane.orientation[:3]) * plane.spacing[1]
    affine[:3, 1] = np.asarray(plane.orientation[3:]) * plane.spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = origin
    return np.asarray(LPS_TO_RAS @ affine)


def _check_orientation(planes: Sequence[Plane]) -> None:
    directions = np.array([plane.orientation for plane in planes])
    spread = float(np.abs(directions - directions[0]).max())
    if spread > SAME_DIRECTION:
        kinds = len(np.unique(directions.round(2), axis=0))
        raise DomainError(
            "dicom_mixed_orientation",
            f"the series holds slices of {max(kinds, 2)} orientations, a volume needs parallel slices",
        )


def _check_spacing(planes: Sequence[Plane]) -> None:
    spacings = np.array([plane.spacing for plane in planes])
    if float(np.abs(spacings - spacings[0]).max()) > SAME_SPACING_MM:
        low, high = spacings.min(), spacings.max()
        raise DomainError(
            "dicom_inconsistent_spacing",
            f"pixel spacing varies from {low:g} to {high:g} mm inside the series",
        )


def _slots(heights: FloatArray) -> tuple[tuple[int, ...], ...]:
    """Planes at one height along the normal belong together; heights ascend."""
    order = np.argsort(heights, kind="stable")
    slots: list[list[int]] = [[int(order[0])]]
    for previous, current in itertools.pairwise(order):
        if heights[current] - heights[previous] > SAME_POSITION_MM:
            slots.append([])
        slots[-1].append(int(current))
    return tuple(tuple(sorted(slot)) for slot in slots)


def _check_same_place(positions: FloatArray, slots: Sequence[Sequence[int]]) -> None:
    """Planes of one slot must not slide inside their plane (the table moved, or two fields of view are mixed)."""
    worst = max(float(np.ptp(positions[list(slot)], axis=0).max()) for slot in slots)
    if worst > 10 * SAME_POSITION_MM:
        raise DomainError(
            "dicom_inconsistent_position",
            f"images of one slice lie up to {worst:.2f} mm apart inside their plane",
        )


def _check_gaps(gaps: FloatArray) -> None:
    usual = _usual_gap(gaps)
    allowed = max(IRREGULAR_FRACTION * usual, IRREGULAR_MM)
    if float(np.abs(gaps - usual).max()) <= allowed:
        return
    missing = gaps / usual
    if float(np.abs(missing - missing.round()).max()) <= 0.05 and float(missing.min()) > 0.5:
        count = round(float(missing.sum())) - len(gaps)
        raise DomainError(
            "dicom_missing_slices",
            f"slices lie {usual:.3f} mm apart, but gaps of up to {gaps.max():.3f} mm came: {count} missing slice(s)",
        )
    raise DomainError(
        "dicom_irregular_slices",
        f"slice distances vary from {gaps.min():.3f} to {gaps.max():.3f} mm, a volume needs equal distances",
    )


def _usual_gap(gaps: FloatArray) -> float:
    """The median gap; of two middle gaps the smaller, so that one missing slice among three still shows as missing."""
    return float(np.sort(gaps)[(len(gaps) - 1) // 2])


def _check_shear(step: FloatArray, normal: FloatArray) -> None:
    length = float(np.linalg.norm(step))
    sine = float(np.linalg.norm(step - (step @ normal) * normal)) / length
    if sine > SHEAR_SINE:
        angle = math.degrees(math.asin(min(1.0, sine)))
        raise DomainError(
            "dicom_sheared_slices",
            f"slices are shifted along {angle:.1f} degrees from their normal (gantry tilt), a volume needs a right angle",
        )
