"""From the headers of one series to a `Volume`: stacked by position, rescaled, on the acquisition grid."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.dicom import mosaic, pixels, units
from imaging.compute.dicom.entries import Slice, entry_times, ordered_entries
from imaging.compute.dicom.geometry import MIN_SLICES, Plane, Stack, slice_normal, stack_planes
from imaging.compute.dicom.header import FrameHeader, InstanceHeader, Vector
from imaging.compute.dicom.limits import DEFAULT_LIMITS, Limits
from imaging.compute.dicom.series import recognise
from imaging.compute.volume import Volume, same_grid

SINGLE_KINDS = {"t1", "t1ce", "t2", "flair", "adc"}
MR_SIGNAL_UNIT = "[arb'U]"


@dataclasses.dataclass(frozen=True)
class ReadSeries:
    """A volume with what the reader learned beside it.

    Attributes
    ----------
    volume : Volume
        The samples.
    directions : tuple or None
        Diffusion direction of each entry of the last axis as stored in the header, None for b = 0 and trace images.
    notes : tuple of str
        What was assumed, one sentence each.
    sop_uids : tuple of str
        Instances that went in.
    """

    volume: Volume
    directions: tuple[Vector | None, ...] | None
    notes: tuple[str, ...]
    sop_uids: tuple[str, ...]


def read_volume(
    headers: Sequence[InstanceHeader], *, kind: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Volume:
    """Read one series as a volume; see `read_series` for parameters and errors.

    Returns
    -------
    Volume
        Shape (columns, rows, slices), or (columns, rows, slices, n) for diffusion and dynamic series.
    """
    return read_series(headers, kind=kind, limits=limits).volume


def read_series(
    headers: Sequence[InstanceHeader], *, kind: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> ReadSeries:
    """Read one series: stack by ImagePositionPatient, rescale each frame, keep the acquisition grid.

    Parameters
    ----------
    headers : sequence of InstanceHeader
        All instances of the series, in any order.
    kind : str, optional
        What the series is; recognised from the headers where it is None. "dwi" always gives four axes, "adc" is
        brought to mm2/s.
    limits : Limits
        Caps of the decoding child process.

    Returns
    -------
    ReadSeries
        Samples are float32. The entries of the last axis stand in the order of acquisition, diffusion by ascending b;
        `b_values` are the scanner's own numbers, not rounded.

    Raises
    ------
    DomainError
        `dicom_no_images`, `dicom_mixed_size`, `dicom_no_geometry`, `dicom_duplicate_slices`,
        `dicom_incomplete_series`, `dicom_mixed_contrast`, `dicom_too_few_slices`, and those of `stack_planes`,
        `pixels.decode` and `units.adc_scale`.
    """
    _check_one_series(headers)
    kind = recognise(headers).kind if kind is None else kind
    slices = _slices(headers)
    stack = stack_planes([_plane(item) for item in slices])
    entries = ordered_entries(slices, stack)
    _check_depth(stack, entries)
    samples = _samples(headers, slices, entries, limits)
    notes: list[str] = []
    volume = _volume(samples, stack, entries, kind, headers[0], notes)
    directions = (
        tuple(column[0].frame.gradient for column in entries) if volume.b_values is not None else None
    )
    return ReadSeries(volume, directions, tuple(notes), tuple(header.sop_uid for header in headers))


def read_diffusion(series: Sequence[Sequence[InstanceHeader]], *, limits: Limits = DEFAULT_LIMITS) -> Volume:
    """Read diffusion series of one acquisition that the scanner stored apart (b = 0, trace) as one volume.

    Parameters
    ----------
    series : sequence of sequences of InstanceHeader
        One item per series, in any order.
    limits : Limits
        Caps of the decoding child process.

    Returns
    -------
    Volume
        kind "dwi", shape (columns, rows, slices, n), `b_values` ascending.

    Raises
    ------
    DomainError
        `diffusion_grids_differ` where the series lie on different grids, `diffusion_no_b_values` where a series
        states none, and those of `read_series`.
    """
    return join_diffusion([read_volume(headers, kind="dwi", limits=limits) for headers in series])


def join_diffusion(volumes: Sequence[Volume]) -> Volume:
    """Join diffusion volumes of one grid along the last axis, by ascending b.

    Parameters
    ----------
    volumes : sequence of Volume
        kind "dwi", four axes, each with `b_values`.

    Returns
    -------
    Volume
        kind "dwi", shape (columns, rows, slices, n), `b_values` ascending.

    Raises
    ------
    DomainError
        `dicom_no_images` where none came, `diffusion_grids_differ` where they lie on different grids.
    """
    if not volumes:
        raise DomainError("dicom_no_images", "no diffusion series came")
    for volume in volumes[1:]:
        if not same_grid(volumes[0], volume, tolerance_mm=1e-2):
            raise DomainError(
                "diffusion_grids_differ",
                f"diffusion series of one grid wanted, sizes {volumes[0].shape3} and {volume.shape3} or positions differ",
            )
    b_values = [b for volume in volumes for b in volume.b_values or ()]
    order = np.argsort(b_values, kind="stable")
    joined = np.concatenate([volume.array for volume in volumes], axis=3)[..., order]
    return dataclasses.replace(
        volumes[0], array=joined, b_values=tuple(b_values[i] for i in order), times_s=None
    )


def _check_one_series(headers: Sequence[InstanceHeader]) -> None:
    if not headers:
        raise DomainError("dicom_no_images", "no images came")
    sizes = {(header.rows, header.columns) for header in headers}
    if len(sizes) > 1:
        raise DomainError(
            "dicom_mixed_size", f"images of one size wanted, {len(sizes)} sizes came: {sorted(sizes)[:4]}"
        )
    repeated = [uid for uid, count in Counter(header.sop_uid for header in headers).items() if count > 1]
    if repeated:
        raise DomainError("dicom_duplicate_slices", f"{len(repeated)} instances came more than once")


def _slices(headers: Sequence[InstanceHeader]) -> list[Slice]:
    """Every slice of every instance, with its geometry."""
    slices: list[Slice] = []
    for number, header in enumerate(headers):
        if header.mosaic is not None:
            slices += _mosaic_slices(number, header, header.mosaic.tiles)
            continue
        if len(header.frames) != header.number_of_frames:
            raise DomainError(
                "dicom_no_geometry",
                f"{header.number_of_frames} frames came, their positions are described for {len(header.frames)}",
            )
        slices += [Slice(number, header, frame, frame.index) for frame in header.frames]
    return slices


def _mosaic_slices(number: int, header: InstanceHeader, tiles: int) -> list[Slice]:
    frame = header.frames[0]
    layout = header.mosaic
    if layout is None or layout.step_mm is None or None in (frame.position, frame.orientation, frame.spacing):
        raise DomainError("dicom_no_geometry", "a mosaic needs its slice distance, position and orientation")
    position, orientation, spacing = _geometry_of(frame)
    first = mosaic.first_voxel(position, orientation, spacing, tiles, header.rows, header.columns)
    normal = layout.normal if layout.normal is not None else tuple(slice_normal(orientation))
    return [
        Slice(
            number,
            header,
            dataclasses.replace(
                frame, position=tuple(first[a] + normal[a] * layout.step_mm * tile for a in range(3))
            ),
            tile,
        )
        for tile in range(tiles)
    ]


def _geometry_of(frame: FrameHeader) -> tuple[Vector, Vector, Vector]:
    if frame.position is None or frame.orientation is None or frame.spacing is None:
        raise DomainError(
            "dicom_no_geometry",
            "each slice needs ImagePositionPatient, ImageOrientationPatient and PixelSpacing",
        )
    return frame.position, frame.orientation, frame.spacing


def _plane(item: Slice) -> Plane:
    return Plane(*_geometry_of(item.frame))


def _check_depth(stack: Stack, entries: Sequence[Sequence[Slice]]) -> None:
    """Two slices say nothing about a regular distance, unless each moment repeats them."""
    if len(stack.slots) < MIN_SLICES and len(entries) == 1:
        raise DomainError(
            "dicom_too_few_slices", f"{len(stack.slots)} slices came, a volume needs {MIN_SLICES} or more"
        )


def _samples(
    headers: Sequence[InstanceHeader],
    slices: Sequence[Slice],
    entries: Sequence[Sequence[Slice]],
    limits: Limits,
) -> npt.NDArray[np.float32]:
    """Rescaled samples, shape (columns, rows, slices, entries)."""
    stored = [
        _tiles(array, header)
        for array, header in zip(pixels.decode(headers, limits=limits), headers, strict=True)
    ]
    rows, columns = stored[slices[0].number].shape[1:]
    samples = np.empty((len(entries), len(entries[0]), rows, columns), dtype=np.float32)
    for e, column in enumerate(entries):
        for k, item in enumerate(column):
            plane = stored[item.number][item.place]
            samples[e, k] = plane * np.float64(item.frame.slope) + item.frame.intercept
    return samples.transpose(3, 2, 1, 0)


def _tiles(stored: npt.NDArray[Any], header: InstanceHeader) -> npt.NDArray[Any]:
    """Slices of a mosaic as frames; other images as they are."""
    if header.mosaic is None:
        return stored
    n = mosaic.side(header.mosaic.tiles)
    rows, columns = header.rows // n, header.columns // n
    grid = stored[0, : rows * n, : columns * n].reshape(n, rows, n, columns)
    return grid.transpose(0, 2, 1, 3).reshape(n * n, rows, columns)[: header.mosaic.tiles]


def _volume(
    samples: npt.NDArray[np.float32],
    stack: Stack,
    entries: Sequence[Sequence[Slice]],
    kind: str,
    header: InstanceHeader,
    notes: list[str],
) -> Volume:
    b_values = _b_values(entries, kind)
    if b_values is not None:
        return Volume(samples, stack.affine, kind, MR_SIGNAL_UNIT, b_values=b_values)
    if len(entries) > 1:
        _check_may_be_dynamic(kind, len(entries))
        times = entry_times(entries, header, notes)
        return Volume(samples, stack.affine, kind, MR_SIGNAL_UNIT, times_s=times)
    array = np.ascontiguousarray(samples[..., 0])
    if kind == "adc":
        return _adc_volume(array, stack, entries[0][0].frame, notes)
    return Volume(array, stack.affine, kind, MR_SIGNAL_UNIT)


def _check_may_be_dynamic(kind: str, count: int) -> None:
    if kind in SINGLE_KINDS:
        raise DomainError(
            "dicom_duplicate_slices",
            f"a {kind} series has one image per slice position, {count} came: split the series",
        )


def _adc_volume(array: npt.NDArray[np.float32], stack: Stack, frame: FrameHeader, notes: list[str]) -> Volume:
    scale = units.adc_scale(array, frame.rescale_type)
    notes.append(f"The scanner's ADC map was multiplied by {scale:g} to reach mm2/s.")
    return Volume(array * np.float32(scale), stack.affine, "adc", "mm2/s")


def _b_values(entries: Sequence[Sequence[Slice]], kind: str) -> tuple[float, ...] | None:
    values = [column[0].frame.b_value for column in entries]
    if kind == "dwi":
        if any(value is None for value in values):
            raise DomainError("diffusion_no_b_values", "a diffusion series needs a b-value for each image")
    elif not any(values) or kind == "adc":
        return None
    return tuple(float(value or 0.0) for value in values)
