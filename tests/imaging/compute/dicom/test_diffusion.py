"""b-values and directions as each vendor writes them."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset

from imaging.compute.dicom import diffusion


def private(group: int, creator: str, values: dict[int, tuple[str, object]]) -> Dataset:
    dataset = Dataset()
    block = dataset.private_block(group, creator, create=True)
    for element, (vr, value) in values.items():
        block.add_new(element, vr, value)
    return dataset


def b_of(dataset: Dataset, maker: str, name: str = "") -> float | None:
    return diffusion.b_value(dataset, manufacturer=maker, sequence_name=name)


def test_standard_element_comes_first() -> None:
    dataset = private(0x0019, "SIEMENS MR HEADER", {0x0C: ("IS", 500)})
    dataset.DiffusionBValue = 1000.0
    assert b_of(dataset, "SIEMENS") == 1000.0


def test_siemens() -> None:
    dataset = private(0x0019, "SIEMENS MR HEADER", {0x0C: ("IS", 1000), 0x0E: ("FD", [0.0, 0.6, 0.8])})
    assert b_of(dataset, "Siemens Healthineers") == 1000.0
    assert diffusion.direction(dataset, manufacturer="SIEMENS") == (0.0, 0.6, 0.8)
    assert b_of(Dataset(), "SIEMENS", "*ep_b800t") == 800.0
    assert b_of(Dataset(), "SIEMENS", "*tfl3d1") is None


@pytest.mark.parametrize(("stored", "b"), [(1000, 1000.0), (1_000_000_700, 700.0), (0, 0.0)])
def test_ge_counts_from_a_large_offset(stored: int, b: float) -> None:
    dataset = private(0x0043, "GEMS_PARM_01", {0x39: ("IS", [stored, 8, 0, 0])})
    assert b_of(dataset, "GE MEDICAL SYSTEMS") == b


def test_ge_direction() -> None:
    dataset = private(0x0019, "GEMS_ACQU_01", {0xBB: ("DS", "0.6"), 0xBC: ("DS", "0"), 0xBD: ("DS", "-0.8")})
    assert diffusion.direction(dataset, manufacturer="GE MEDICAL SYSTEMS") == (0.6, 0.0, -0.8)


def test_philips_and_uih_and_toshiba() -> None:
    philips = private(0x2001, "Philips Imaging DD 001", {0x03: ("FL", 800.0)})
    assert b_of(philips, "Philips Medical Systems") == 800.0
    uih = private(0x0065, "Image Private Header", {0x09: ("FD", 1200.0)})
    assert b_of(uih, "UIH") == 1200.0
    toshiba = Dataset()
    toshiba.ImageComments = "b=1000(0.445,0.000,0.895)"
    assert b_of(toshiba, "TOSHIBA_MEC") == 1000.0
    assert b_of(toshiba, "SIEMENS") is None


def test_private_elements_of_unknown_type_arrive_as_bytes() -> None:
    dataset = Dataset()
    dataset.add_new(0x20011003, "UN", struct.pack("<f", 273.0))
    assert b_of(dataset, "Philips") == 273.0
    dataset = Dataset()
    dataset.add_new(0x00431039, "UN", b"1000\\8\\0\\0")
    assert b_of(dataset, "GE") == 1000.0


def test_another_owner_of_the_block_is_not_read() -> None:
    assert b_of(private(0x0019, "SOMEONE ELSE", {0x0C: ("IS", 1000)}), "SIEMENS") is None


@pytest.mark.parametrize("value", [-5.0, 1e9])
def test_impossible_values_are_dropped(value: float) -> None:
    dataset = Dataset()
    dataset.DiffusionBValue = value
    assert b_of(dataset, "SIEMENS") is None


def test_zero_vector_is_no_direction() -> None:
    assert diffusion.usable_direction((0.0, 0.0, 0.0)) is None
    assert diffusion.usable_direction((0.0, 1.0)) is None


def test_grouping_into_shells() -> None:
    assert diffusion.group_b_values([0, 5, 995, 1004, 1040, 2000]) == (0, 0, 1000, 1000, 1000, 2000)
    assert diffusion.group_b_values([0, 40, 273, 800]) == (0, 40, 270, 800)
