"""Unpack an untrusted zip into a folder, under names of ours, or refuse it as a whole.

Runs in a limited child process (`imaging.compute.dicom.sandbox`), so it imports neither Django nor models.
"""

from __future__ import annotations

import dataclasses
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from gliomon.common.errors import DomainError

_CHUNK = 1 << 20
_DICOM_MARK = 128
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OTHER_MAGIC = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")
_TAR_MARK = 257
_NESTED_SUFFIXES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED_BITS = 0x0001 | 0x0040 | 0x2000
# The list of entries at a zip's end: 46 bytes and a name each; more than this is no list of 20,000 files.
_DIRECTORY_BYTES = 16 * 1024**2
_END_RECORD = struct.Struct("<4s4H2LH")
_END_SEARCH = 65_535 + 22
# Below this an archive may inflate as it likes: an empty slice deflates to next to nothing.
_RATIO_FREE_BYTES = 1024**2


@dataclasses.dataclass(frozen=True)
class ArchiveLimits:
    """Caps of one unpacking: files, inflated bytes, and inflated bytes per byte of the archive."""

    files: int = 20_000
    inflated_bytes: int = 10 * 1024**3
    ratio: int = 100


def is_zip(path: Path) -> bool:
    """Whether a file is to be unpacked: a zip by its first bytes, and no DICOM file."""
    with path.open("rb") as file:
        head = file.read(_DICOM_MARK + 4)
    return head.startswith(_ZIP_MAGIC) and head[_DICOM_MARK:] != b"DICM"


def unpack_item(item: dict[str, Any]) -> dict[str, Any]:
    """`unpack` for the sandbox: JSON in, JSON out."""
    limits = ArchiveLimits(**item["limits"])
    names, inflated = unpack(Path(item["path"]), Path(item["folder"]), prefix=item["prefix"], limits=limits)
    return {"names": names, "inflated": inflated}


def unpack(
    path: Path, folder: Path, *, prefix: str, limits: ArchiveLimits = ArchiveLimits()
) -> tuple[dict[str, str], int]:
    """Write every file of a zip into `folder` as `<prefix>-00001`, ...; bytes are counted while they are inflated.

    Returns
    -------
    names : dict
        Stored name -> name inside the archive.
    inflated : int
        Bytes written.

    Raises
    ------
    DomainError
        `archive_unreadable`, `archive_encrypted`, `archive_nested`, `archive_path_unsafe`, `archive_link`,
        `archive_method`, `archive_too_many_files`, `archive_too_large`, `archive_ratio`. What was written by
        then stays: the caller throws the whole folder away.
    """
    _refuse_long_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpack_all(archive, path.stat().st_size, folder, prefix, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise DomainError(
            "archive_unreadable", f"the archive is damaged or cut off ({type(error).__name__})"
        ) from error


def _refuse_long_directory(path: Path) -> None:
    """Refuse by the end record before the list of entries is read into memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_SEARCH))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_RECORD.size:
        raise DomainError("archive_unreadable", "the archive has no end: it was cut off")
    directory_bytes = _END_RECORD.unpack_from(tail, at)[5]
    if directory_bytes != 0xFFFFFFFF and directory_bytes > _DIRECTORY_BYTES:
        raise DomainError(
            "archive_too_many_files", "the archive's list of files is longer than for 20,000 files"
        )


@dataclasses.dataclass
class _Budget:
    """What may still be inflated."""

    limits: ArchiveLimits
    archive_bytes: int
    inflated: int = 0

    def spend(self, count: int) -> None:
        self.inflated += count
        if self.inflated > self.limits.inflated_bytes:
            gib = self.limits.inflated_bytes / 1024**3
            raise DomainError("archive_too_large", f"the archive inflates to more than {gib:.1f} GiB")
        if self.inflated > max(_RATIO_FREE_BYTES, self.limits.ratio * self.archive_bytes):
            raise DomainError(
                "archive_ratio", f"the archive inflates to more than {self.limits.ratio} times its size"
            )


def _unpack_all(
    archive: zipfile.ZipFile, size: int, folder: Path, prefix: str, limits: ArchiveLimits
) -> tuple[dict[str, str], int]:
    entries = archive.infolist()
    if len(entries) > limits.files:
        raise DomainError(
            "archive_too_many_files", f"{len(entries)} entries; at most {limits.files} are taken"
        )
    for entry in entries:
        _refuse_entry(entry)
    budget = _Budget(limits, size)
    names: dict[str, str] = {}
    for entry in entries:
        if not entry.is_dir():
            stored = f"{prefix}-{len(names) + 1:05d}"
            names[stored] = entry.filename
            _inflate(archive, entry, folder / stored, budget)
    return names, budget.inflated


def _refuse_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename.replace("\\", "/")
    if entry.flag_bits & _ENCRYPTED_BITS:
        raise DomainError("archive_encrypted", "the archive is encrypted; send it without a password")
    if _is_unsafe(name):
        raise DomainError("archive_path_unsafe", "the archive holds a path that leads out of it")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DomainError("archive_link", "the archive holds a symbolic link or a special file")
    if entry.compress_type not in _METHODS:
        raise DomainError("archive_method", "the archive is packed by a method other than deflate")
    if name.lower().endswith(_NESTED_SUFFIXES):
        raise DomainError("archive_nested", "the archive holds another archive; unpack the inner one first")


def _is_unsafe(name: str) -> bool:
    path = PurePosixPath(name)
    drive = len(name) > 1 and name[1] == ":"
    return path.is_absolute() or drive or ".." in path.parts or "\x00" in name


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: _Budget) -> None:
    with archive.open(entry) as source, target.open("xb") as sink:
        first = _copy(source, sink, budget)
    if _is_archive(first):
        raise DomainError("archive_nested", "the archive holds another archive; unpack the inner one first")


def _copy(source: Any, sink: BinaryIO, budget: _Budget) -> bytes:
    """Copy with counting; returns the first bytes."""
    first = b""
    while chunk := source.read(_CHUNK):
        budget.spend(len(chunk))
        sink.write(chunk)
        first = first or chunk[:512]
    return first


def _is_archive(head: bytes) -> bool:
    if head[_DICOM_MARK : _DICOM_MARK + 4] == b"DICM":
        return False
    return head.startswith(_ZIP_MAGIC + _OTHER_MAGIC) or head[_TAR_MARK : _TAR_MARK + 5] == b"ustar"
