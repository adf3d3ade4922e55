"""b-values and diffusion directions, standard and by vendor.

Private elements: Siemens (0019,xx0C/0E), GE (0043,xx39) and (0019,xxBB-BD), Philips (2001,xx03) and (2005,xxB0-B2),
UIH (0065,xx09/37), Toshiba in ImageComments. Anonymised files often lose the private creator, so the customary
block 0x10 is tried where no creator is left.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from imaging.compute.dicom import fields

GE_B_OFFSET = 100_000
B_ROUNDING = 10.0  # s/mm^2
B_TOLERANCE = 0.05  # fraction of b: the same shell
MAX_B = 50_000.0  # s/mm^2, beyond any scanner: the element holds something else
_GROUPS: dict[int, tuple[str, tuple[int, ...]]] = {
    0x0019: ("", (0x0A, 0x0C, 0x0E, 0xBB, 0xBC, 0xBD)),
    0x0043: ("GEMS_PARM_01", (0x39,)),
    0x2001: ("Philips Imaging DD 001", (0x03,)),
    0x2005: ("Philips MR Imaging DD 001", (0xB0, 0xB1, 0xB2)),
    0x0065: ("Image Private Header", (0x09, 0x37)),
}
_BLOCKS = range(0x10, 0x18)
_SEQUENCE_B = re.compile(r"ep_b(\d{1,5})")
_TOSHIBA_B = re.compile(r"\bb\s*=\s*(\d{1,5}(?:\.\d+)?)", re.IGNORECASE)


def private_tags() -> list[int]:
    """Tags that hold vendors' b-values and directions, with their private creators."""
    creators = [(group << 16) | block for group in _GROUPS for block in _BLOCKS]
    values = [
        (group << 16) | (block << 8) | element
        for group, (_, elements) in _GROUPS.items()
        for block in _BLOCKS
        for element in elements
    ]
    return creators + values


def _private(dataset: Dataset, group: int, element: int, creator: str) -> Any:
    """Value of a private element, by its creator or, where none is left, at block 0x10."""
    for block in _BLOCKS:
        owner = dataset.get((group, block))
        if owner is not None and fields.clean_text(owner.value).startswith(creator):
            found = dataset.get((group, (block << 8) | element))
            return None if found is None else found.value
    if any((group, block) in dataset for block in _BLOCKS):
        return None
    found = dataset.get((group, 0x1000 | element))
    return None if found is None else found.value


def _values(value: Any, code: str) -> list[float]:
    """Numbers of a private element; unknown VRs arrive as bytes, `code` tells text ("s") from binary ("f", "d")."""
    if isinstance(value, bytes):
        value = _from_bytes(value, code)
    numbers = (fields.as_float(part) for part in fields.as_list(value))
    return [part for part in numbers if part is not None]


def _from_bytes(value: bytes, code: str) -> list[Any]:
    size = {"f": 4, "d": 8}.get(code)
    if size and len(value) % size == 0:
        return list(struct.unpack(f"<{len(value) // size}{code}", value))
    return value.decode("ascii", "replace").strip("\0 ").split("\\")


def b_value(dataset: Dataset, *, manufacturer: str, sequence_name: str) -> float | None:
    """b of a classic instance in s/mm^2: the standard element first, then the vendor's own.

    Parameters
    ----------
    dataset : Dataset
        Header of the instance.
    manufacturer, sequence_name : str
        As the header states them.

    Returns
    -------
    float or None
        None where the header says nothing of diffusion.
    """
    standard = fields.number(dataset, "DiffusionBValue")
    if standard is None:
        standard = _vendor_b(dataset, manufacturer.upper(), sequence_name)
    return standard if standard is not None and 0 <= standard <= MAX_B else None


def _vendor_b(dataset: Dataset, maker: str, sequence_name: str) -> float | None:
    if "SIEMENS" in maker:
        found = _values(_private(dataset, 0x0019, 0x0C, "SIEMENS MR HEADER"), "s")
        return found[0] if found else _b_in_name(sequence_name)
    if maker.startswith("GE"):
        found = _values(_private(dataset, 0x0043, 0x39, "GEMS_PARM_01"), "s")
        return found[0] % GE_B_OFFSET if found else None
    if "PHILIPS" in maker:
        return _first(_values(_private(dataset, 0x2001, 0x03, "Philips Imaging DD 001"), "f"))
    if "UIH" in maker or "UNITED IMAGING" in maker:
        return _first(_values(_private(dataset, 0x0065, 0x09, "Image Private Header"), "d"))
    if "TOSHIBA" in maker or "CANON" in maker:
        match = _TOSHIBA_B.search(fields.joined(dataset, "ImageComments"))
        return float(match.group(1)) if match else None
    return None


def _first(values: list[float]) -> float | None:
    return values[0] if values else None


def _b_in_name(sequence_name: str) -> float | None:
    match = _SEQUENCE_B.search(sequence_name)
    return float(match.group(1)) if match else None


def direction(dataset: Dataset, *, manufacturer: str) -> tuple[float, ...] | None:
    """Unit-length diffusion direction as stored, None for b = 0, trace images and where nothing is said."""
    standard = fields.numbers(dataset, "DiffusionGradientOrientation", 3)
    return usable_direction(
        standard if standard is not None else _vendor_direction(dataset, manufacturer.upper())
    )


def _vendor_direction(dataset: Dataset, maker: str) -> Sequence[float] | None:
    if "SIEMENS" in maker:
        return _values(_private(dataset, 0x0019, 0x0E, "SIEMENS MR HEADER"), "d")
    if maker.startswith("GE"):
        parts = [_values(_private(dataset, 0x0019, e, "GEMS_ACQU_01"), "s") for e in (0xBB, 0xBC, 0xBD)]
        return [part[0] for part in parts if part]
    if "PHILIPS" in maker:
        parts = [
            _values(_private(dataset, 0x2005, e, "Philips MR Imaging DD 001"), "f")
            for e in (0xB0, 0xB1, 0xB2)
        ]
        return [part[0] for part in parts if part]
    if "UIH" in maker or "UNITED IMAGING" in maker:
        return _values(_private(dataset, 0x0065, 0x37, "Image Private Header"), "d")
    return None


def usable_direction(values: Sequence[float] | None) -> tuple[float, ...] | None:
    """Three finite components with a length near 1, else None (a zero vector means no direction)."""
    if values is None or len(values) != 3:
        return None
    length = sum(value * value for value in values) ** 0.5
    return tuple(float(value) for value in values) if 0.5 < length < 2.0 else None


def mosaic_tiles(dataset: Dataset) -> int | None:
    """Number of slices in a Siemens mosaic (0019,xx0A)."""
    found = _private(dataset, 0x0019, 0x0A, "SIEMENS MR HEADER")
    if isinstance(found, bytes) and len(found) == 2:
        return int.from_bytes(found, "little")
    return next((int(value) for value in _values(found, "s")), None)


def group_b_values(b_values: Sequence[float]) -> tuple[float, ...]:
    """Shell of each b-value: rounded to the nearest 10 s/mm^2, neighbours within 5 % become one shell.

    Parameters
    ----------
    b_values : sequence of float
        s/mm^2, one per entry.

    Returns
    -------
    tuple of float
        s/mm^2, same length: the smallest rounded b of the shell each entry falls into. For naming and counting
        shells; a fit uses the b-values themselves.
    """
    rounded = [B_ROUNDING * round(b / B_ROUNDING) for b in b_values]
    shells: list[float] = []
    for b in sorted(set(rounded)):
        if not shells or b > shells[-1] * (1.0 + B_TOLERANCE):
            shells.append(b)
    return tuple(max(shell for shell in shells if shell <= b) for b in rounded)
