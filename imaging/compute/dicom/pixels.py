"""Decode pixel data in the limited child process, one frame at a time, into a scratch file."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom.config
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import iter_pixels
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from gliomon.common.errors import DomainError
from imaging.compute.dicom.container import open_header
from imaging.compute.dicom.header import InstanceHeader
from imaging.compute.dicom.limits import Limits
from imaging.compute.dicom.sandbox import run_limited

_PIXEL_TAG = 0x7FE00010


def decode(headers: Sequence[InstanceHeader], *, limits: Limits) -> list[npt.NDArray[Any]]:
    """Stored samples of each file, before rescale.

    Parameters
    ----------
    headers : sequence of InstanceHeader
        Files to decode; greyscale.
    limits : Limits
        Caps of the child process and of the decoded bytes, for each file.

    Returns
    -------
    list of ndarray, shape (frames, rows, columns)
        Integers as stored.

    Raises
    ------
    DomainError
        `dicom_not_greyscale`, `dicom_unreadable`, `dicom_too_large`, `dicom_changed`.
    """
    for header in headers:
        _check_grey(header)
    with tempfile.TemporaryDirectory(prefix="gliomon-pixels-") as folder:
        outputs = [str(Path(folder) / f"{index}.raw") for index in range(len(headers))]
        items = [_item(header, output, limits) for header, output in zip(headers, outputs, strict=True)]
        answers = run_limited("imaging.compute.dicom.pixels:decode_item", items, limits=limits)
        arrays = []
        for header, output, answer in zip(headers, outputs, answers, strict=True):
            if answer.code:
                raise DomainError(answer.code, f"{Path(header.path).name}: {answer.reason}")
            shape = (header.number_of_frames, header.rows, header.columns)
            arrays.append(np.fromfile(output, dtype=answer.value).reshape(shape))
            Path(output).unlink()
        return arrays


def _check_grey(header: InstanceHeader) -> None:
    if header.samples_per_pixel != 1:
        raise DomainError(
            "dicom_not_greyscale",
            f"a volume needs one sample per pixel, the series has {header.samples_per_pixel}",
        )


def _item(header: InstanceHeader, output: str, limits: Limits) -> dict[str, Any]:
    return {
        "path": header.path,
        "output": output,
        "shape": [header.number_of_frames, header.rows, header.columns],
        "deflated": header.transfer_syntax == DeflatedExplicitVRLittleEndian,
        "limits": dataclasses.asdict(limits),
    }


def decode_item(item: dict[str, Any]) -> str:
    """Door for the child process: write the samples of one file to `output`, answer their dtype."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    frames, rows, columns = item["shape"]
    source = _inflated(item) if item["deflated"] else item["path"]
    dtype = ""
    count = 0
    with Path(item["output"]).open("wb") as output:
        for frame in iter_pixels(source, raw=True):
            count += 1
            if count > frames or frame.shape != (rows, columns) or (dtype and frame.dtype.str != dtype):
                raise DomainError(
                    "dicom_changed", f"samples of {frame.shape} came, the header says {rows} x {columns}"
                )
            dtype = frame.dtype.str
            output.write(np.ascontiguousarray(frame).data)
    if count != frames:
        raise DomainError("dicom_invalid_pixel_data", f"{frames} frames are announced, {count} came")
    return dtype


def _inflated(item: dict[str, Any]) -> Any:
    """The data set of a deflated file, inflated under the caps, with its samples as plain little-endian bytes."""
    opened = open_header(Path(item["path"]), Limits(**item["limits"]))
    if opened.pixels is None:
        raise DomainError("dicom_unreadable", "the file ends before its pixel data")
    header = 12 if opened.stream.read(6)[4:6] in (b"OW", b"OB", b"UN") else 8
    opened.stream.seek(header - 6, 1)
    dataset = opened.dataset
    dataset.add_new(_PIXEL_TAG, "OW", opened.stream.read(opened.pixels.declared))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset
