"""kill -9 a worker in the middle of a run: the run finishes, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.models import ImagingRun, ImagingStep, Measurement
from imaging.services.intake import study_import
from tests.factories import people
from tests.factories.dicom import ALL_KINDS, small_study
from tests.journeys.conftest import System, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.journey]


def test_a_killed_worker_loses_nothing_and_doubles_nothing(system: System, tmp_path: Path) -> None:
    clinic = people.clinic()
    study_import(
        patient=clinic.patient, paths=small_study(tmp_path / "study", kinds=ALL_KINDS), by=clinic.radiologist
    )
    run = ImagingRun.objects.get()

    system.start_worker("first", "imaging")
    wait_until(
        lambda: step(run, "brain").state in ("running", "done"), "the brain step has begun", seconds=120
    )
    system.kill("first")
    assert ImagingRun.objects.get().state == "running"
    read_again = step(run, "read").seconds

    system.start_beat()
    system.start_worker("second", "imaging,default")
    wait_until(lambda: ImagingRun.objects.get().state in ("done", "failed"), "the run ends", seconds=240)
    run.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    assert run.attempts == 2
    assert step(run, "read").seconds == read_again, "a finished step is not done again"
    rows = list(Measurement.objects.values_list("region", "quantity", "statistic"))
    assert rows
    assert len(rows) == len(set(rows))


def step(run: ImagingRun, name: str) -> ImagingStep:
    return ImagingStep.objects.get(run=run, name=name)
