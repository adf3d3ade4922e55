from imaging.models.measurements import Measurement
from imaging.models.runs import ImagingRun, ImagingStep, StepState
from imaging.models.scans import Instance, QuarantinedFile, Series, SeriesKind, Study, Timepoint
from imaging.models.uploads import UploadRun
from imaging.models.volumes import Registration, Segmentation, Volume

__all__ = [
    "ImagingRun",
    "ImagingStep",
    "Instance",
    "Measurement",
    "QuarantinedFile",
    "Registration",
    "Segmentation",
    "Series",
    "SeriesKind",
    "StepState",
    "Study",
    "Timepoint",
    "UploadRun",
    "Volume",
]
