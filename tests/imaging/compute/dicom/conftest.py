"""Small DICOM files made on the spot, and the folder of real scans."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

SERIES_UID = "1.2.826.0.1.3680043.8.498.1"
STUDY_UID = "1.2.826.0.1.3680043.8.498.2"


def instance(**overrides: Any) -> Dataset:
    """A valid MR slice of 6 rows and 4 columns; overrides by keyword, None removes an element."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, Any] = {
        "SOPClassUID": MRImageStorage,
        "SOPInstanceUID": generate_uid(),
        "SeriesInstanceUID": SERIES_UID,
        "StudyInstanceUID": STUDY_UID,
        "Modality": "MR",
        "Manufacturer": "SIEMENS",
        "PatientName": "Doe^Jane",
        "PatientID": "P1",
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "InstanceNumber": 1,
        "Rows": 6,
        "Columns": 4,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelSpacing": [2.0, 3.0],
        "ImagePositionPatient": [-10.0, -20.0, 5.0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelData": np.arange(24, dtype="<u2").tobytes(),
    }
    for keyword, value in {**values, **overrides}.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", MRImageStorage)
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    return dataset


def write(path: Path, dataset: Dataset) -> Path:
    """Write with preamble; the pixel data take OW."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Write one instance; `name` is its path below the test's folder."""

    def make(name: str = "slice", **overrides: Any) -> Path:
        return write(tmp_path / name, instance(**overrides))

    return make


@pytest.fixture
def make_stack(make_file: Callable[..., Path]) -> Callable[..., list[Path]]:
    """Write slices at the given heights; `per_slice` gives overrides by slice index."""

    def make(
        heights: list[float], per_slice: Callable[[int], dict[str, Any]] = lambda k: {}, **common: Any
    ) -> list[Path]:
        paths = []
        for k, height in enumerate(heights):
            own = {
                "ImagePositionPatient": [-10.0, -20.0, height],
                "InstanceNumber": k + 1,
                "PixelData": (np.arange(24) + 100 * k).astype("<u2").tobytes(),
            }
            paths.append(make_file(f"series/{k:03d}", **{**own, **common, **per_slice(k)}))
        return paths

    return make


@pytest.fixture
def real_data() -> Path:
    """Folder of real scans."""
    value = os.environ.get("GLIOMON_REAL_DATA")
    if not value:
        pytest.skip("GLIOMON_REAL_DATA is not set: real scans are not checked")
    return Path(value)
