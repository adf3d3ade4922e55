"""A zip is unpacked under names of ours, or refused as a whole with a reason."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gliomon.common.errors import DomainError
from imaging.services.archives import ArchiveLimits, is_zip, unpack

DEFAULT = ArchiveLimits()


def _zip(path: Path, fill: Callable[[zipfile.ZipFile], None]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path


def _inner() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", b"x")
    return buffer.getvalue()


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


def _refusal(path: Path, folder: Path, limits: ArchiveLimits = DEFAULT) -> str:
    folder.mkdir()
    with pytest.raises(DomainError) as caught:
        unpack(path, folder, prefix="f00001", limits=limits)
    return caught.value.code


def test_files_come_out_under_our_names(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("study/", b"")
        archive.writestr("study/JANE DOE/IM1", b"first")
        archive.writestr("study/IM2", b"second")

    target = tmp_path / "out"
    target.mkdir()
    names, inflated = unpack(_zip(tmp_path / "a.zip", fill), target, prefix="f00001")
    assert names == {"f00001-00001": "study/JANE DOE/IM1", "f00001-00002": "study/IM2"}
    assert inflated == 11
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {
        "f00001-00001": b"first",
        "f00001-00002": b"second",
    }


@pytest.mark.parametrize(
    ("fill", "code"),
    [
        (lambda archive: archive.writestr("../out", b"x"), "archive_path_unsafe"),
        (lambda archive: archive.writestr("a/../../out", b"x"), "archive_path_unsafe"),
        (lambda archive: archive.writestr("/etc/out", b"x"), "archive_path_unsafe"),
        (lambda archive: archive.writestr("..\\out", b"x"), "archive_path_unsafe"),
        (lambda archive: archive.writestr("C:\\out", b"x"), "archive_path_unsafe"),
        (_link, "archive_link"),
        (lambda archive: archive.writestr("inner.zip", b"x"), "archive_nested"),
        (lambda archive: archive.writestr("innocent", _inner()), "archive_nested"),
        (
            lambda archive: archive.writestr("innocent", b"\0" * 257 + b"ustar" + b"\0" * 300),
            "archive_nested",
        ),
        (lambda archive: archive.writestr("zeros", b"\0" * 20_000_000), "archive_ratio"),
        (lambda archive: archive.writestr("x", b"x", compress_type=zipfile.ZIP_BZIP2), "archive_method"),
    ],
)
def test_what_is_refused(tmp_path: Path, fill: Callable[[zipfile.ZipFile], None], code: str) -> None:
    assert _refusal(_zip(tmp_path / "a.zip", fill), tmp_path / "out") == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


def test_encrypted_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", lambda archive: archive.writestr("x", b"x"))
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert _refusal(path, tmp_path / "out") == "archive_encrypted"


def test_bytes_are_counted_while_inflating(tmp_path: Path) -> None:
    """The headers say 10 bytes; the stream holds 20 million."""
    path = _zip(tmp_path / "a.zip", lambda archive: archive.writestr("zeros", b"\0" * 20_000_000))
    raw = bytearray(path.read_bytes())
    for at in (22, raw.index(b"PK\x01\x02") + 24):
        struct.pack_into("<L", raw, at, 10)
    path.write_bytes(raw)
    assert _refusal(path, tmp_path / "out") in ("archive_ratio", "archive_unreadable")
    assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 2_000_000


def test_caps_on_files_and_bytes(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        for number in range(4):
            archive.writestr(f"f{number}", bytes(range(256)) * 10)

    path = _zip(tmp_path / "a.zip", fill)
    assert _refusal(path, tmp_path / "one", ArchiveLimits(files=3)) == "archive_too_many_files"
    assert _refusal(path, tmp_path / "two", ArchiveLimits(inflated_bytes=9_000)) == "archive_too_large"


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", lambda archive: archive.writestr("x", b"x" * 5000))
    path.write_bytes(path.read_bytes()[:-30])
    assert _refusal(path, tmp_path / "out") == "archive_unreadable"


def test_a_long_list_of_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", lambda archive: archive.writestr("x", b"x"))
    raw = bytearray(path.read_bytes())
    struct.pack_into("<L", raw, len(raw) - 22 + 12, 2**30)
    path.write_bytes(raw)
    assert _refusal(path, tmp_path / "out") == "archive_too_many_files"


def test_a_dicom_file_is_never_unpacked(tmp_path: Path) -> None:
    """A DICOM file may begin with anything, a zip's first bytes included."""
    (tmp_path / "dicom").write_bytes(b"PK\x03\x04" + b"\0" * 124 + b"DICM" + b"\0" * 10)
    (tmp_path / "zip").write_bytes(_inner())
    (tmp_path / "text").write_bytes(b"hello")
    assert [is_zip(tmp_path / name) for name in ("dicom", "zip", "text")] == [False, True, False]
