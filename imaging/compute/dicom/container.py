"""Open an untrusted DICOM file: preamble, transfer syntax, capped inflation, length of the pixel data."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from gliomon.common.errors import DomainError
from imaging.compute.dicom.limits import Limits

PREAMBLE = 132
PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
PIXEL_DATA = 0x7FE00010
UNDEFINED_LENGTH = 0xFFFFFFFF
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_CHUNK = 1 << 20


@dataclasses.dataclass
class PixelElement:
    """Where the pixel data element lies and how long it says it is."""

    tag: int
    declared: int
    available: int
    fragments: int | None = None


@dataclasses.dataclass
class Opened:
    """A parsed header and the place of its pixel data (`stream` stands at the element's tag)."""

    dataset: Dataset
    transfer_syntax: UID
    pixels: PixelElement | None
    stream: BinaryIO


def has_preamble(path: Path) -> bool:
    """Whether the file carries the DICM mark after 128 bytes."""
    with path.open("rb") as file:
        return file.read(PREAMBLE)[128:] == b"DICM"


def open_header(path: Path, limits: Limits, *, tags: list[int] | None = None) -> Opened:
    """Parse the data set up to, not including, its pixel data.

    Parameters
    ----------
    path : Path
        An untrusted file; call this in a child process with limited memory and time.
    limits : Limits
        Caps for size and inflation.
    tags : list of int, optional
        Only these elements are kept (faster).

    Raises
    ------
    DomainError
        `not_dicom`, `dicom_too_large`, `dicom_unreadable`, `dicomdir_ignored`.
    """
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise DomainError(
            "dicom_too_large", f"the file has {size} bytes, at most {limits.file_bytes} are read"
        )
    file = path.open("rb")
    watcher = _PixelWatcher()
    try:
        meta = _read_meta(file)
        syntax = _transfer_syntax(meta)
        if syntax == DeflatedExplicitVRLittleEndian:
            return _open_deflated(file, meta, watcher, limits, size, tags)
        file.seek(0)
        dataset = read_partial(file, stop_when=watcher, specific_tags=_as_tags(tags))
        return Opened(dataset, syntax, watcher.element(file, size), file)
    except BaseException:
        file.close()
        raise


def _as_tags(tags: list[int] | None) -> list[Any] | None:
    return None if tags is None else [Tag(tag) for tag in tags]


def _read_meta(file: BinaryIO) -> Dataset:
    """Group 2; leaves the file at the data set. (pydicom's own opener would inflate everything without a cap.)"""
    if file.read(PREAMBLE)[128:] != b"DICM":
        raise DomainError("not_dicom", "the file has no DICM mark: it is not a DICOM file")
    return read_dataset(
        file, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, vr, length: tag.group != 2
    )


def _transfer_syntax(meta: Dataset) -> UID:
    if meta.get("MediaStorageSOPClassUID") == MEDIA_DIRECTORY:
        raise DomainError(
            "dicomdir_ignored", "a DICOMDIR index is never followed: its files are read one by one"
        )
    value = meta.get("TransferSyntaxUID")
    if not value:
        raise DomainError("dicom_unreadable", "the file does not name its transfer syntax (0002,0010)")
    syntax = UID(str(value))
    if not syntax.is_transfer_syntax or not syntax.name or syntax.name == str(syntax):
        raise DomainError("dicom_unreadable", f"transfer syntax {str(syntax)[:64]} is not known")
    return syntax


def _open_deflated(
    file: BinaryIO, meta: Dataset, watcher: _PixelWatcher, limits: Limits, size: int, tags: list[int] | None
) -> Opened:
    body = io.BytesIO(_inflate(file, limits, size))
    dataset = read_dataset(
        body, is_implicit_VR=False, is_little_endian=True, stop_when=watcher, specific_tags=_as_tags(tags)
    )
    file.close()
    pixels = watcher.element(body, len(body.getvalue()))
    return Opened(dataset, UID(str(meta.TransferSyntaxUID)), pixels, body)


def _inflate(file: BinaryIO, limits: Limits, size: int) -> bytes:
    """Inflate from the file's current place, counting what comes out."""
    cap = min(limits.inflated_bytes, max(limits.inflation_ratio * size, _CHUNK))
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    total = 0
    pending = b""
    while not engine.eof:
        pending = pending or file.read(_CHUNK)
        if not pending:
            raise DomainError("dicom_unreadable", "the deflated data set ends before its end mark")
        try:
            part = engine.decompress(pending, _CHUNK)
        except zlib.error as error:
            raise DomainError("dicom_unreadable", f"the deflated data set is corrupt: {error}") from error
        pending = engine.unconsumed_tail
        total += len(part)
        if total > cap:
            raise DomainError("dicom_too_large", f"{size} bytes inflate to more than {cap} bytes")
        parts.append(part)
    return b"".join(parts)


class _PixelWatcher:
    """Stops the parser at the pixel data and remembers the element's declared length."""

    def __init__(self) -> None:
        self.tag = 0
        self.declared = 0

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag not in PIXEL_TAGS:
            return False
        self.tag, self.declared = int(tag), length
        return True

    def element(self, stream: BinaryIO, size: int) -> PixelElement | None:
        """The pixel element at the stream's current place, None where the parser met none."""
        if not self.tag:
            return None
        start = stream.tell()
        head = stream.read(12)
        header = 12 if head[4:6] in (b"OW", b"OB", b"OF", b"OD", b"UN") else 8
        fragments = None
        if self.declared == UNDEFINED_LENGTH:
            stream.seek(start + header)
            fragments = _count_fragments(stream, size)
        stream.seek(start)
        return PixelElement(self.tag, self.declared, max(0, size - start - header), fragments)


def _count_fragments(stream: BinaryIO, size: int) -> int:
    """Walk the encapsulated fragments to their delimiter without reading them."""
    count = 0
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise DomainError("dicom_unreadable", "the compressed pixel data end before their end mark")
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) == (0xFFFE, 0xE0DD):
            return count
        if (group, element) != (0xFFFE, 0xE000) or stream.tell() + length > size:
            raise DomainError("dicom_unreadable", "the compressed pixel data are cut or corrupt")
        stream.seek(length, io.SEEK_CUR)
        count += 1
