"""An upload is taken in once by a worker, or refused with nothing left of it."""

from __future__ import annotations

import io
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gliomon.common.errors import DomainError, PermissionRefused
from gliomon.common.runs import RunState
from imaging import storage
from imaging.models import ImagingRun, Instance, QuarantinedFile, Series, Timepoint, UploadRun
from imaging.services.uploads import upload_request
from imaging.tasks import take_in_upload
from patients.models import AuditEvent
from tests.factories import people as factory
from tests.factories.dicom import STUDY_DATE, small_study, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return small_study(tmp_path_factory.mktemp("study"))


def sent(clinic: Any, files: dict[str, bytes | Path], by: Any = None) -> UploadRun:
    """Files as the reception leaves them."""
    upload_id = uuid.uuid4()
    folder = storage.upload_folder(upload_id)
    folder.mkdir(parents=True)
    names = {}
    for number, (name, content) in enumerate(files.items(), start=1):
        stored = f"f{number:05d}"
        names[stored] = name
        if isinstance(content, Path):
            shutil.copy(content, folder / stored)
        else:
            (folder / stored).write_bytes(content)
    return upload_request(
        patient=clinic.patient, by=by or clinic.radiologist, upload_id=upload_id, names=names, n_bytes=1
    )


def worked(run: UploadRun) -> UploadRun:
    take_in_upload(str(run.pk))
    run.refresh_from_db()
    return run


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 30_000_000)
    return buffer.getvalue()


def test_a_zip_becomes_a_visit_and_the_folder_goes(study: list[Path], tmp_path: Path) -> None:
    clinic = factory.clinic()
    archive = zipped(study, tmp_path / "a.zip", {"export/readme.txt": b"hello", "export/DICOMDIR": b"index"})
    run = worked(sent(clinic, {"study of today.zip": archive}))
    assert run.state == RunState.DONE, run.error
    timepoint = Timepoint.objects.get(patient=clinic.patient)
    assert timepoint.date == STUDY_DATE
    assert run.report["timepoints"] == [str(timepoint.pk)]
    assert run.report["stored"] == len(study) == Instance.objects.count()
    assert run.report["quarantined"] == []
    assert [(item["file"], item["code"]) for item in run.report["ignored"]] == [
        ("export/readme.txt", "not_dicom"),
        ("export/DICOMDIR", "not_dicom"),
    ]
    assert {series.kind for series in Series.objects.all()} == {"flair", "t1ce"}
    assert ImagingRun.objects.filter(timepoint=timepoint, state=RunState.QUEUED).count() == 1
    assert not storage.upload_folder(run.pk).exists()
    assert run.names == {}


def test_loose_files_twice_are_stored_once(study: list[Path]) -> None:
    clinic = factory.clinic()
    loose: dict[str, bytes | Path] = {path.name: path for path in study[:3]}
    assert worked(sent(clinic, loose)).report["stored"] == 3
    again = worked(sent(clinic, loose))
    assert (again.report["stored"], again.report["repeated"]) == (0, 3)
    assert Instance.objects.count() == 3


def test_a_delivery_after_the_end_changes_nothing(study: list[Path]) -> None:
    run = worked(sent(factory.clinic(), {"a": study[0]}))
    before = run.report
    assert worked(run).report == before
    assert run.attempts == 1


def test_a_worker_that_died_while_unpacking_is_followed_by_one_that_succeeds(
    study: list[Path], tmp_path: Path
) -> None:
    run = sent(factory.clinic(), {"a.zip": zipped(study[:4], tmp_path / "a.zip")})
    half = storage.upload_folder(run.pk) / "f00001.d"
    half.mkdir()
    (half / "f00001-00001").write_bytes(b"half a file")
    assert worked(run).report["stored"] == 4


def test_other_bytes_under_the_same_identifier_are_quarantined(study: list[Path]) -> None:
    clinic = factory.clinic()
    worked(sent(clinic, {"a": study[0]}))
    changed = study[0].read_bytes()
    run = worked(
        sent(clinic, {"changed": changed[:-2] + bytes([changed[-2] ^ 1, changed[-1]]), "b": study[1]})
    )
    assert [(item["file"], item["code"]) for item in run.report["quarantined"]] == [
        ("changed", "same_uid_other_bytes")
    ]
    assert QuarantinedFile.objects.get().patient == clinic.patient
    assert Instance.objects.count() == 2


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"bomb.zip": bomb()}, "archive_ratio"),
        ({"cut.zip": bomb()[:-40]}, "archive_unreadable"),
        ({"notes.txt": b"no image at all"}, "no_dicom_images"),
    ],
)
def test_a_refused_upload_leaves_nothing(files: dict[str, bytes | Path], code: str) -> None:
    run = worked(sent(factory.clinic(), files))
    assert (run.state, run.error_code) == (RunState.FAILED, code)
    assert run.error
    assert not storage.upload_folder(run.pk).exists()
    assert Instance.objects.count() == Timepoint.objects.count() == 0
    assert run.names == {}


def test_only_roles_that_import_may_ask() -> None:
    clinic = factory.clinic()
    for person in (clinic.nurse, clinic.clinician, clinic.researcher, clinic.admin):
        with pytest.raises(PermissionRefused):
            sent(clinic, {"a": b"x"}, by=person)
    assert UploadRun.objects.count() == 0
    assert AuditEvent.objects.filter(what="upload").count() == 0


def test_nothing_sent_is_refused_and_something_is_written() -> None:
    clinic = factory.clinic()
    with pytest.raises(DomainError) as caught:
        sent(clinic, {})
    assert caught.value.code == "upload_empty"
    run = sent(clinic, {"a": b"x"})
    event = AuditEvent.objects.get(what="upload")
    assert (event.actor, event.patient, event.object_id) == (clinic.radiologist, clinic.patient, str(run.pk))
