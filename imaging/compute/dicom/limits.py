"""How much an untrusted DICOM file may ask for before it is refused."""

from __future__ import annotations

import dataclasses

MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Limits:
    """Caps for reading files that somebody else made.

    Attributes
    ----------
    memory_bytes : int
        Address space of the reading child process (a bare child with pydicom and numpy needs about 170 MiB).
    cpu_s, wall_s : float
        CPU seconds and silent wall seconds that one file may take before it is condemned.
    file_bytes : int
        Largest single file.
    inflated_bytes, inflation_ratio : int
        Most bytes a deflated data set may inflate to, absolute and against its own size, counted while inflating.
    pixel_bytes : int
        Most bytes the samples of one file may take once decoded.
    files, frames : int
        Most files in one scan and most frames in one file.
    """

    memory_bytes: int = 1024 * MIB
    cpu_s: float = 30.0
    wall_s: float = 90.0
    file_bytes: int = 256 * MIB
    inflated_bytes: int = 256 * MIB
    inflation_ratio: int = 100
    pixel_bytes: int = 512 * MIB
    files: int = 20_000
    frames: int = 50_000


DEFAULT_LIMITS = Limits()
