"""Fast encoding of many DICOM instances that share most of their header."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import UID

PREAMBLE = b"\x00" * 128 + b"DICM"


class InstanceEncoder:
    """Encodes a series in explicit VR little endian: the shared elements once, each instance's own elements anew."""

    def __init__(self, shared: Dataset, file_meta: FileMetaDataset) -> None:
        self._shared = _encoded(shared)
        self._file_meta = file_meta

    def encode(self, own: Dataset) -> bytes:
        """Return one Part 10 file; `own` holds at least the SOP Instance UID and the pixel data."""
        elements = self._shared | _encoded(own)
        body = b"".join(elements[tag] for tag in sorted(elements))
        return PREAMBLE + self._meta(own.SOPInstanceUID) + body

    def _meta(self, uid: str) -> bytes:
        self._file_meta.MediaStorageSOPInstanceUID = UID(uid)
        buffer = _buffer()
        write_file_meta_info(buffer, self._file_meta, enforce_standard=True)
        return bytes(buffer.getvalue())


def _encoded(dataset: Dataset) -> dict[BaseTag, bytes]:
    return {element.tag: _element_bytes(element) for element in dataset}


def _element_bytes(element: DataElement) -> bytes:
    buffer = _buffer()
    write_data_element(buffer, element, encodings=["utf-8"])
    return bytes(buffer.getvalue())


def _buffer() -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = False
    return buffer
