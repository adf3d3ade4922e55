"""The page of an imaging visit: who may NOT see it, what it says, and what can be done on it."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from frontend.data import tracks_of
from frontend.viewer import legend
from gliomon.common.runs import RunState
from imaging import selectors as imaging
from imaging.models import ImagingRun, Series, StepState, Timepoint
from patients import selectors
from patients.models import AuditAction, AuditEvent
from patients.services import people as accounts
from patients.services.records import record_add
from tests.factories import people as factory
from tests.factories import visits as scans

pytestmark = pytest.mark.django_db

HTML = {"HTTP_ACCEPT": "text/html"}


def logged_in(user: Any) -> Client:
    client = Client(**HTML)
    client.force_login(user)
    return client


def url(timepoint: Timepoint, tail: str = "") -> str:
    return f"/patients/{timepoint.patient.key}/scans/{timepoint.pk}/{tail}"


def words(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def setup_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="viewer-setup" type="application/json">(.*?)</script>', page)
    assert found is not None
    return dict(json.loads(found[1]))


def failed(timepoint: Timepoint) -> ImagingRun:
    run = timepoint.runs.get()
    run.steps.filter(name="adc").update(state=StepState.FAILED, error="two different b-values are needed")
    run.steps.exclude(name="adc").update(state=StepState.DONE)
    ImagingRun.objects.filter(pk=run.pk).update(
        state=RunState.FAILED, error="1 of 8 steps failed: Compute ADC"
    )
    return run


@pytest.mark.parametrize("tail", ["", "steps/"])
def test_who_may_not_see_it(tail: str) -> None:
    clinic, other = factory.clinic(), factory.clinic("south", "other clinic")
    timepoint = scans.visit(clinic.patient)
    assert Client(**HTML).get(url(timepoint, tail)).status_code == 302
    assert logged_in(clinic.researcher).get(url(timepoint, tail)).status_code == 403
    assert logged_in(clinic.admin).get(url(timepoint, tail)).status_code == 403
    for stranger in (other.radiologist, other.data_manager):
        assert logged_in(stranger).get(url(timepoint, tail)).status_code == 404
    for person in (clinic.nurse, clinic.clinician, clinic.radiologist, clinic.data_manager):
        assert logged_in(person).get(url(timepoint, tail)).status_code == 200


def test_another_patients_visit_is_not_found_under_this_key() -> None:
    clinic = factory.clinic()
    foreign = scans.visit(factory.patient(clinic.team))
    response = logged_in(clinic.radiologist).get(f"/patients/{clinic.patient.key}/scans/{foreign.pk}/")
    assert response.status_code == 404


def test_looking_is_written() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    logged_in(clinic.nurse).get(url(timepoint))
    event = AuditEvent.objects.get(what="imaging visit", action=AuditAction.VIEW)
    assert (event.actor, event.patient) == (clinic.nurse, clinic.patient)


def test_numbers_are_written_with_their_units_and_where_they_come_from() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    scans.measurement(timepoint, "volume", 12.345, statistic="total", unit="mL")
    scans.measurement(timepoint, "adc", 1.2345e-3, unit="mm2/s", flags=["b_out_of_range"], nan_share=0.07)
    scans.measurement(timepoint, "nrcbv", 1.987)
    scans.measurement(timepoint, "k2", 0.00123, unit="1/s")
    page = words(logged_in(clinic.clinician).get(url(timepoint)))
    for cell in ("12.3", "1234", "1.99", "1.23"):
        assert f'<td class="number">{cell}</td>' in page
    for said in (
        "10⁻⁶ mm²/s",
        "10⁻³ 1/s",
        "7 % without a value",
        "must not be compared with ADC from b = 1000",
        "method of adc",
        "0.1.0+abc",
        "2.25.77",
        "f" * 64,
    ):
        assert said in page


def test_further_statistics_are_shown_on_demand_and_not_on_the_timeline() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    scans.measurement(timepoint, "adc", 1.2345e-3, unit="mm2/s")
    scans.measurement(timepoint, "adc", 0.4567, statistic="skewness")
    client = logged_in(clinic.clinician)
    page = words(client.get(url(timepoint)))
    assert "<summary>More about the distribution" in page
    assert '<td class="number">0.46</td>' in page
    tracks = tracks_of(
        selectors.timeline_of(clinic.patient),
        timepoints=imaging.timepoints_of(clinic.patient),
        measurements=imaging.current_measurements([clinic.patient]),
        alerts=(),
    )
    assert list(tracks.measurements["statistic"]) == ["mean"]


def test_no_number_is_said_to_be_none() -> None:
    clinic = factory.clinic()
    page = words(logged_in(clinic.clinician).get(url(scans.visit(clinic.patient, kinds=()))))
    assert "Not measured" in page
    assert "There is no T1, T2 or FLAIR image" in page
    assert "Not judged" in page


def test_weeks_are_counted_from_the_end_of_radiotherapy() -> None:
    clinic = factory.clinic()
    record_add(
        slug="radiotherapy",
        patient=clinic.patient,
        by=accounts.system_user(),
        occurred_on=dt.date(2025, 1, 1),
        ended_on=dt.date(2025, 2, 11),
        dose_gy=60,
        fractions=30,
    )
    client = logged_in(clinic.clinician)
    assert "3.0 weeks from the end of radiotherapy" in words(client.get(url(scans.visit(clinic.patient))))
    early = scans.visit(clinic.patient, dt.date(2025, 1, 28))
    assert "-2.0 weeks from the end of radiotherapy" in words(client.get(url(early)))


def test_flags_of_volumes_are_told_in_words() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    scans.volume(timepoint.runs.get(), "t2", ("thick_slices", "alignment_refused"))
    page = words(logged_in(clinic.nurse).get(url(timepoint)))
    assert "Slices are more than 5 mm apart" in page
    assert "could not be aligned better" in page


def test_the_viewer_is_given_what_there_is() -> None:
    clinic = factory.clinic()
    page = words(logged_in(clinic.nurse).get(url(scans.visit(clinic.patient))))
    setup = setup_of(page)
    assert [image["kind"] for image in setup["bases"]] == ["t1ce", "flair"]
    assert setup["labels"]["kind"] == "labels"
    assert [(item["kind"], item["colormap"]) for item in setup["maps"]] == [
        ("adc", "viridis"),
        ("rcbv", "inferno"),
    ]
    adc = setup["maps"][0]
    assert (adc["low"] * adc["scale"], adc["high"] * adc["scale"], adc["unit"]) == (300, 2500, "×10⁻⁶ mm²/s")
    without = setup_of(
        words(logged_in(clinic.nurse).get(url(scans.visit(factory.patient(clinic.team), kinds=("t2",)))))
    )
    assert (without["labels"], without["maps"]) == (None, [])


def test_the_style_sheet_paints_the_legend_in_its_colours() -> None:
    css = Path(settings.BASE_DIR / "frontend/static/frontend/imaging.css").read_text()
    painted = dict(re.findall(r"--label-(\w+): (#\w+);", css))
    assert painted == {entry["key"]: entry["colour"].lower() for entry in legend()}


def test_queries_do_not_grow_with_visits_and_series() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    client = logged_in(clinic.nurse)
    client.get(url(timepoint))
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(url(timepoint))
    for month in (5, 6, 7):
        scans.measurement(
            scans.visit(clinic.patient, dt.date(2025, month, 1)), "volume", 1.0, statistic="total"
        )
    for number in range(5):
        Series.objects.create(
            study=timepoint.studies.get(),
            series_uid=f"2.25.9.{number}",
            recognised_kind="other",
            confidence=0.5,
        )
    with CaptureQueriesContext(connection) as many:
        client.get(url(timepoint))
    assert len(many) == len(few)


def test_a_failed_step_says_why_and_can_be_tried_again_by_those_who_may() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    run = failed(timepoint)
    retry = f"/patients/{clinic.patient.key}/runs/{run.pk}/retry/"
    assert "two different b-values are needed" in words(logged_in(clinic.nurse).get(url(timepoint)))
    assert retry not in words(logged_in(clinic.nurse).get(url(timepoint)))
    assert retry in words(logged_in(clinic.radiologist).get(url(timepoint)))
    assert logged_in(clinic.nurse).post(retry).status_code == 403
    assert logged_in(factory.clinic("south", "other").radiologist).post(retry).status_code == 404
    assert logged_in(clinic.radiologist).get(retry).status_code == 405
    assert logged_in(clinic.radiologist).post(retry).status_code == 302
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    assert logged_in(clinic.radiologist).post(retry).status_code == 409


def test_the_steps_follow_by_themselves_until_the_end() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient, state=RunState.QUEUED)
    client = logged_in(clinic.nurse)
    working = client.get(url(timepoint, "steps/"))
    assert "hx-get" in words(working)
    assert "HX-Refresh" not in working.headers
    ImagingRun.objects.update(state=RunState.DONE)
    done = client.get(url(timepoint, "steps/"))
    assert "hx-get" not in words(done)
    assert done.headers["HX-Refresh"] == "true"


def test_what_a_series_is_can_be_said_by_hand() -> None:
    clinic = factory.clinic()
    timepoint = scans.visit(clinic.patient)
    series = Series.objects.get(recognised_kind="flair")
    choose = f"/patients/{clinic.patient.key}/series/{series.pk}/kind/"
    assert logged_in(clinic.nurse).post(choose, {"kind": "t2"}).status_code == 403
    assert (
        logged_in(factory.clinic("south", "other").radiologist).post(choose, {"kind": "t2"}).status_code
        == 404
    )
    assert logged_in(clinic.radiologist).post(choose, {"kind": "pet"}).status_code == 422
    assert choose not in words(logged_in(clinic.nurse).get(url(timepoint)))
    assert logged_in(clinic.radiologist).post(choose, {"kind": "t2"}).status_code == 302
    series.refresh_from_db()
    assert (series.kind, series.recognised_kind, series.chosen_by) == ("t2", "flair", clinic.radiologist)
    assert timepoint.runs.count() == 2
    assert "by hand" in words(logged_in(clinic.radiologist).get(url(timepoint)))
