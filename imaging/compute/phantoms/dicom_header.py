"""Header blocks of virtual DICOM series: patient, study, series and acquisition."""

from __future__ import annotations

import dataclasses
import datetime

from pydicom.dataset import Dataset

from imaging.compute.phantoms.profiles import Acquisition

METHOD = "gliomon virtual patient: computed, no person was scanned"
"""De-identification method (0012,0063), at most 64 characters."""

MANUFACTURER = "gliomon virtual scanner"


@dataclasses.dataclass(frozen=True)
class _Naming:
    """How scanners name and type a sequence."""

    description: str
    scanning: tuple[str, ...]
    variant: tuple[str, ...]
    dimensions: str
    sequence_name: str
    contrast: str


_NAMING: dict[str, _Naming] = {
    "t1": _Naming("Ax 3D T1 SPGR", ("GR",), ("SK", "SP"), "3D", "*fl3d1", "T1"),
    "t1ce": _Naming("Ax 3D T1 SPGR +C", ("GR",), ("SK", "SP"), "3D", "*fl3d1", "T1"),
    "t2": _Naming("t2_tse_tra", ("SE",), ("SK", "SP"), "2D", "*tse2d1_11", "T2"),
    "flair": _Naming("t2_tirm_tra_dark-fluid", ("SE", "IR"), ("SK", "SP", "MP"), "2D", "*tir2d1_16", "FLAIR"),
    "dwi": _Naming("ep2d_diff_b0_b1000", ("EP", "SE"), ("SK", "SP"), "2D", "*ep_b", "DIFFUSION"),
    "dsc": _Naming("ep2d_perf_DSC", ("EP", "GR"), ("SK",), "2D", "*epfid2d1_66", "PERFUSION"),
}


def patient_header(key: str, sex: str, birth_year: int | None) -> Dataset:
    """Return the patient block, marked as synthetic in every way the standard offers."""
    header = Dataset()
    header.PatientName = f"SYNTH^{key}"
    header.PatientID = key
    header.PatientBirthDate = f"{birth_year:04d}0101" if birth_year else ""
    header.PatientSex = sex
    header.PatientIdentityRemoved = "YES"
    header.DeidentificationMethod = METHOD
    header.PatientComments = METHOD
    header.BurnedInAnnotation = "NO"
    header.RecognizableVisualFeatures = "NO"
    return header


def study_header(study_date: datetime.date, key: str) -> Dataset:
    """Return the study block."""
    header = Dataset()
    day = study_date.strftime("%Y%m%d")
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(header, name, day)
    header.StudyTime = "090000.000000"
    header.StudyID = "1"
    header.AccessionNumber = ""
    header.ReferringPhysicianName = ""
    header.StudyDescription = "MR brain tumour follow-up (virtual)"
    header.InstitutionName = MANUFACTURER
    return header


def series_header(acquisition: Acquisition, number: int) -> Dataset:
    """Return the series block."""
    naming = _NAMING[acquisition.kind]
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.ImageType = ["DERIVED", "SECONDARY", "SYNTHETIC", naming.contrast]
    header.Modality = "MR"
    header.Manufacturer = MANUFACTURER
    header.ManufacturerModelName = "virtual 3T"
    header.SoftwareVersions = "1"
    header.DeviceSerialNumber = "0"
    header.SeriesNumber = number
    header.SeriesDescription = naming.description
    header.ProtocolName = naming.description
    header.BodyPartExamined = "BRAIN"
    header.PatientPosition = "HFS"
    header.PositionReferenceIndicator = ""
    header.Laterality = ""
    return header


def acquisition_header(acquisition: Acquisition) -> Dataset:
    """Return timing, sequence type, contrast agent and pixel format."""
    naming = _NAMING[acquisition.kind]
    header = Dataset()
    header.ScanningSequence = list(naming.scanning)
    header.SequenceVariant = list(naming.variant)
    header.SequenceName = naming.sequence_name
    if "EP" in naming.scanning:
        header.ScanOptions = "FS"
    header.MRAcquisitionType = naming.dimensions
    header.RepetitionTime = f"{acquisition.tr_ms:g}"
    header.EchoTime = f"{acquisition.te_ms:g}"
    header.FlipAngle = f"{acquisition.flip_deg:g}"
    header.MagneticFieldStrength = "3"
    header.ImagingFrequency = "123.2"
    header.ImagedNucleus = "1H"
    header.EchoTrainLength = "1"
    header.NumberOfAverages = "1"
    if acquisition.ti_ms is not None:
        header.InversionTime = f"{acquisition.ti_ms:g}"
    if acquisition.kind in ("t1ce", "dsc"):
        _add_contrast(header)
    _add_pixel_format(header)
    return header


def _add_contrast(header: Dataset) -> None:
    header.ContrastBolusAgent = "gadobutrol (virtual)"
    header.ContrastBolusVolume = "7.5"
    header.ContrastBolusRoute = "IV"


def _add_pixel_format(header: Dataset) -> None:
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = 16
    header.BitsStored = 16
    header.HighBit = 15
    header.PixelRepresentation = 0
