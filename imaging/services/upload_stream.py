"""Files of a request go straight to disk under names of ours, one open at a time."""

from __future__ import annotations

import uuid
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from gliomon.common.errors import DomainError
from imaging import storage

NAME_LENGTH = 200


class StoredFile(UploadedFile):
    """What the request holds of a received file: its name and size; the bytes lie in the upload's folder."""

    def close(self) -> None:
        """Nothing is open."""


class Reception(FileUploadHandler):
    """Receives one upload. Django's own handlers keep every file open, or in memory, until the request ends."""

    def __init__(self, upload_id: uuid.UUID) -> None:
        super().__init__()
        self.upload_id = upload_id
        self.names: dict[str, str] = {}
        self.n_bytes = 0
        self._sink: IO[bytes] | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open the next file."""
        super().new_file(*args, **kwargs)
        if len(self.names) >= settings.UPLOAD_FILES_LIMIT:
            limit = settings.UPLOAD_FILES_LIMIT
            raise DomainError("too_many_files", f"more than {limit} files at once: send them in parts")
        folder = storage.upload_folder(self.upload_id)
        folder.mkdir(parents=True, exist_ok=True)
        stored = f"f{len(self.names) + 1:05d}"
        self.names[stored] = (self.file_name or "")[:NAME_LENGTH]
        self._sink = (folder / stored).open("xb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write, and stop at the cap: a request may be longer than it said."""
        self.n_bytes += len(raw_data)
        if self.n_bytes > settings.UPLOAD_BODY_LIMIT_BYTES:
            raise too_large()
        if self._sink is not None:
            self._sink.write(raw_data)

    def file_complete(self, file_size: int) -> StoredFile:
        """Close the file; what the request holds of it is its name and size."""
        self.close()
        return StoredFile(name=self.file_name or "file", content_type=self.content_type, size=file_size)

    def upload_interrupted(self) -> None:
        """The sender has gone."""
        self.close()

    def close(self) -> None:
        """Close the file being written, if there is one."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None


def too_large() -> DomainError:
    """The refusal of an upload beyond the cap."""
    gib = settings.UPLOAD_BODY_LIMIT_BYTES / 1024**3
    return DomainError("upload_too_large", f"an upload may hold {gib:.0f} GiB; send the study in parts")
