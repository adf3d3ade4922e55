"""The upload page: who may NOT send, what the reception keeps, and what the report says."""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imaging import storage
from imaging.models import UploadRun
from imaging.tasks import take_in_upload
from patients.models import AuditAction, AuditEvent
from tests.factories import people as factory
from tests.factories.dicom import small_study, zipped

pytestmark = pytest.mark.django_db

HTML = {"HTTP_ACCEPT": "text/html"}


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return small_study(tmp_path_factory.mktemp("study"))


def logged_in(user: Any, **options: Any) -> Client:
    client = Client(**HTML, **options)
    client.force_login(user)
    return client


def post(client: Client, key: str, *files: tuple[str, bytes], **headers: str) -> Any:
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post("/upload/", {"patient": key, "files": sent}, **headers)


def folders() -> list[str]:
    root = storage.upload_folder(uuid.uuid4()).parent
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def test_who_may_not() -> None:
    clinic, other = factory.clinic(), factory.clinic("south", "other clinic")
    assert Client(**HTML).get("/upload/").status_code == 302
    assert (
        Client(HTTP_ACCEPT="application/json").post("/upload/", {"patient": clinic.patient.key}).status_code
        == 401
    )
    for person in (clinic.nurse, clinic.clinician, clinic.researcher, clinic.admin):
        assert logged_in(person).get("/upload/").status_code == 403
        assert post(logged_in(person), clinic.patient.key, ("a", b"x")).status_code == 403
    assert post(logged_in(other.radiologist), clinic.patient.key, ("a", b"x")).status_code == 404
    assert UploadRun.objects.count() == 0
    assert folders() == []
    denied = AuditEvent.objects.filter(action=AuditAction.DENY, what="upload").get()
    assert denied.actor == other.radiologist


def test_only_ones_own_patients_are_offered() -> None:
    clinic, other = factory.clinic(), factory.clinic("south", "other clinic")
    page = logged_in(clinic.radiologist).get("/upload/").content.decode()
    assert clinic.patient.key in page
    assert other.patient.key not in page
    assert AuditEvent.objects.filter(what="upload page", patient=clinic.patient).count() == 1


def test_the_upload_and_its_report_stay_within_the_team(study: list[Path]) -> None:
    clinic, other = factory.clinic(), factory.clinic("south", "other clinic")
    response = post(logged_in(clinic.radiologist), clinic.patient.key, ("a", study[0].read_bytes()))
    assert response.status_code == 302
    for url in (response.url, response.url + "state/"):
        assert logged_in(clinic.data_manager).get(url).status_code == 200
        assert logged_in(other.radiologist).get(url).status_code == 404
        assert logged_in(clinic.nurse).get(url).status_code == 403
        assert Client(**HTML).get(url).status_code == 302


def test_a_forged_request_leaves_nothing() -> None:
    clinic = factory.clinic()
    client = logged_in(clinic.radiologist, enforce_csrf_checks=True)
    assert post(client, clinic.patient.key, ("a", b"x")).status_code == 403
    assert UploadRun.objects.count() == 0
    assert folders() == []


def test_files_are_kept_under_names_of_ours() -> None:
    clinic = factory.clinic()
    response = post(
        logged_in(clinic.radiologist),
        clinic.patient.key,
        ("../../JANE DOE.dcm", b"first"),
        ("two.dcm", b"second!"),
        HTTP_ACCEPT="application/json",
    )
    run = UploadRun.objects.get()
    assert response.status_code == 201
    assert json.loads(response.content) == {"url": f"/patients/{clinic.patient.key}/uploads/{run.pk}/"}
    assert {path.name: path.read_bytes() for path in storage.upload_folder(run.pk).iterdir()} == {
        "f00001": b"first",
        "f00002": b"second!",
    }
    assert run.names == {"f00001": "JANE DOE.dcm", "f00002": "two.dcm"}
    assert (run.n_files, run.n_bytes, run.requested_by) == (2, 12, clinic.radiologist)


def test_caps_hold_while_receiving(settings: Any) -> None:
    clinic = factory.clinic()
    client = logged_in(clinic.radiologist)
    settings.UPLOAD_FILES_LIMIT = 2
    files = [(f"f{number}", b"x") for number in range(3)]
    refused = post(client, clinic.patient.key, *files, HTTP_ACCEPT="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_files")
    settings.UPLOAD_BODY_LIMIT_BYTES = 1000
    refused = post(client, clinic.patient.key, ("a", b"x" * 2000), HTTP_ACCEPT="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "upload_too_large")
    lying = client.generic(
        "POST", "/upload/", _body(b"x" * 2000), "multipart/form-data; boundary=B", CONTENT_LENGTH="900"
    )
    assert lying.status_code >= 400
    assert UploadRun.objects.count() == 0
    assert folders() == []


def _body(content: bytes) -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    return io.BytesIO(head + content + b"\r\n--B--\r\n").read()


def test_nothing_chosen_is_said() -> None:
    clinic = factory.clinic()
    response = logged_in(clinic.radiologist).post("/upload/", {"patient": clinic.patient.key})
    assert response.status_code == 422
    assert b"no file was chosen" in response.content


def test_the_report_names_series_and_what_was_left_out(study: list[Path], tmp_path: Path) -> None:
    clinic = factory.clinic()
    client = logged_in(clinic.radiologist)
    archive = zipped(study, tmp_path / "a.zip", {"readme.txt": b"hello <script>"})
    url = post(client, clinic.patient.key, ("a.zip", archive.read_bytes())).url
    waiting = client.get(url).content.decode()
    assert "waiting for a worker" in waiting
    assert "hx-get" in waiting
    run = UploadRun.objects.get()
    take_in_upload(str(run.pk))
    page = client.get(url).content.decode()
    run.refresh_from_db()
    assert f"/scans/{run.report['timepoints'][0]}/" in page
    for words in ("FLAIR", "T1 post-contrast", "95 %", "readme.txt", "not a DICOM file"):
        assert words in page


def test_a_refused_archive_is_explained() -> None:
    clinic = factory.clinic()
    client = logged_in(clinic.radiologist)
    url = post(client, clinic.patient.key, ("a.zip", b"PK\x03\x04 and nothing more")).url
    take_in_upload(str(UploadRun.objects.get().pk))
    page = client.get(url).content.decode()
    assert "archive_unreadable" in page
    assert "Nothing of this upload was kept" in page
    assert "hx-get" not in page
