"""Files below the media folder, under names that gliomon makes."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from pathlib import Path

from django.conf import settings

_CHUNK = 1024 * 1024


def media_path(relative: str) -> Path:
    """The absolute path of a stored file."""
    return Path(settings.MEDIA_ROOT) / relative


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def store_dicom(source: Path, sha256: str) -> str:
    """Copy a DICOM file under its hash and return its path below the media folder; safe to repeat.

    The bytes are on disk for good only after `make_durable`.
    """
    relative = f"dicom/{sha256[:2]}/{sha256}.dcm"
    target = media_path(relative)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
        with source.open("rb") as read, part.open("wb") as write:
            shutil.copyfileobj(read, write, _CHUNK)
        part.replace(target)
    return relative


def make_durable() -> None:
    """Wait until everything written so far is on disk: once for a study's thousands of files, not once for each."""
    os.sync()


def volume_file(run_id: uuid.UUID, kind: str, space: str) -> str:
    """The path below the media folder at which a run keeps one of its volumes."""
    return f"volumes/{run_id}/{kind}-{space}.nii.gz"


def upload_folder(upload_id: uuid.UUID) -> Path:
    """Where an upload's files wait until they are taken in."""
    return media_path(f"uploads/{upload_id}")
