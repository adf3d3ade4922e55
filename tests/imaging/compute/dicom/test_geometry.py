"""Stacking by position: the affine is exact, and what is no regular grid is refused with its own code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.dicom.geometry import Plane, slice_normal, stack_planes

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def planes(
    heights: list[float], *, shift: float = 0.0, orientation: tuple[float, ...] = AXIAL
) -> list[Plane]:
    """Planes along the normal; `shift` moves each along its columns by that fraction of the height."""
    normal, column = slice_normal(orientation), np.array(orientation[3:])
    origin = np.array([-100.0, -90.0, 10.0])
    return [Plane(tuple(origin + h * normal + shift * h * column), orientation, (0.5, 0.75)) for h in heights]


def refusal(given: list[Plane]) -> str:
    with pytest.raises(DomainError) as caught:
        stack_planes(given)
    return caught.value.code


def test_axial_affine_by_hand() -> None:
    stack = stack_planes(planes([0.0, 3.0, 6.0]))
    # column step 0.75 along LPS x, row step 0.5 along LPS y, slice step 3 along z; x and y change sign in RAS
    expected = [[-0.75, 0, 0, 100], [0, -0.5, 0, 90], [0, 0, 3, 10], [0, 0, 0, 1]]
    np.testing.assert_allclose(stack.affine, expected, atol=1e-12)


def test_order_is_by_position_not_by_arrival() -> None:
    assert stack_planes(planes([6.0, 0.0, 3.0])).slots == ((1,), (2,), (0,))


def test_oblique_affine_maps_every_slice() -> None:
    angle = math.radians(25.0)
    oblique = (math.cos(angle), math.sin(angle), 0.0, 0.0, 0.0, -1.0)
    given = planes([0.0, 2.0, 4.0, 6.0], orientation=oblique)
    stack = stack_planes(given)
    for k, slot in enumerate(stack.slots):
        ras = (stack.affine @ [0, 0, k, 1])[:3]
        np.testing.assert_allclose(ras, np.array(given[slot[0]].position) * [-1, -1, 1], atol=1e-9)


def test_several_images_per_position() -> None:
    assert stack_planes(planes([0.0, 2.0, 4.0] * 2)).slots == ((0, 3), (1, 4), (2, 5))


def test_header_rounding_is_no_irregularity() -> None:
    stack = stack_planes(planes([0.0, 2.999, 6.001, 9.0]))
    assert np.linalg.norm(stack.affine[:3, 2]) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("heights", "code"),
    [
        ([0.0, 0.0, 0.0], "dicom_not_a_volume"),
        ([0.0, 5.0, 10.0, 20.0], "dicom_missing_slices"),
        ([0.0, 5.0, 15.0], "dicom_missing_slices"),
        ([0.0, 5.0, 10.0, 15.0, 30.0, 35.0], "dicom_missing_slices"),
        ([0.0, 3.0, 6.5, 9.5], "dicom_irregular_slices"),
        ([0.0, 3.0, 6.0, 7.2], "dicom_irregular_slices"),
    ],
)
def test_gaps(heights: list[float], code: str) -> None:
    assert refusal(planes(heights)) == code


def test_gantry_tilt() -> None:
    assert refusal(planes([0.0, 3.0, 6.0], shift=math.tan(math.radians(1.0)))) == "dicom_sheared_slices"
    stack_planes(planes([0.0, 3.0, 6.0], shift=math.tan(math.radians(0.1))))


def test_mixed_orientation_and_spacing() -> None:
    coronal = Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0, -1.0), (0.5, 0.75))
    assert refusal([*planes([0.0, 3.0, 6.0]), coronal]) == "dicom_mixed_orientation"
    coarse = Plane((-100.0, -90.0, 19.0), AXIAL, (1.0, 1.0))
    assert refusal([*planes([0.0, 3.0, 6.0]), coarse]) == "dicom_inconsistent_spacing"


def test_sliding_fields_of_view() -> None:
    slid = [Plane((p.position[0] + 2.0, *p.position[1:]), AXIAL, p.spacing) for p in planes([0.0, 3.0, 6.0])]
    assert refusal([*planes([0.0, 3.0, 6.0]), *slid]) == "dicom_inconsistent_position"
