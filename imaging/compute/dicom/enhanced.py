"""Frames of an enhanced (multi-frame) instance: the per-frame functional groups over the shared ones."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from gliomon.common.errors import DomainError
from imaging.compute.dicom import diffusion, fields
from imaging.compute.dicom.header import FrameHeader, InstanceHeader

_UNSET_TIME = 100_000.0  # ms; larger inversion times are a scanner's way to say "none"


class Levels:
    """One frame's view of the header: its own groups first, then the shared groups, then the top level."""

    def __init__(self, frame: Dataset | None, shared: Dataset | None, top: Dataset) -> None:
        self._frame = frame
        self._shared = shared
        self._top = top

    def group(self, sequence: str) -> Dataset | None:
        """Functional group `sequence` of this frame."""
        found = fields.item(self._frame, sequence)
        return found if found is not None else fields.item(self._shared, sequence)

    def _where(self, sequence: str, keyword: str) -> Dataset:
        group = self.group(sequence)
        return group if group is not None and keyword in group else self._top

    def number(self, sequence: str, keyword: str) -> float | None:
        """A number of a group, else of the top level."""
        return fields.number(self._where(sequence, keyword), keyword)

    def numbers(self, sequence: str, keyword: str, count: int) -> tuple[float, ...] | None:
        """Several numbers of a group, else of the top level."""
        return fields.numbers(self._where(sequence, keyword), keyword, count)

    def text(self, sequence: str, keyword: str) -> str:
        """A text of a group, else of the top level."""
        return fields.text(self._where(sequence, keyword), keyword)

    def texts(self, sequence: str, keyword: str) -> tuple[str, ...]:
        """Several texts of a group, else of the top level."""
        return fields.texts(self._where(sequence, keyword), keyword)

    def echo_time_ms(self) -> float | None:
        """Effective echo time of the frame, else the classic EchoTime."""
        effective = self.number("MREchoSequence", "EffectiveEchoTime")
        return effective if effective is not None else fields.number(self._top, "EchoTime")

    def inversion_time_ms(self) -> float | None:
        """First inversion time of the modifier group, else the classic one; 0 means none."""
        group = self.group("MRModifierSequence")
        value = fields.number(group, "InversionTimes") if group is not None else None
        value = value if value is not None else fields.number(self._top, "InversionTime")
        return value if value is not None and 0 < value < _UNSET_TIME else None

    def inversion_recovery(self) -> bool:
        """Whether the modifier group states an inversion pulse."""
        return self.text("MRModifierSequence", "InversionRecovery").upper() == "YES"


def has_frames(dataset: Dataset) -> bool:
    """Whether the header describes its frames one by one."""
    return fields.item(dataset, "PerFrameFunctionalGroupsSequence") is not None


def frames(dataset: Dataset, header: InstanceHeader) -> tuple[FrameHeader, ...]:
    """All frames in stored order.

    Raises
    ------
    DomainError
        `dicom_invalid_frames` where the header describes another number of frames than it announces.
    """
    shared = fields.item(dataset, "SharedFunctionalGroupsSequence")
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    if len(groups) != header.number_of_frames:
        raise DomainError(
            "dicom_invalid_frames",
            f"NumberOfFrames says {header.number_of_frames}, the header describes {len(groups)} frames",
        )
    return tuple(_frame(i, Levels(group, shared, dataset), header) for i, group in enumerate(groups))


def _frame(index: int, levels: Levels, header: InstanceHeader) -> FrameHeader:
    slope = levels.number("PixelValueTransformationSequence", "RescaleSlope")
    return FrameHeader(
        index=index,
        position=levels.numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        orientation=levels.numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        spacing=levels.numbers("PixelMeasuresSequence", "PixelSpacing", 2),
        temporal_index=_temporal_index(levels),
        time_s=_time_s(levels, header),
        echo_time_ms=levels.echo_time_ms(),
        slope=1.0 if slope is None else slope,
        intercept=levels.number("PixelValueTransformationSequence", "RescaleIntercept") or 0.0,
        rescale_type=levels.text("PixelValueTransformationSequence", "RescaleType"),
        frame_type=tuple(t.upper() for t in levels.texts("MRImageFrameTypeSequence", "FrameType")),
        **_diffusion(levels),
    )


def _diffusion(levels: Levels) -> dict[str, Any]:
    group = levels.group("MRDiffusionSequence")
    oriented = fields.item(group, "DiffusionGradientDirectionSequence")
    direction = fields.numbers(oriented, "DiffusionGradientOrientation", 3) if oriented is not None else None
    directionality = levels.text("MRDiffusionSequence", "DiffusionDirectionality").upper()
    b_value = levels.number("MRDiffusionSequence", "DiffusionBValue")
    if b_value is None and directionality == "NONE":
        b_value = 0.0  # the b-value element is required only where there is diffusion weighting
    return {
        "b_value": b_value if b_value is not None and 0 <= b_value <= diffusion.MAX_B else None,
        "gradient": diffusion.usable_direction(direction),
        "directionality": directionality,
    }


def _temporal_index(levels: Levels) -> int | None:
    value = levels.number("FrameContentSequence", "TemporalPositionIndex")
    return None if value is None else int(value)


def _time_s(levels: Levels, header: InstanceHeader) -> float | None:
    """Offset of the temporal position, else the frame's own clock, else the file's."""
    offset = levels.number("TemporalPositionSequence", "TemporalPositionTimeOffset")
    if offset is not None:
        return offset
    clock = levels.text("FrameContentSequence", "FrameReferenceDateTime")
    clock = clock or levels.text("FrameContentSequence", "FrameAcquisitionDateTime")
    return fields.clock_s(clock or header.acquisition_time)
