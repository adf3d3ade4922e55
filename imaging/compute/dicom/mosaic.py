"""Siemens mosaics: many slices tiled row by row into one classic image.

The slice direction and distance stand only in the vendor's CSA header (0029,xx10), a list of named text values.
"""

from __future__ import annotations

import math
import struct

from pydicom.dataset import Dataset

from imaging.compute.dicom import diffusion, fields
from imaging.compute.dicom.header import InstanceHeader, Mosaic, Vector

_GROUP = 0x0029
_CREATOR = "SIEMENS CSA HEADER"
_BLOCKS = range(0x10, 0x18)
_NAME_BYTES = 64
_MAX_ENTRIES = 1_000
_MAX_ITEMS = 10_000


def private_tags() -> list[int]:
    """Tags of the CSA image header with their private creators."""
    creators = [(_GROUP << 16) | block for block in _BLOCKS]
    return creators + [(_GROUP << 16) | (block << 8) | 0x10 for block in _BLOCKS]


def layout(header: InstanceHeader, dataset: Dataset) -> Mosaic | None:
    """Layout of the mosaic in this instance, None where it is an ordinary image."""
    if "MOSAIC" not in header.image_type:
        return None
    csa = _csa_values(_csa_bytes(dataset))
    tiles = diffusion.mosaic_tiles(dataset) or int(_first(csa.get("NumberOfImagesInMosaic")) or 0)
    if tiles < 1:
        return None
    normal = csa.get("SliceNormalVector")
    return Mosaic(
        tiles=tiles,
        normal=tuple(normal) if normal is not None and len(normal) == 3 else None,
        step_mm=fields.number(dataset, "SpacingBetweenSlices") or header.slice_thickness_mm,
    )


def side(tiles: int) -> int:
    """Tiles per row and per column of the square mosaic."""
    return math.isqrt(tiles - 1) + 1


def first_voxel(
    position: Vector, orientation: Vector, spacing: Vector, tiles: int, rows: int, columns: int
) -> Vector:
    """Position of the first voxel of the first slice, mm LPS+.

    The stored position is that of a single image as large as the mosaic about the same centre, so the corner of a tile
    lies half the difference in size further along rows and columns.
    """
    n = side(tiles)
    across = (columns - columns // n) / 2.0 * spacing[1]
    down = (rows - rows // n) / 2.0 * spacing[0]
    return tuple(position[a] + orientation[a] * across + orientation[3 + a] * down for a in range(3))


def _first(values: list[float] | None) -> float | None:
    return values[0] if values else None


def _csa_bytes(dataset: Dataset) -> bytes:
    for block in _BLOCKS:
        owner = dataset.get((_GROUP, block))
        if owner is not None and fields.clean_text(owner.value) == _CREATOR:
            element = dataset.get((_GROUP, (block << 8) | 0x10))
            return element.value if element is not None and isinstance(element.value, bytes) else b""
    return b""


def _csa_values(data: bytes) -> dict[str, list[float]]:
    """Numeric values of a CSA2 ("SV10") header; empty where it is absent or cut."""
    values: dict[str, list[float]] = {}
    if data[:4] != b"SV10" or len(data) < 16:
        return values
    try:
        (entries,) = struct.unpack_from("<I", data, 8)
        place = 16
        for _ in range(min(entries, _MAX_ENTRIES)):
            name, numbers, place = _csa_entry(data, place)
            values[name] = numbers
    except struct.error:
        return values
    return values


def _csa_entry(data: bytes, place: int) -> tuple[str, list[float], int]:
    name = data[place : place + _NAME_BYTES].split(b"\0")[0].decode("latin-1")
    _, _, _, items, _ = struct.unpack_from("<i4siii", data, place + _NAME_BYTES)
    place += _NAME_BYTES + 20
    numbers: list[float] = []
    for _ in range(min(max(items, 0), _MAX_ITEMS)):
        _, length, _, _ = struct.unpack_from("<iiii", data, place)
        place += 16
        if length < 0 or place + length > len(data):
            raise struct.error
        value = fields.as_float(
            data[place : place + length].split(b"\0")[0].decode("latin-1").strip() or None
        )
        if value is not None:
            numbers.append(value)
        place += (length + 3) // 4 * 4
    return name, numbers, place
