"""The demo goes through the same services as real data, and only into a demo data directory."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics import selectors
from analytics.compute.stories import STORIES
from analytics.models import Cohort, DemoVisitRun
from analytics.services import demo
from gliomon.common import runs
from gliomon.common.runs import RunState
from imaging.models import ImagingRun, Instance, Timepoint
from patients.models import Patient, SteroidDose
from patients.selectors import timeline_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded(settings: Any) -> list[demo.DemoAccount]:
    settings.DEMO = True
    return demo.demo_load()


def test_it_is_refused_outside_a_demo_data_directory(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="demo data directory"):
        call_command("load_demo", stdout=StringIO())
    assert not Patient.objects.exists()


def test_the_command_prints_accounts_that_work_and_does_nothing_the_second_time(settings: Any) -> None:
    settings.DEMO = True
    out, again = StringIO(), StringIO()
    call_command("load_demo", stdout=out)
    call_command("load_demo", "--if-empty", stdout=again)
    assert again.getvalue() == ""
    lines = [line.split()[:2] for line in out.getvalue().splitlines()]
    assert len(lines) == len(demo.ACCOUNTS)
    assert all(authenticate(username=name, password=password) for name, password in lines)


def test_three_virtual_patients_with_their_whole_record(loaded: list[demo.DemoAccount]) -> None:
    assert set(Patient.objects.values_list("key", flat=True)) == {story.key for story in STORIES}
    for patient in Patient.objects.all():
        timeline = timeline_of(patient)
        assert patient.is_virtual
        assert timeline.diagnoses[0].cns5_type == "gbm_idhwt"
        assert timeline.radiotherapy_end is not None
        assert {"idh", "mgmt", "codel_1p19q"} <= {marker.marker for marker in timeline.markers}
        assert timeline.steroids
        assert timeline.therapies


def test_its_history_is_backfilled_and_replays_as_the_clinic_knew_it(loaded: list[demo.DemoAccount]) -> None:
    patient = Patient.objects.get(key="SYNTH-0003")
    assert not SteroidDose.objects.filter(backfilled=False).exists()
    half_a_year_ago = timezone.now() - dt.timedelta(days=180)
    then = timeline_of(patient, as_of=half_a_year_ago, knowledge="clinic")
    now = timeline_of(patient)
    assert 0 < len(then.results) < len(now.results)
    assert timeline_of(patient, as_of=half_a_year_ago).results == []


def test_the_virtual_cohort_is_marked_and_large_enough(loaded: list[demo.DemoAccount]) -> None:
    cohort = Cohort.objects.get()
    rows = selectors.cohort_rows(cohort)
    assert cohort.is_virtual
    assert len(rows) >= 300
    assert cohort.rejected == []


@pytest.mark.slow
def test_a_visit_is_rendered_taken_in_and_followed_by_the_next(
    loaded: list[demo.DemoAccount], monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "_renew", lambda run, stop: None)
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    first = DemoVisitRun.objects.get()
    runs.work(DemoVisitRun, str(first.pk), demo.demo_visit_render)
    first.refresh_from_db()
    assert (first.state, first.error) == (RunState.DONE, "")
    timepoint = Timepoint.objects.get()
    assert timepoint.backfilled
    assert timepoint.patient.key == STORIES[0].key
    assert Instance.objects.count() > 1000
    assert ImagingRun.objects.get().state == RunState.QUEUED
    assert sorted(DemoVisitRun.objects.values_list("visit", flat=True)) == [0, 1]
