"""Files made on the spot come back as the numbers that went in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from gliomon.common.errors import DomainError
from imaging.compute.dicom.header import InstanceHeader
from imaging.compute.dicom.limits import Limits
from imaging.compute.dicom.parse import parse_file
from imaging.compute.dicom.read import read_diffusion, read_series, read_volume

Stack = Callable[..., list[Path]]
SLICE = np.arange(24).reshape(6, 4)  # rows, columns


def parsed(paths: list[Path]) -> list[InstanceHeader]:
    return [parse_file(path, Limits()) for path in paths]


def code_of(headers: list[InstanceHeader], **kwargs: Any) -> str:
    with pytest.raises(DomainError) as caught:
        read_volume(headers, **kwargs)
    return caught.value.code


def test_axes_order_and_affine(make_stack: Stack) -> None:
    headers = parsed(make_stack([0.0, 4.0, 8.0], SpacingBetweenSlices=1.0, SliceThickness=1.0))
    volume = read_volume(headers[::-1], kind="t2")
    assert volume.array.shape == (4, 6, 3)  # columns, rows, slices
    for k in range(3):
        np.testing.assert_array_equal(volume.array[:, :, k], SLICE.T + 100 * k)
    # PixelSpacing 2 between rows, 3 between columns; slices 4 apart whatever SpacingBetweenSlices says
    expected = [[-3, 0, 0, 10], [0, -2, 0, 20], [0, 0, 4, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.affine, expected, atol=1e-12)
    assert (volume.kind, volume.unit, volume.array.dtype) == ("t2", "[arb'U]", np.float32)


def test_rescale_differs_by_slice(make_stack: Stack) -> None:
    def own(k: int) -> dict[str, Any]:
        return {"RescaleSlope": 0.5 * (k + 1), "RescaleIntercept": -10.0 * k}

    volume = read_volume(parsed(make_stack([0.0, 4.0, 8.0], own)), kind="t2")
    for k in range(3):
        np.testing.assert_allclose(volume.array[:, :, k], (SLICE.T + 100 * k) * 0.5 * (k + 1) - 10 * k)


def test_signed_samples(make_stack: Stack) -> None:
    values = np.array([-5] * 24, dtype="<i2").tobytes()
    volume = read_volume(
        parsed(make_stack([0.0, 1.0, 2.0], PixelRepresentation=1, PixelData=values)), kind="t2"
    )
    assert float(volume.array.max()) == -5.0


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, RLELossless])
def test_packed_syntaxes(make_stack: Stack, syntax: str) -> None:
    paths = make_stack([0.0, 4.0, 8.0])
    plain = read_volume(parsed(paths), kind="t2")
    for path in paths:
        dataset = dcmread(path)
        if syntax == RLELossless:
            dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path)
    headers = parsed(paths)
    assert {header.transfer_syntax for header in headers} == {syntax}
    np.testing.assert_array_equal(read_volume(headers, kind="t2").array, plain.array)


def test_diffusion_entries(make_stack: Stack) -> None:
    order = [(0.0, None), (1000.0, [1.0, 0, 0]), (1000.0, [0, 1.0, 0])]
    heights = [h for h in (0.0, 4.0, 8.0) for _ in order]

    def own(k: int) -> dict[str, Any]:
        b, direction = order[k % 3]
        given: dict[str, Any] = {"DiffusionBValue": b, "ImagePositionPatient": [-10, -20, heights[k]]}
        return given if direction is None else {**given, "DiffusionGradientOrientation": direction}

    result = read_series(parsed(make_stack(heights, own)))
    assert result.volume.kind == "dwi"
    assert result.volume.b_values == (0.0, 1000.0, 1000.0)
    assert result.directions == (None, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    for entry in range(3):
        assert result.volume.array[0, 0, :, entry].tolist() == [100.0 * (3 * k + entry) for k in range(3)]


def test_diffusion_with_a_hole(make_stack: Stack) -> None:
    def own(k: int) -> dict[str, Any]:
        return {"DiffusionBValue": [0.0, 1000.0, 0.0, 1000.0, 0.0, 500.0][k]}

    headers = parsed(make_stack([0.0, 0.0, 4.0, 4.0, 8.0, 8.0], own))
    assert code_of(headers) == "dicom_mixed_diffusion"


def test_diffusion_stored_in_two_series(make_stack: Stack) -> None:
    trace = parsed(make_stack([0.0, 4.0, 8.0], DiffusionBValue=2500.0))
    base = [dataclasses.replace(h, frames=(dataclasses.replace(h.frames[0], b_value=0.0),)) for h in trace]
    volume = read_diffusion([trace, base])
    assert volume.b_values == (0.0, 2500.0)
    assert volume.array.shape == (4, 6, 3, 2)
    moved = [
        dataclasses.replace(
            h, frames=(dataclasses.replace(h.frames[0], position=(-10.0, -20.0, 1.0 + 4.0 * k)),)
        )
        for k, h in enumerate(base)
    ]
    with pytest.raises(DomainError) as caught:
        read_diffusion([trace, moved])
    assert caught.value.code == "diffusion_grids_differ"
    without = [
        dataclasses.replace(h, frames=(dataclasses.replace(h.frames[0], b_value=None),)) for h in trace
    ]
    assert code_of(without, kind="dwi") == "diffusion_no_b_values"


def dynamic(make_stack: Stack, points: int, **common: Any) -> list[InstanceHeader]:
    heights = [h for _ in range(points) for h in (0.0, 4.0, 8.0)]
    return parsed(
        make_stack(heights, lambda k: {"AcquisitionTime": f"2359{30 + k // 3 * 2:02d}.5"}, **common)
    )


def test_dynamic_series(make_stack: Stack) -> None:
    volume = read_volume(dynamic(make_stack, 4), kind="dsc")
    assert volume.array.shape == (4, 6, 3, 4)
    assert volume.times_s == (0.0, 2.0, 4.0, 6.0)
    assert volume.array[0, 0, 1].tolist() == [100.0, 400.0, 700.0, 1000.0]


def test_dynamic_series_without_a_clock(make_stack: Stack) -> None:
    headers = dynamic(make_stack, 3, RepetitionTime=1500)
    blind = [dataclasses.replace(h, frames=(dataclasses.replace(h.frames[0], time_s=None),)) for h in headers]
    result = read_series(blind, kind="dsc")
    assert result.volume.times_s == (0.0, 1.5, 3.0)
    assert "RepetitionTime" in result.notes[0]
    silent = [dataclasses.replace(h, repetition_time_ms=None) for h in blind]
    assert read_volume(silent, kind="dsc").times_s is None


def test_incomplete_and_duplicated(make_stack: Stack) -> None:
    assert code_of(dynamic(make_stack, 4)[:-1]) == "dicom_incomplete_series"
    twice = parsed(make_stack([0.0, 4.0, 4.0, 8.0]))
    assert code_of(twice) == "dicom_duplicate_slices"
    assert code_of([twice[0], twice[0], twice[1]]) == "dicom_duplicate_slices"


def test_a_structural_series_has_one_image_per_slice(make_stack: Stack) -> None:
    headers = parsed(make_stack([0.0, 0.0, 4.0, 4.0, 8.0, 8.0]))
    assert code_of(headers, kind="t1") == "dicom_duplicate_slices"


def test_mixed_contrast(make_stack: Stack) -> None:
    echoes = parsed(make_stack([0.0, 0.0, 4.0, 4.0, 8.0, 8.0], lambda k: {"EchoTime": [12, 90][k % 2]}))
    assert code_of(echoes) == "dicom_mixed_contrast"


def test_refusals_by_header(make_stack: Stack) -> None:
    headers = parsed(make_stack([0.0, 4.0, 8.0]))
    assert code_of([]) == "dicom_no_images"
    assert code_of(headers[:2]) == "dicom_too_few_slices"
    assert code_of([*headers[:2], dataclasses.replace(headers[2], rows=5)]) == "dicom_mixed_size"
    assert code_of([dataclasses.replace(h, samples_per_pixel=3) for h in headers]) == "dicom_not_greyscale"
    lost = dataclasses.replace(headers[0].frames[0], position=None)
    assert code_of([dataclasses.replace(headers[0], frames=(lost,)), *headers[1:]]) == "dicom_no_geometry"


def test_file_changed_after_the_scan(make_stack: Stack) -> None:
    headers = parsed(make_stack([0.0, 4.0, 8.0]))
    dataset = dcmread(headers[1].path)
    dataset.Rows, dataset.Columns = 4, 6
    dataset.save_as(headers[1].path)
    assert code_of(headers) == "dicom_changed"


def test_corrupt_compressed_samples(make_stack: Stack) -> None:
    paths = make_stack([0.0, 4.0, 8.0])
    for path in paths:
        dataset = dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    data = bytearray(paths[1].read_bytes())
    start = data.index(b"\xe0\x7f\x10\x00")
    data[start + 40 : start + 60] = b"\xff" * 20
    paths[1].write_bytes(bytes(data))
    assert code_of(parsed(paths)) in {"dicom_unreadable", "dicom_invalid_pixel_data"}


def test_scanner_adc_in_mm2_s(make_stack: Stack) -> None:
    values = np.full(24, 800, dtype="<u2").tobytes()
    volume = read_volume(parsed(make_stack([0.0, 4.0, 8.0], PixelData=values)), kind="adc")
    assert (volume.unit, volume.kind) == ("mm2/s", "adc")
    np.testing.assert_allclose(volume.array, 0.8e-3, rtol=1e-6)
