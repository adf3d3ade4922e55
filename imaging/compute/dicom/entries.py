"""Order the images that lie at one slice position: by b-value and direction, or by time."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from gliomon.common.errors import DomainError
from imaging.compute.dicom import diffusion
from imaging.compute.dicom.geometry import Stack
from imaging.compute.dicom.header import FrameHeader, InstanceHeader

PLAUSIBLE_STEP_S = (0.05, 60.0)  # time between two volumes of a dynamic series
SAME_DIRECTION = 1e-3
_COMPLEX_PARTS = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}
_COMPLEX_WORDS = {"MAGNITUDE": "magnitude", "PHASE": "phase", "REAL": "real", "IMAGINARY": "imaginary"}


@dataclasses.dataclass(frozen=True)
class Slice:
    """One slice of one moment: which file (number in the series), its header, its frame, its place in the file."""

    number: int
    header: InstanceHeader
    frame: FrameHeader
    place: int


def ordered_entries(slices: Sequence[Slice], stack: Stack) -> list[list[Slice]]:
    """Images by entry of the last axis, then by slice position.

    Parameters
    ----------
    slices : sequence of Slice
        In the order that `stack` counts them.
    stack : Stack
        Slice positions.

    Returns
    -------
    list of list of Slice
        Outer: entries (moments, or b-values and directions); inner: one slice per position, ascending.

    Raises
    ------
    DomainError
        `dicom_duplicate_slices`, `dicom_incomplete_series`, `dicom_mixed_contrast`, `dicom_mixed_diffusion`.
    """
    slots = [[slices[i] for i in slot] for slot in stack.slots]
    _check_counts([len(slot) for slot in slots])
    if len(slots[0]) == 1:
        return [[slot[0] for slot in slots]]
    _check_one_contrast(slices)
    if any(item.frame.b_value for item in slices):
        return _diffusion_entries(slots)
    return _transposed([sorted(slot, key=_moment) for slot in slots])


def _check_counts(counts: Sequence[int]) -> None:
    usual = Counter(counts).most_common(1)[0][0]
    if min(counts) == max(counts):
        return
    if usual == 1:
        extra = sum(count > 1 for count in counts)
        raise DomainError(
            "dicom_duplicate_slices",
            f"one image per slice position wanted, {extra} of {len(counts)} positions have more",
        )
    raise DomainError(
        "dicom_incomplete_series",
        f"each slice position needs the same number of images, from {min(counts)} to {max(counts)} came",
    )


def _check_one_contrast(slices: Sequence[Slice]) -> None:
    parts = {_complex_part(item.frame) for item in slices} - {""}
    if len(parts) > 1:
        raise DomainError("dicom_mixed_contrast", f"the series mixes {' and '.join(sorted(parts))} images")
    echoes = {round(item.frame.echo_time_ms, 1) for item in slices if item.frame.echo_time_ms is not None}
    if len(echoes) > 1:
        listed = ", ".join(f"{echo:g}" for echo in sorted(echoes)[:6])
        raise DomainError(
            "dicom_mixed_contrast", f"the series mixes images of {len(echoes)} echo times: {listed} ms"
        )


def _complex_part(frame: FrameHeader) -> str:
    for token in frame.frame_type[2:]:
        if token in _COMPLEX_PARTS or token in _COMPLEX_WORDS:
            return _COMPLEX_PARTS.get(token) or _COMPLEX_WORDS[token]
    return ""


def _moment(item: Slice) -> tuple[float, float, float, int]:
    """Order of acquisition at one slice position: temporal index, then instance number, then clock."""
    frame, header = item.frame, item.header
    return (frame.temporal_index or 0, header.instance_number or 0, frame.time_s or 0.0, item.place)


def _transposed(slots: Sequence[Sequence[Slice]]) -> list[list[Slice]]:
    return [list(column) for column in zip(*slots, strict=True)]


def _diffusion_entries(slots: Sequence[Sequence[Slice]]) -> list[list[Slice]]:
    """Entries by ascending b; within one b in order of acquisition, or by direction where the order differs."""
    by_time = _transposed([sorted(slot, key=lambda item: (_b(item), *_moment(item))) for slot in slots])
    if _agree(by_time):
        return by_time
    by_direction = _transposed([sorted(slot, key=_b_and_direction) for slot in slots])
    if _agree(by_direction):
        return by_direction
    raise DomainError(
        "dicom_mixed_diffusion",
        "slice positions have different b-values or directions: the series is not complete",
    )


def _b(item: Slice) -> float:
    return item.frame.b_value or 0.0


def _b_and_direction(item: Slice) -> tuple[float, ...]:
    direction = item.frame.gradient or (9.0, 9.0, 9.0)
    return (_b(item), *(round(value, 2) for value in direction), *_moment(item))


def _agree(entries: Sequence[Sequence[Slice]]) -> bool:
    return all(_same_diffusion(column[0], item) for column in entries for item in column[1:])


def _same_diffusion(a: Slice, b: Slice) -> bool:
    close = abs(_b(a) - _b(b)) <= max(diffusion.B_ROUNDING, diffusion.B_TOLERANCE * _b(a))
    if a.frame.gradient is None or b.frame.gradient is None:
        return close and a.frame.gradient is b.frame.gradient
    return close and bool(np.allclose(a.frame.gradient, b.frame.gradient, atol=10 * SAME_DIRECTION))


def entry_times(
    entries: Sequence[Sequence[Slice]], header: InstanceHeader, notes: list[str]
) -> tuple[float, ...] | None:
    """Seconds of each entry since the first.

    The scanner's clock is used where it ascends in plausible steps, else TemporalResolution, else RepetitionTime (said
    in `notes`).

    Returns
    -------
    tuple of float or None
        None where the header holds no time at all.
    """
    clock = _clock(entries)
    if clock is not None:
        return clock
    step_ms = header.temporal_resolution_ms
    source = "TemporalResolution"
    if not step_ms:
        step_ms, source = header.repetition_time_ms, "RepetitionTime"
    if not step_ms or step_ms <= 0:
        notes.append("The header holds no times: the distance between volumes is unknown.")
        return None
    notes.append(
        f"The time between volumes was taken from {source} ({step_ms:g} ms): no usable clock per image."
    )
    return tuple(index * step_ms / 1000.0 for index in range(len(entries)))


def _clock(entries: Sequence[Sequence[Slice]]) -> tuple[float, ...] | None:
    stated = [[item.frame.time_s for item in column if item.frame.time_s is not None] for column in entries]
    if not all(stated):
        return None
    starts = np.array([min(column) for column in stated])
    steps = np.diff(starts)
    low, high = PLAUSIBLE_STEP_S
    if float(steps.min()) < low or float(np.median(steps)) > high:
        return None
    return tuple(float(start - starts[0]) for start in starts)
