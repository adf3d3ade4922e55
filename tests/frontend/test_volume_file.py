"""The image files: who may NOT have them, that every look is written, and that they come as they are stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from imaging import storage
from imaging.models import Volume
from patients.models import AuditAction, AuditEvent
from tests.factories import people as factory
from tests.factories import visits as scans

pytestmark = pytest.mark.django_db


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(volume: Volume, key: str = "") -> str:
    return f"/patients/{key or volume.timepoint.patient.key}/volumes/{volume.pk}.nii.gz"


@pytest.fixture
def clinic() -> factory.Clinic:
    return factory.clinic()


@pytest.fixture
def volume(clinic: factory.Clinic) -> Volume:
    return scans.visit(clinic.patient, kinds=("t1ce",)).volumes.get()


def test_who_may_not_have_it(clinic: factory.Clinic, volume: Volume) -> None:
    other = factory.clinic("south", "other clinic")
    assert Client().get(url(volume)).status_code == 401
    assert logged_in(clinic.researcher).get(url(volume)).status_code == 403
    assert logged_in(clinic.admin).get(url(volume)).status_code == 403
    assert logged_in(other.radiologist).get(url(volume)).status_code == 404
    assert logged_in(other.radiologist).get(url(volume, other.patient.key)).status_code == 404
    denied = AuditEvent.objects.filter(action=AuditAction.DENY, what="image volume").get()
    assert denied.actor == other.radiologist


def test_it_comes_as_it_is_stored(clinic: factory.Clinic, volume: Volume) -> None:
    response = logged_in(clinic.nurse).get(url(volume), HTTP_ACCEPT_ENCODING="gzip")
    assert b"".join(response.streaming_content) == storage.media_path(volume.file).read_bytes()
    assert response.headers["Content-Type"] == "application/gzip"
    assert "Content-Encoding" not in response.headers
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["ETag"] == f'"{volume.sha256}"'


def test_every_look_is_written_even_when_the_browser_has_it_already(
    clinic: factory.Clinic, volume: Volume
) -> None:
    client = logged_in(clinic.clinician)
    client.get(url(volume)).getvalue()
    again = client.get(url(volume), HTTP_IF_NONE_MATCH=f'"{volume.sha256}"')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "private, no-cache"
    rows = AuditEvent.objects.filter(what="image volume", action=AuditAction.VIEW, patient=clinic.patient)
    assert [row.actor for row in rows] == [clinic.clinician, clinic.clinician]


def test_a_lost_file_is_said_to_be_lost(clinic: factory.Clinic, volume: Volume) -> None:
    storage.media_path(volume.file).unlink()
    assert logged_in(clinic.nurse).get(url(volume)).status_code == 404
