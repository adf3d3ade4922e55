"""Rendered images as DICOM files: classic single-frame MR, marked so that nobody takes them for a patient's."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.dicom_encoding import InstanceEncoder
from imaging.compute.phantoms.dicom_header import (
    acquisition_header,
    patient_header,
    series_header,
    study_header,
)
from imaging.compute.phantoms.profiles import Acquisition
from imaging.compute.phantoms.render import RenderedTimepoint
from imaging.compute.volume import Volume

FloatArray = npt.NDArray[np.floating[Any]]

STORED_MAXIMUM = 16383
SERIES_SECONDS = 300
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])

DIRECTIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Diffusion directions of the weighted images, in turn (patient coordinates)."""


@dataclasses.dataclass(frozen=True)
class PersonMarks:
    """Who the virtual patient is in the header: a key of our own, sex (M, F, O) and year of birth."""

    key: str
    sex: str = "O"
    birth_year: int | None = None


def derived_uid(*parts: object) -> UID:
    """Return a UID under 2.25 that depends on `parts` alone."""
    digest = hashlib.sha256("/".join(str(part) for part in ("gliomon-virtual", *parts)).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:15], 'big')}")


def write_dicom(
    rendered: RenderedTimepoint,
    folder: Path,
    *,
    patient_key: str,
    study_date: datetime.date,
    seed: int | None = None,
    sex: str = "O",
    birth_year: int | None = None,
) -> list[Path]:
    """Write all series of a rendered timepoint, one folder per series.

    Parameters
    ----------
    rendered : RenderedTimepoint
    folder : Path
        Made if missing. Folder and file names say nothing about the content, as exports often do.
    patient_key : str
        Patient ID; must begin with "SYNTH".
    study_date : datetime.date
    seed : int, optional
        Root of all UIDs together with the key and the date; default the seed of the rendering.
    sex, birth_year
        Patient's sex ("M", "F", "O") and year of birth (written as 1 January) for the header.

    Returns
    -------
    list of Path
        The files, in the order written.

    Raises
    ------
    DomainError
        `patient_key` when the key could be taken for a real patient's.
    """
    if not patient_key.startswith("SYNTH"):
        raise DomainError("patient_key", f"a virtual patient's key begins with SYNTH, got {patient_key!r}")
    root = (rendered.seed if seed is None else seed, patient_key, study_date.isoformat())
    person = PersonMarks(patient_key, sex, birth_year)
    paths: list[Path] = []
    for number, acquisition in enumerate(rendered.profile.acquisitions, start=1):
        volume = rendered.volumes.get(acquisition.kind)
        if volume is not None:
            writer = _SeriesWriter(volume, acquisition, number, root, person, study_date)
            paths += writer.write(folder / f"{derived_uid(*root, number)[-8:]}")
    return paths


@dataclasses.dataclass(frozen=True)
class _SeriesWriter:
    volume: Volume
    acquisition: Acquisition
    number: int
    root: tuple[object, ...]
    person: PersonMarks
    study_date: datetime.date

    def write(self, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        slope = _rescale_slope(self.volume.array)
        stored = np.rint(self.volume.array / slope).astype("<u2")
        encoder = InstanceEncoder(self._template(slope), _file_meta())
        frames = stored[..., None] if stored.ndim == 3 else stored
        paths = []
        for index, (time, level) in enumerate(np.ndindex(frames.shape[3], frames.shape[2])):
            own = self._instance(index, time, level)
            own.add_new("PixelData", "OW", np.ascontiguousarray(frames[:, :, level, time].T).tobytes())
            path = folder / f"IM{index:05d}"
            path.write_bytes(encoder.encode(own))
            paths.append(path)
        return paths

    def _template(self, slope: float) -> Dataset:
        dataset = Dataset()
        dataset.update(patient_header(self.person.key, self.person.sex, self.person.birth_year))
        dataset.update(study_header(self.study_date, self.person.key))
        dataset.update(series_header(self.acquisition, self.number))
        dataset.update(acquisition_header(self.acquisition))
        dataset.SOPClassUID = MRImageStorage
        dataset.StudyInstanceUID = derived_uid(*self.root, "study")
        dataset.FrameOfReferenceUID = derived_uid(*self.root, "frame")
        dataset.SeriesInstanceUID = derived_uid(*self.root, "series", self.number)
        dataset.RescaleSlope = f"{slope:.6g}"
        dataset.RescaleIntercept = "0"
        dataset.RescaleType = "US"
        _set_geometry(dataset, self.volume)
        return dataset

    def _instance(self, index: int, time: int, level: int) -> Dataset:
        """Return the elements that differ between the instances of a series."""
        dataset = Dataset()
        dataset.SOPInstanceUID = derived_uid(*self.root, self.number, index)
        dataset.InstanceNumber = index + 1
        position = LPS_FROM_RAS @ (self.volume.affine @ np.asarray([0.0, 0.0, level, 1.0]))[:3]
        dataset.ImagePositionPatient = [_decimal(value) for value in position]
        normal = np.cross(*_directions(self.volume))
        dataset.SliceLocation = _decimal(float(normal @ position))
        self._set_time(dataset, time)
        return dataset

    def _set_time(self, dataset: Dataset, time: int) -> None:
        seconds = 9 * 3600 + self.number * SERIES_SECONDS
        dataset.AcquisitionNumber = 1
        if self.volume.times_s is not None:
            seconds_of_time = self.volume.times_s[time]
            dataset.TemporalPositionIdentifier = time + 1
            dataset.NumberOfTemporalPositions = len(self.volume.times_s)
            dataset.TemporalResolution = _decimal(self.acquisition.tr_ms)
            dataset.AcquisitionNumber = time + 1
            dataset.AcquisitionTime = _clock(seconds + seconds_of_time)
            dataset.TriggerTime = _decimal(1000.0 * seconds_of_time)
        else:
            dataset.AcquisitionTime = _clock(seconds)
        dataset.ContentTime = dataset.AcquisitionTime
        dataset.SeriesTime = _clock(seconds)
        if self.volume.b_values is not None:
            _set_diffusion(dataset, self.volume.b_values, time)


def _set_diffusion(dataset: Dataset, b_values: tuple[float, ...], time: int) -> None:
    dataset.DiffusionBValue = b_values[time]
    dataset.AcquisitionNumber = time + 1
    if b_values[time] == 0:
        dataset.DiffusionDirectionality = "NONE"
        return
    weighted = sum(1 for b in b_values[:time] if b > 0)
    dataset.DiffusionDirectionality = "DIRECTIONAL"
    dataset.DiffusionGradientOrientation = list(DIRECTIONS[weighted % len(DIRECTIONS)])


def _set_geometry(dataset: Dataset, volume: Volume) -> None:
    """Rows run along the volume's second axis, columns along its first, slices along its third."""
    along_row, along_column = _directions(volume)
    dx, dy, dz = volume.spacing_mm
    nx, ny, _ = volume.shape3
    dataset.Rows, dataset.Columns = ny, nx
    dataset.PixelSpacing = [_decimal(dy), _decimal(dx)]
    dataset.SliceThickness = _decimal(dz)
    dataset.SpacingBetweenSlices = _decimal(dz)
    dataset.ImageOrientationPatient = [_decimal(value) for value in (*along_row, *along_column)]


def _directions(volume: Volume) -> tuple[FloatArray, FloatArray]:
    """LPS unit vectors along a row (growing column index) and along a column (growing row index)."""
    axes = LPS_FROM_RAS @ volume.affine[:3, :2] / np.asarray(volume.spacing_mm[:2])
    return axes[:, 0], axes[:, 1]


def _rescale_slope(samples: npt.NDArray[Any]) -> float:
    largest = float(samples.max()) or 1.0
    return float(f"{largest / STORED_MAXIMUM * 1.001:.6g}")


def _decimal(value: float) -> str:
    """Return a DICOM decimal string of at most 16 characters."""
    text = f"{value + 0.0:.9f}".rstrip("0").rstrip(".")
    return text if len(text) <= 16 else f"{value:.9g}"


def _clock(seconds: float) -> str:
    moment = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%H%M%S.%f")


def _file_meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = derived_uid("implementation")
    meta.ImplementationVersionName = "GLIOMON_VIRTUAL"
    return meta
