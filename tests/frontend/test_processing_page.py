"""The processing page: only one's own patients, oldest first, with a retry for those who may."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from gliomon.common.runs import RunState
from imaging.models import ImagingRun
from patients.models import AuditEvent
from tests.factories import people as factory
from tests.factories import visits as scans

pytestmark = pytest.mark.django_db


def page_of(user: Any, path: str = "/processing/") -> Any:
    client = Client(HTTP_ACCEPT="text/html")
    client.force_login(user)
    return client.get(path)


@pytest.mark.parametrize("path", ["/processing/", "/processing/list/"])
def test_who_may_not(path: str) -> None:
    clinic = factory.clinic()
    assert Client(HTTP_ACCEPT="text/html").get(path).status_code == 302
    assert page_of(clinic.researcher, path).status_code == 403
    assert page_of(clinic.admin, path).status_code == 403
    assert page_of(clinic.nurse, path).status_code == 200


def test_unfinished_runs_of_ones_own_patients_oldest_first() -> None:
    clinic, other = factory.clinic(), factory.clinic("south", "other clinic")
    scans.visit(other.patient, state=RunState.FAILED)
    scans.visit(clinic.patient, dt.date(2025, 1, 1), state=RunState.DONE)
    late = scans.visit(clinic.patient, dt.date(2025, 2, 2), state=RunState.QUEUED).runs.get()
    early = scans.visit(clinic.patient, dt.date(2025, 3, 3), state=RunState.FAILED).runs.get()
    ImagingRun.objects.filter(pk=early.pk).update(created_at=late.created_at - dt.timedelta(hours=1))
    page = page_of(clinic.radiologist).content.decode()
    assert page.index("3 Mar 2025") < page.index("2 Feb 2025")
    assert "1 Jan 2025" not in page
    assert other.patient.key not in page
    assert f"/runs/{early.pk}/retry/" in page
    assert f"/runs/{late.pk}/retry/" not in page
    assert "/retry/" not in page_of(clinic.nurse).content.decode()
    assert (
        AuditEvent.objects.filter(what="processing", patient=clinic.patient, actor=clinic.nurse).count() == 1
    )


def test_nothing_to_do_is_said_and_not_asked_again() -> None:
    page = page_of(factory.clinic().nurse).content.decode()
    assert "Nothing waits, works or failed" in page
    assert "hx-get" not in page
