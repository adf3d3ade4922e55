"""Siemens mosaics: tiles become slices; nibabel's reader of mosaics is the second opinion."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from imaging.compute.dicom.limits import Limits
from imaging.compute.dicom.mosaic import side
from imaging.compute.dicom.parse import parse_file
from imaging.compute.dicom.read import read_volume

TILES, ROWS, COLUMNS = 7, 5, 4


def csa(values: dict[str, list[str]]) -> bytes:
    """A CSA2 header holding text values by name."""
    out = b"SV10\4\3\2\1" + struct.pack("<II", len(values), 77)
    for name, items in values.items():
        out += name.encode().ljust(64, b"\0") + struct.pack(
            "<i4siii", len(items), b"FD\0\0", 3, len(items), 77
        )
        for text in items:
            data = text.encode() + b"\0"
            out += struct.pack("<iiii", len(data), len(data), 77, len(data)) + data.ljust(
                (len(data) + 3) // 4 * 4, b"\0"
            )
    return out


def mosaic_file(path: Path, slices: np.ndarray, normal: list[float]) -> Path:
    """Tile slices (tile, row, column) row by row into a square mosaic."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    n = side(len(slices))
    image = np.zeros((n * ROWS, n * COLUMNS), dtype="<u2")
    for tile, plane in enumerate(slices):
        row, column = divmod(tile, n)
        image[row * ROWS : (row + 1) * ROWS, column * COLUMNS : (column + 1) * COLUMNS] = plane
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3", "1.2.4"
    dataset.Modality, dataset.Manufacturer = "MR", "SIEMENS"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.Rows, dataset.Columns = image.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelSpacing, dataset.SpacingBetweenSlices, dataset.SliceThickness = [2.0, 3.0], 4.0, 3.5
    dataset.ImagePositionPatient = [-60.0, -50.0, 11.0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 0.8, 0.6]
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", len(slices))
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    header = {"NumberOfImagesInMosaic": [str(len(slices))], "SliceNormalVector": [str(x) for x in normal]}
    block.add_new(0x10, "OB", csa(header))
    dataset.PixelData = image.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_mosaic_against_nibabel(tmp_path: Path, sign: float) -> None:
    wrappers = pytest.importorskip("nibabel.nicom.dicomwrappers")
    slices = np.random.default_rng(3).integers(0, 4000, (TILES, ROWS, COLUMNS)).astype("<u2")
    path = mosaic_file(tmp_path / "mosaic", slices, [0.0, -0.6 * sign, 0.8 * sign])
    volume = read_volume([parse_file(path, Limits())], kind="other")
    assert volume.array.shape == (COLUMNS, ROWS, TILES)
    order = slices if sign > 0 else slices[::-1]
    np.testing.assert_array_equal(volume.array, order.transpose(2, 1, 0))

    other = wrappers.MosaicWrapper(dcmread(path), n_mosaic=TILES)
    lps_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    for tile in range(TILES):
        # nibabel counts (row, column, slice) and keeps LPS+
        theirs = lps_to_ras @ other.affine @ [2, 1, tile, 1]
        ours = volume.affine @ [1, 2, tile if sign > 0 else TILES - 1 - tile, 1]
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
        assert other.get_data()[2, 1, tile] == slices[tile, 2, 1]


def test_cut_vendor_header_is_survived(tmp_path: Path) -> None:
    from imaging.compute.dicom.mosaic import _csa_values

    whole = csa({"A": ["1.5"], "SliceNormalVector": ["0", "0", "1"]})
    assert _csa_values(whole) == {"A": [1.5], "SliceNormalVector": [0.0, 0.0, 1.0]}
    for length in range(0, len(whole), 7):
        assert set(_csa_values(whole[:length])) <= {"A", "SliceNormalVector"}


def test_side() -> None:
    assert [side(n) for n in (1, 2, 4, 5, 9, 10, 36, 37)] == [1, 2, 2, 3, 3, 4, 6, 7]
