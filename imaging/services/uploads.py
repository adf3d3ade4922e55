"""Uploads: what a browser sent waits in a folder, a worker unpacks it and takes it in, and the folder goes."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from gliomon.common import runs
from gliomon.common.errors import DomainError, PermissionRefused, RetriableError
from imaging import storage
from imaging.compute.dicom.limits import Limits
from imaging.compute.dicom.sandbox import run_limited
from imaging.models import UploadRun
from imaging.services.archives import ArchiveLimits, is_zip
from imaging.services.intake import IntakeReport, study_import
from patients.models import AuditAction, Patient, User
from patients.permissions import may
from patients.services.audit import audit_write

# Inflating 10 GiB takes about two minutes; the child is silent meanwhile.
_UNPACK_LIMITS = Limits(cpu_s=900.0, wall_s=1800.0)
_LISTED = 500


@transaction.atomic
def upload_request(
    *,
    patient: Patient,
    by: User,
    upload_id: uuid.UUID,
    names: dict[str, str],
    n_bytes: int,
    patient_confirmed: bool = False,
    request_id: str = "",
) -> UploadRun:
    """Ask for the taking in of the files that were stored for `upload_id`."""
    if not may(by, "study.import"):
        raise PermissionRefused("not_allowed", "your role may not import scans")
    if not names:
        raise DomainError("upload_empty", "no file was chosen")
    run = UploadRun.objects.create(
        pk=upload_id,
        effect_key=f"upload:{upload_id}",
        patient=patient,
        requested_by=by,
        n_files=len(names),
        n_bytes=n_bytes,
        names=names,
        patient_confirmed=patient_confirmed,
    )
    audit_write(
        actor=by,
        action=AuditAction.CREATE,
        what="upload",
        patient=patient,
        object_id=upload_id,
        request_id=request_id,
        detail={"files": len(names), "bytes": n_bytes},
    )
    runs.enqueue(run)
    return run


def upload_discard(upload_id: uuid.UUID) -> None:
    """Remove an upload's folder, whatever is in it."""
    shutil.rmtree(storage.upload_folder(upload_id), ignore_errors=True)


def upload_take_in(run: UploadRun) -> None:
    """Unpack and import an upload. Refused or taken in, nothing of its folder stays; twice is once."""
    try:
        files = _unpacked(run)
        report = study_import(
            patient=run.patient,
            paths=list(files),
            by=run.requested_by,
            confirmed=run.patient_confirmed,
            request_id=str(run.pk)[:32],
        )
    except DomainError:
        _close(run, {})
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise RetriableError("disk_full", "no space is left on the disk") from error
        raise
    _close(run, _report(report, {path.name: name for path, name in files.items()}))


def _unpacked(run: UploadRun) -> dict[Path, str]:
    """Every file of the upload with the sender's name for it, those of archives in place of the archives."""
    folder = storage.upload_folder(run.pk)
    if not folder.is_dir():
        raise DomainError("upload_gone", "the uploaded files are no longer there; send them again")
    limits = ArchiveLimits(files=settings.UPLOAD_FILES_LIMIT)
    files: dict[Path, str] = {}
    for stored, name in run.names.items():
        if not is_zip(folder / stored):
            files[folder / stored] = name
            continue
        inside, inflated = _unpack(folder / stored, limits)
        files |= inside
        limits = dataclasses.replace(
            limits, files=limits.files - len(inside), inflated_bytes=limits.inflated_bytes - inflated
        )
    return files


def _unpack(path: Path, limits: ArchiveLimits) -> tuple[dict[Path, str], int]:
    """Unpack one archive in a limited child into a folder of its own; returns its files and their bytes."""
    folder = path.with_name(f"{path.name}.d")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    item = {
        "path": str(path),
        "folder": str(folder),
        "prefix": path.name,
        "limits": dataclasses.asdict(limits),
    }
    answer = run_limited("imaging.services.archives:unpack_item", [item], limits=_UNPACK_LIMITS)[0]
    if answer.code:
        code = answer.code if answer.code.startswith("archive_") else "archive_unreadable"
        raise DomainError(code, answer.reason)
    found: dict[str, Any] = answer.value
    return {folder / stored: name for stored, name in found["names"].items()}, found["inflated"]


def _report(report: IntakeReport, names: dict[str, str]) -> dict[str, Any]:
    """Counts, visits, and what was not taken in under the names that the sender knows."""
    found = report.as_json()
    listed: dict[str, Any] = {}
    for kind in ("quarantined", "ignored"):
        items = [item | {"file": names.get(item["file"], item["file"])} for item in found[kind]]
        listed |= {kind: items[:_LISTED], f"n_{kind}": len(items)}
    return {
        "stored": report.stored,
        "repeated": report.repeated,
        "timepoints": [str(timepoint.pk) for timepoint in report.timepoints],
        **listed,
    }


def _close(run: UploadRun, report: dict[str, Any]) -> None:
    """Keep what came of it, and nothing of the files."""
    with transaction.atomic():
        runs.hold(run)
        UploadRun.objects.filter(pk=run.pk).update(report=report, names={})
    upload_discard(run.pk)
