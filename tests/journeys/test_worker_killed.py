"""kill -9 a worker in the middle of a run: the run finishes, once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from imaging.compute.phantoms.anatomy import build_head
from imaging.compute.phantoms.dicom_writer import write_dicom
from imaging.compute.phantoms.profiles import SMALL
from imaging.compute.phantoms.render import render_timepoint
from imaging.compute.phantoms.tumour import TumourState
from imaging.models import ImagingRun, ImagingStep, Measurement
from imaging.services.intake import study_import
from tests.factories import people
from tests.journeys.conftest import System, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.journey]


def small_study(folder: Path) -> Path:
    """A virtual visit of the coarse profile, as DICOM."""
    head = build_head(seed=4, spacing_mm=SMALL.head_spacing_mm)
    state = TumourState(centre_mm=(30.0, -20.0, 30.0), enhancing_ml=20.0, oedema_ml=60.0)
    rendered = render_timepoint(head, state, profile=SMALL, seed=4)
    write_dicom(rendered, folder, patient_key="SYNTH-KILL", study_date=dt.date(2024, 2, 3), seed=4)
    return folder


def test_a_killed_worker_loses_nothing_and_doubles_nothing(system: System, tmp_path: Path) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[small_study(tmp_path / "study")], by=clinic.radiologist)
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
