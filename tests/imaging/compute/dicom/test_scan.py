"""Folders as they come: mixed, broken and hostile files each get a stable code, and the good ones still go in."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom.config
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from gliomon.common.errors import DomainError
from imaging.compute.dicom.limits import Limits
from imaging.compute.dicom.parse import parse_file
from imaging.compute.dicom.scan import scan_files

MakeFile = Callable[..., Path]


def code_of(path: Path, **limits: Any) -> str:
    """What the parser says, in this process (for files that cannot harm it)."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        parse_file(path, Limits(**limits))
    except DomainError as error:
        return error.code
    return "read"


def scanned_code(path: Path) -> str:
    """What a scan says, with the child process."""
    result = scan_files([path])
    assert len(result.instances) + len(result.unreadable) == 1
    return result.unreadable[0].code if result.unreadable else "read"


def part10(body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    """A file with a hand-made data set."""
    element = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(element))
    return b"\0" * 128 + b"DICM" + length + element + body


def cut(path: Path, fraction: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path


def test_mixed_folder(make_file: MakeFile, tmp_path: Path) -> None:
    make_file("a/b/c/IM1")
    make_file("a/noextension")
    make_file("z.dcm", StudyInstanceUID="1.9")
    (tmp_path / "a/readme.txt").write_text("hello" * 100)
    (tmp_path / "a/DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"../../etc/passwd")
    (tmp_path / "a/link").symlink_to(tmp_path / "z.dcm")
    result = scan_files([tmp_path])
    assert len(result.instances) == 3
    assert {(Path(u.path).name, u.code) for u in result.unreadable} == {
        ("readme.txt", "not_dicom"),
        ("DICOMDIR", "dicomdir_ignored"),
    }
    assert [len(study.series) for study in result.studies] == [1, 1]


def test_relative_paths_become_absolute(
    make_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_file("a/b")
    monkeypatch.chdir(tmp_path)
    (header,) = scan_files([Path("a")]).instances
    assert header.path == str(made)


def test_the_name_is_not_kept(make_file: MakeFile) -> None:
    (header,) = scan_files([make_file()]).instances
    assert "Doe" not in json.dumps(header.to_json())
    assert header.patient_id == "P1"
    assert not header.is_synthetic


def test_phantom_marks(make_file: MakeFile) -> None:
    named = make_file("named", PatientName="SYNTH^one")
    maker = make_file("maker", Manufacturer="gliomon virtual scanner")
    assert [header.is_synthetic for header in scan_files([named, maker]).instances] == [True, True]


def test_same_instance_twice(make_file: MakeFile, tmp_path: Path) -> None:
    first = make_file("one", SOPInstanceUID="1.2.3")
    (tmp_path / "two").write_bytes(first.read_bytes())
    make_file("other", SOPInstanceUID="1.2.3", PatientID="P2")
    result = scan_files([tmp_path / "one", tmp_path / "two", tmp_path / "other"])
    assert [Path(header.path).name for header in result.instances] == ["one"]
    assert [Path(path).name for path in result.repeated] == ["two"]
    assert [u.code for u in result.unreadable] == ["dicom_uid_conflict"]


@pytest.mark.parametrize("size", [0, 127, 131])
def test_too_short(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\0" * size)
    assert scanned_code(path) == "not_dicom"


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_truncated(make_file: MakeFile, fraction: float) -> None:
    assert scanned_code(cut(make_file(), fraction)) in {"dicom_unreadable", "not_dicom"}


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings(tmp_path: Path, syntax: str) -> None:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    name = {ImplicitVRLittleEndian: "MR_small_implicit.dcm", ExplicitVRBigEndian: "MR_small_bigendian.dcm"}[
        syntax
    ]
    source = Path(str(get_testdata_file(name)))
    assert dcmread(source).file_meta.TransferSyntaxUID == syntax
    (header,) = scan_files([source]).instances
    assert (header.rows, header.columns, header.modality) == (64, 64, "MR")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SOPInstanceUID": "../../x"}, "dicom_invalid_uid"),
        ({"SOPInstanceUID": "1" * 65}, "dicom_invalid_uid"),
        ({"SeriesInstanceUID": "1.2.a"}, "dicom_invalid_uid"),
        ({"StudyInstanceUID": None}, "dicom_invalid_uid"),
        ({"SeriesInstanceUID": "1.2.\u00b2"}, "dicom_invalid_uid"),
        ({"Rows": 0}, "dicom_invalid_rows"),
        ({"Columns": 0}, "dicom_invalid_columns"),
        ({"NumberOfFrames": 0}, "dicom_invalid_frames"),
        ({"NumberOfFrames": 40}, "dicom_invalid_pixel_data"),
        ({"NumberOfFrames": 2_000_000_000}, "dicom_too_large"),
        ({"Rows": 65535, "Columns": 65535}, "dicom_too_large"),
        ({"BitsAllocated": 64}, "dicom_invalid_bits"),
        ({"BitsAllocated": 8}, "dicom_invalid_bits"),
        ({"PixelData": b"\0" * 10}, "dicom_invalid_pixel_data"),
        ({"PixelData": None}, "dicom_unreadable"),
        ({"PixelSpacing": [0, 1]}, "dicom_invalid_spacing"),
        ({"PixelSpacing": ["nan", 1]}, "dicom_invalid_spacing"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "dicom_invalid_orientation"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "dicom_invalid_orientation"),
        ({"ImagePositionPatient": ["nan", 0, 0]}, "dicom_invalid_position"),
        ({"ImagePositionPatient": [1, 2]}, "dicom_invalid_position"),
        ({"RescaleSlope": 0}, "dicom_invalid_rescale"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bad_content(
    make_file: MakeFile, change: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pydicom.config.settings, "_writing_validation_mode", pydicom.config.IGNORE)
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.IGNORE)
    assert code_of(make_file(**change)) == code


def test_deflate_bomb(tmp_path: Path) -> None:
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 600 << 20)
    packed = (
        engine.compress(head)
        + b"".join(engine.compress(b"\0" * (1 << 20)) for _ in range(600))
        + engine.flush()
    )
    path = tmp_path / "bomb"
    path.write_bytes(part10(packed, b"1.2.840.10008.1.2.1.99"))
    assert path.stat().st_size < 700_000
    assert scanned_code(path) == "dicom_too_large"


def test_corrupt_deflate(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(part10(b"\xff" * 1000, b"1.2.840.10008.1.2.1.99"))
    assert code_of(path) == "dicom_unreadable"


def test_honest_deflate(tmp_path: Path, make_file: MakeFile) -> None:
    from pydicom import dcmread

    dataset = dcmread(make_file("plain"))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated")
    (header,) = scan_files([tmp_path / "deflated"]).instances
    assert (header.rows, header.columns) == (6, 4)


@pytest.mark.parametrize("syntax", [b"", b"1.2.3.4.5\0", b"1.2.840.10008.1.1\0"])
def test_transfer_syntax_missing_or_unknown(tmp_path: Path, syntax: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(part10(b"", syntax))
    assert code_of(path) == "dicom_unreadable"


def test_sequences_nested_5000_deep(tmp_path: Path) -> None:
    opening = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    path = tmp_path / "x"
    path.write_bytes(part10(opening * 5000))
    assert scanned_code(path) == "dicom_unreadable"


def test_a_million_elements(tmp_path: Path) -> None:
    body = b"".join(
        struct.pack("<HH2sH", 0x0008 + 2 * (i // 0xF000), i % 0xF000, b"LO", 0) for i in range(1_000_000)
    )
    path = tmp_path / "x"
    path.write_bytes(part10(body))
    assert scanned_code(path) == "dicom_unreadable"


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0xFFFFFFFF, 100_000_000])
def test_element_longer_than_the_file(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(part10(struct.pack("<HH2sHI", 0x0008, 0x0018, b"UN", 0, length) + b"1.2"))
    assert scanned_code(path) in {"dicom_unreadable", "dicom_too_large"}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_megabyte_of_text(make_file: MakeFile) -> None:
    path = make_file(
        SpecificCharacterSet="ISO_IR 192", ImageComments="x" * 1_000_000, ProtocolName="\u202eevil\0 <script>"
    )
    (header,) = scan_files([path]).instances
    assert header.protocol == "evil <script>"


def test_report_without_image(make_file: MakeFile) -> None:
    path = make_file(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34", Modality="SR", Rows=None, PixelData=None)
    assert code_of(path) == "not_image"


def test_limits(make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file()
    assert code_of(path, file_bytes=100) == "dicom_too_large"
    with pytest.raises(DomainError) as caught:
        scan_files([path, path, path], limits=Limits(files=2))
    assert caught.value.code == "too_many_files"


def test_bad_files_do_not_harm_their_neighbours(make_file: MakeFile, tmp_path: Path) -> None:
    good = [make_file(f"good{i}") for i in range(3)]
    bad = [cut(make_file(f"bad{i}"), 0.8) for i in range(2)]
    result = scan_files([good[0], bad[0], good[1], bad[1], good[2]])
    assert [header.path for header in result.instances] == [str(path) for path in good]
    assert [u.path for u in result.unreadable] == [str(path) for path in bad]
