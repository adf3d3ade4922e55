"""What gliomon keeps of a DICOM header: plain values, no patient name, ready for JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

Vector = tuple[float, ...]

PHANTOM_MANUFACTURER = "gliomon virtual scanner"


@dataclasses.dataclass(frozen=True)
class FrameHeader:
    """One slice of one moment: a classic instance holds one, an enhanced instance many.

    Attributes
    ----------
    index : int
        Zero-based frame number inside its file.
    position : tuple of 3 float or None
        Centre of the first voxel, mm, LPS+ (ImagePositionPatient).
    orientation : tuple of 6 float or None
        Direction of a row, then of a column, LPS+ (ImageOrientationPatient).
    spacing : tuple of 2 float or None
        Distance between rows, then between columns, mm (PixelSpacing).
    b_value : float or None
        s/mm^2, as the scanner states it.
    gradient : tuple of 3 float or None
        Diffusion direction as stored (patient axes for the standard tag, Siemens and Philips; image axes for GE).
    directionality : str
        NONE, DIRECTIONAL, ISOTROPIC, BMATRIX or empty.
    temporal_index : int or None
        Number of the time point.
    time_s : float or None
        Seconds on the scanner's clock, or since the start of the series; only differences mean something.
    echo_time_ms : float or None
        Echo time in ms.
    slope, intercept : float
        Stored value times slope plus intercept is the value.
    rescale_type : str
        Unit of the rescaled value as the scanner words it.
    frame_type : tuple of str
        Image type of this frame.
    """

    index: int = 0
    position: Vector | None = None
    orientation: Vector | None = None
    spacing: Vector | None = None
    b_value: float | None = None
    gradient: Vector | None = None
    directionality: str = ""
    temporal_index: int | None = None
    time_s: float | None = None
    echo_time_ms: float | None = None
    slope: float = 1.0
    intercept: float = 0.0
    rescale_type: str = ""
    frame_type: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Mosaic:
    """Layout of a Siemens mosaic: many slices tiled into one image.

    Attributes
    ----------
    tiles : int
        Number of slices.
    normal : tuple of 3 float or None
        Direction from the first slice to the last, LPS+ (from the vendor's header).
    step_mm : float or None
        Distance between slices, mm.
    """

    tiles: int
    normal: Vector | None = None
    step_mm: float | None = None


@dataclasses.dataclass(frozen=True)
class InstanceHeader:
    """Header of one DICOM file, without the patient's name.

    Times are ms as in DICOM (`repetition_time_ms`, ...), dates are text as stored (YYYYMMDD), lengths mm.
    `frames` holds at least one entry for an image with geometry or timing of its own.
    """

    path: str
    sop_uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    transfer_syntax: str
    rows: int
    columns: int
    number_of_frames: int = 1
    samples_per_pixel: int = 1
    bits_allocated: int = 16
    study_date: str = ""
    study_time: str = ""
    series_number: int | None = None
    instance_number: int | None = None
    acquisition_number: int | None = None
    acquisition_time: str = ""
    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    software: str = ""
    station: str = ""
    field_strength_t: float | None = None
    study_description: str = ""
    description: str = ""
    protocol: str = ""
    sequence_name: str = ""
    scanning_sequence: tuple[str, ...] = ()
    sequence_variant: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    acquisition_contrast: str = ""
    asl_contrast: str = ""
    acquisition_type: str = ""
    echo_planar: bool = False
    inversion_recovery: bool = False
    gradient_echo: bool = False
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    temporal_positions: int | None = None
    temporal_resolution_ms: float | None = None
    trigger_time_ms: float | None = None
    contrast_agent: str = ""
    slice_thickness_mm: float | None = None
    units: str = ""
    body_part: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    identity_removed: bool = False
    is_synthetic: bool = False
    mosaic: Mosaic | None = None
    frames: tuple[FrameHeader, ...] = ()

    @property
    def is_enhanced(self) -> bool:
        """Whether the file holds more than one frame of its own."""
        return self.number_of_frames > 1

    @property
    def b_value(self) -> float | None:
        """b of the first frame, s/mm^2."""
        return self.frames[0].b_value if self.frames else None

    @property
    def gradient(self) -> Vector | None:
        """Diffusion direction of the first frame."""
        return self.frames[0].gradient if self.frames else None

    @property
    def position(self) -> Vector | None:
        """Centre of the first voxel of the first frame, mm LPS+."""
        return self.frames[0].position if self.frames else None

    @property
    def orientation(self) -> Vector | None:
        """Row and column direction of the first frame, LPS+."""
        return self.frames[0].orientation if self.frames else None

    @property
    def spacing(self) -> Vector | None:
        """Row and column distance of the first frame, mm."""
        return self.frames[0].spacing if self.frames else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> InstanceHeader:
        """Rebuild from `to_json()` or from its JSON text once loaded."""
        values = {name: _frozen(value) for name, value in data.items()}
        values["frames"] = tuple(_frame_from_json(frame) for frame in data.get("frames", ()))
        mosaic = data.get("mosaic")
        values["mosaic"] = Mosaic(**{k: _frozen(v) for k, v in mosaic.items()}) if mosaic else None
        return cls(**values)


def _frame_from_json(data: dict[str, Any]) -> FrameHeader:
    return FrameHeader(**{name: _frozen(value) for name, value in data.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
