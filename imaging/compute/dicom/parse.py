"""From one untrusted file to an `InstanceHeader`; runs inside the limited child process."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import pydicom.config
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID

from gliomon.common.errors import DomainError
from imaging.compute.dicom import diffusion, enhanced, fields, mosaic
from imaging.compute.dicom.container import PIXEL_DATA, UNDEFINED_LENGTH, Opened, PixelElement, open_header
from imaging.compute.dicom.header import PHANTOM_MANUFACTURER, FrameHeader, InstanceHeader, Vector
from imaging.compute.dicom.limits import Limits

UID_PATTERN = re.compile(r"[0-9.]{1,64}", re.ASCII)
_BITS = (1, 8, 16, 32)
_ORTHOGONAL = 0.01  # largest error of the length of a direction and of the product of two
_NO_AGENT = {"", "NO", "NONE", "N", "0", "N/A", "NIL", "NO CONTRAST", "WITHOUT"}

_KEYWORDS = [
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "StudyTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentTime",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "StationName",
    "StudyDescription",
    "SeriesDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "BodyPartExamined",
    "ScanningSequence",
    "SequenceVariant",
    "SequenceName",
    "PulseSequenceName",
    "ScanOptions",
    "MRAcquisitionType",
    "RepetitionTime",
    "EchoTime",
    "EffectiveEchoTime",
    "InversionTime",
    "FlipAngle",
    "MagneticFieldStrength",
    "SpacingBetweenSlices",
    "SliceThickness",
    "ProtocolName",
    "TriggerTime",
    "EchoPulseSequence",
    "EchoPlanarPulseSequence",
    "InversionRecovery",
    "AcquisitionContrast",
    "ArterialSpinLabelingContrast",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "DiffusionDirectionality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "AcquisitionNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "TemporalPositionIdentifier",
    "NumberOfTemporalPositions",
    "TemporalResolution",
    "TemporalPositionTimeOffset",
    "ImageComments",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "Units",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]


def _wanted_tags() -> list[int]:
    standard = [tag for tag in map(tag_for_keyword, _KEYWORDS) if tag is not None]
    return standard + diffusion.private_tags() + mosaic.private_tags()


_TAGS = _wanted_tags()


def parse_item(item: dict[str, Any]) -> dict[str, Any]:
    """Door for the child process: ``{"path": ..., "limits": {...}}`` to a header as JSON values."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return parse_file(Path(item["path"]), Limits(**item["limits"])).to_json()


def parse_file(path: Path, limits: Limits) -> InstanceHeader:
    """Read and check the header of one file.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits
        Caps on size, inflation, frames and decoded bytes.

    Returns
    -------
    InstanceHeader

    Raises
    ------
    DomainError
        `not_dicom`, `not_image`, `dicomdir_ignored`, `dicom_unreadable`, `dicom_too_large` or
        `dicom_invalid_<field>`.
    """
    opened = open_header(path, limits, tags=_TAGS)
    with opened.stream:
        _check_is_image(opened)
        header = _header(opened, path, limits)
        _check_values(header)
        return header


def _check_is_image(opened: Opened) -> None:
    if opened.pixels is None:
        _refuse_without_pixels(opened.dataset)
        return
    if opened.pixels.tag != PIXEL_DATA:
        raise DomainError("not_image", "the file holds floating-point samples, scanners write integers")


def _refuse_without_pixels(dataset: Dataset) -> None:
    """A file of an image class without pixel data was cut; other classes never have any."""
    sop_class = fields.text(dataset, "SOPClassUID")
    if not sop_class or "Rows" in dataset or "Image Storage" in UID(sop_class).name:
        raise DomainError("dicom_unreadable", "the file ends before its pixel data")
    raise DomainError("not_image", "the file holds no image (a report, presentation state or the like)")


def _header(opened: Opened, path: Path, limits: Limits) -> InstanceHeader:
    dataset = opened.dataset
    shape = _checked_shape(dataset, opened.pixels, limits)
    base = {**shape, **_identity(dataset), **_device(dataset), **_physics(dataset)}
    header = InstanceHeader(path=str(path), transfer_syntax=str(opened.transfer_syntax), **base)
    return _with_frames(header, dataset)


def _uid(dataset: Dataset, keyword: str) -> str:
    value = str(fields.raw(dataset, keyword) or "")
    if not UID_PATTERN.fullmatch(value):
        raise DomainError(
            "dicom_invalid_uid", f"{keyword} must be 1 to 64 digits and dots, got {len(value)} characters"
        )
    return value


def _identity(dataset: Dataset) -> dict[str, Any]:
    return {
        "sop_uid": _uid(dataset, "SOPInstanceUID"),
        "sop_class_uid": _uid(dataset, "SOPClassUID"),
        "series_uid": _uid(dataset, "SeriesInstanceUID"),
        "study_uid": _uid(dataset, "StudyInstanceUID"),
        "study_date": fields.text(dataset, "StudyDate"),
        "study_time": fields.text(dataset, "StudyTime"),
        "series_number": fields.whole(dataset, "SeriesNumber"),
        "instance_number": fields.whole(dataset, "InstanceNumber"),
        "acquisition_number": fields.whole(dataset, "AcquisitionNumber"),
        "acquisition_time": fields.text(dataset, "AcquisitionTime")
        or fields.text(dataset, "AcquisitionDateTime"),
        "patient_id": fields.text(dataset, "PatientID"),
        "birth_date": fields.text(dataset, "PatientBirthDate"),
        "sex": fields.text(dataset, "PatientSex"),
        "identity_removed": fields.text(dataset, "PatientIdentityRemoved").upper() == "YES",
        "is_synthetic": _is_synthetic(dataset),
    }


def _is_synthetic(dataset: Dataset) -> bool:
    """Whether gliomon's own phantom writer made this file (any one of its marks is enough to say so)."""
    named = str(fields.raw(dataset, "PatientName") or "").upper().startswith("SYNTH^")
    return named or fields.text(dataset, "Manufacturer").lower() == PHANTOM_MANUFACTURER


def _device(dataset: Dataset) -> dict[str, Any]:
    return {
        "modality": fields.text(dataset, "Modality").upper(),
        "manufacturer": fields.text(dataset, "Manufacturer"),
        "model": fields.text(dataset, "ManufacturerModelName"),
        "software": fields.joined(dataset, "SoftwareVersions"),
        "station": fields.text(dataset, "StationName"),
        "field_strength_t": fields.number(dataset, "MagneticFieldStrength"),
        "study_description": fields.text(dataset, "StudyDescription"),
        "description": fields.text(dataset, "SeriesDescription"),
        "protocol": fields.text(dataset, "ProtocolName"),
        "body_part": fields.text(dataset, "BodyPartExamined"),
        "image_type": tuple(part.upper() for part in fields.texts(dataset, "ImageType")),
        "acquisition_contrast": fields.text(dataset, "AcquisitionContrast").upper(),
        "asl_contrast": fields.text(dataset, "ArterialSpinLabelingContrast").upper(),
        "contrast_agent": _contrast_agent(dataset),
        "units": fields.text(dataset, "Units") or fields.text(dataset, "RescaleType"),
    }


def _contrast_agent(dataset: Dataset) -> str:
    coded = fields.item(dataset, "ContrastBolusAgentSequence")
    named = fields.joined(dataset, "ContrastBolusAgent") or (
        fields.text(coded, "CodeMeaning") if coded else ""
    )
    return "" if named.upper() in _NO_AGENT else named


def _physics(dataset: Dataset) -> dict[str, Any]:
    shared = fields.item(dataset, "SharedFunctionalGroupsSequence")
    first = fields.item(dataset, "PerFrameFunctionalGroupsSequence")
    levels = enhanced.Levels(first, shared, dataset)
    scanning = tuple(part.upper() for part in fields.texts(dataset, "ScanningSequence"))
    return {
        "sequence_name": fields.text(dataset, "SequenceName") or fields.text(dataset, "PulseSequenceName"),
        "scanning_sequence": scanning,
        "sequence_variant": tuple(part.upper() for part in fields.texts(dataset, "SequenceVariant")),
        "acquisition_type": fields.text(dataset, "MRAcquisitionType").upper(),
        "echo_planar": "EP" in scanning or fields.text(dataset, "EchoPlanarPulseSequence").upper() == "YES",
        "inversion_recovery": "IR" in scanning or levels.inversion_recovery(),
        "gradient_echo": "GR" in scanning or fields.text(dataset, "EchoPulseSequence").upper() == "GRADIENT",
        "repetition_time_ms": levels.number("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
        "echo_time_ms": levels.echo_time_ms(),
        "inversion_time_ms": levels.inversion_time_ms(),
        "flip_angle_deg": levels.number("MRTimingAndRelatedParametersSequence", "FlipAngle"),
        "slice_thickness_mm": levels.number("PixelMeasuresSequence", "SliceThickness"),
        "temporal_positions": fields.whole(dataset, "NumberOfTemporalPositions"),
        "temporal_resolution_ms": fields.number(dataset, "TemporalResolution"),
        "trigger_time_ms": fields.number(dataset, "TriggerTime"),
    }


def _checked_shape(dataset: Dataset, pixels: PixelElement | None, limits: Limits) -> dict[str, int]:
    """Numbers that decide how much memory the samples take, refused before anything is decoded."""
    rows = _positive(dataset, "Rows", "dicom_invalid_rows")
    columns = _positive(dataset, "Columns", "dicom_invalid_columns")
    frames = _positive(dataset, "NumberOfFrames", "dicom_invalid_frames", default=1)
    samples = _positive(dataset, "SamplesPerPixel", "dicom_invalid_samples", default=1)
    bits = _positive(dataset, "BitsAllocated", "dicom_invalid_bits")
    if bits not in _BITS or (fields.whole(dataset, "BitsStored") or bits) > bits:
        raise DomainError(
            "dicom_invalid_bits", f"BitsAllocated must be one of {_BITS} and hold BitsStored, got {bits}"
        )
    if frames > limits.frames:
        raise DomainError("dicom_too_large", f"{frames} frames in one file, at most {limits.frames} are read")
    needed = rows * columns * samples * bits * frames // 8
    if needed > limits.pixel_bytes:
        raise DomainError(
            "dicom_too_large", f"{needed} bytes of samples, at most {limits.pixel_bytes} are decoded"
        )
    _check_length(pixels, needed, frames)
    return {
        "rows": rows,
        "columns": columns,
        "number_of_frames": frames,
        "samples_per_pixel": samples,
        "bits_allocated": bits,
    }


def _positive(dataset: Dataset, keyword: str, code: str, *, default: int | None = None) -> int:
    if default is not None and fields.raw(dataset, keyword) is None:
        return default
    value = fields.whole(dataset, keyword)
    if value is None or value < 1:
        raise DomainError(
            code, f"{keyword} must be a whole number above 0, got {fields.text(dataset, keyword)!r}"
        )
    return value


def _check_length(pixels: PixelElement | None, needed: int, frames: int) -> None:
    if pixels is None:
        return
    if pixels.declared == UNDEFINED_LENGTH:
        if pixels.fragments is not None and pixels.fragments < frames:
            raise DomainError(
                "dicom_invalid_pixel_data",
                f"{frames} frames are announced, {pixels.fragments} fragments came",
            )
        return
    if pixels.declared > pixels.available:
        raise DomainError(
            "dicom_unreadable",
            f"pixel data of {pixels.declared} bytes are announced, {pixels.available} are there",
        )
    if pixels.declared < needed:
        raise DomainError(
            "dicom_invalid_pixel_data", f"{needed} bytes of samples wanted, {pixels.declared} came"
        )


def _with_frames(header: InstanceHeader, dataset: Dataset) -> InstanceHeader:
    tiled = mosaic.layout(header, dataset)
    described = enhanced.has_frames(dataset)
    frames = enhanced.frames(dataset, header) if described else (_classic_frame(dataset, header),)
    return dataclasses.replace(header, frames=frames, mosaic=tiled)


def _classic_frame(dataset: Dataset, header: InstanceHeader) -> FrameHeader:
    slope = fields.number(dataset, "RescaleSlope")
    return FrameHeader(
        position=fields.numbers(dataset, "ImagePositionPatient", 3),
        orientation=fields.numbers(dataset, "ImageOrientationPatient", 6),
        spacing=fields.numbers(dataset, "PixelSpacing", 2),
        b_value=diffusion.b_value(
            dataset, manufacturer=header.manufacturer, sequence_name=header.sequence_name
        ),
        gradient=diffusion.direction(dataset, manufacturer=header.manufacturer),
        directionality=fields.text(dataset, "DiffusionDirectionality").upper(),
        temporal_index=fields.whole(dataset, "TemporalPositionIdentifier"),
        time_s=_classic_time_s(dataset, header),
        echo_time_ms=header.echo_time_ms,
        slope=1.0 if slope is None else slope,
        intercept=fields.number(dataset, "RescaleIntercept") or 0.0,
        rescale_type=fields.text(dataset, "RescaleType"),
        frame_type=header.image_type,
    )


def _classic_time_s(dataset: Dataset, header: InstanceHeader) -> float | None:
    """Offset, trigger time or the scanner's clock, whichever the file states first."""
    offset = fields.number(dataset, "TemporalPositionTimeOffset")
    if offset is not None:
        return offset
    if header.trigger_time_ms:
        return header.trigger_time_ms / 1000.0
    return fields.clock_s(header.acquisition_time)


def _check_values(header: InstanceHeader) -> None:
    for frame in header.frames:
        _check_frame(frame)


def _check_frame(frame: FrameHeader) -> None:
    if frame.position is not None and not _all_finite(frame.position):
        raise DomainError("dicom_invalid_position", "ImagePositionPatient must be 3 finite numbers in mm")
    if frame.spacing is not None and not (_all_finite(frame.spacing) and min(frame.spacing) > 0):
        raise DomainError("dicom_invalid_spacing", "PixelSpacing must be 2 finite numbers above 0 in mm")
    if frame.orientation is not None and not _is_orthonormal(frame.orientation):
        raise DomainError(
            "dicom_invalid_orientation", "ImageOrientationPatient must be 2 perpendicular unit vectors"
        )
    if not (math.isfinite(frame.slope) and math.isfinite(frame.intercept)) or frame.slope == 0:
        raise DomainError(
            "dicom_invalid_rescale", "RescaleSlope must be finite and not 0, RescaleIntercept finite"
        )


def _all_finite(values: Vector) -> bool:
    return all(math.isfinite(value) for value in values)


def _is_orthonormal(orientation: Vector) -> bool:
    if not _all_finite(orientation):
        return False
    row, column = orientation[:3], orientation[3:]
    lengths = [math.dist(vector, (0.0, 0.0, 0.0)) for vector in (row, column)]
    product = sum(a * b for a, b in zip(row, column, strict=True))
    return all(abs(length - 1.0) < _ORTHOGONAL for length in lengths) and abs(product) < _ORTHOGONAL
