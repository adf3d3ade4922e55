"""One virtual visit, from DICOM files to measurements, through the real services and steps."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.compute.stories import STORIES
from gliomon.common import runs
from gliomon.common.runs import RunState
from imaging import selectors, storage
from imaging.compute.phantoms.anatomy import build_head
from imaging.compute.phantoms.dicom_writer import write_dicom
from imaging.compute.phantoms.profiles import FULL
from imaging.compute.phantoms.render import RenderedTimepoint, render_timepoint
from imaging.compute.resample import resample_to
from imaging.compute.segmentation.labels import Label
from imaging.compute.volume import Volume, read_nifti
from imaging.models import ImagingRun, ImagingStep, Measurement, StepState
from imaging.pipeline import process as process_module
from imaging.pipeline.process import process
from imaging.services.intake import study_import
from imaging.services.processing import processing_retry
from tests.factories import people

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

STORY = STORIES[1]
VISIT = STORY.visits[3]


@pytest.fixture(scope="module")
def rendered() -> RenderedTimepoint:
    head = build_head(seed=STORY.head_seed, spacing_mm=FULL.head_spacing_mm)
    return render_timepoint(head, VISIT.state, profile=FULL, seed=STORY.visit_seed(VISIT))


@pytest.fixture(scope="module")
def files(rendered: RenderedTimepoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "nested" / "without names"
    write_dicom(rendered, folder, patient_key="SYNTH-TEST", study_date=dt.date(2024, 5, 6), seed=1)
    (folder / "README.txt").write_text("left by the archive")
    return folder.parent.parent


@pytest.fixture(autouse=True)
def _lease_thread_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The renewing thread has its own connection, which cannot see this test's transaction."""
    monkeypatch.setattr(runs, "_renew", lambda run, stop: None)


def values(run: ImagingRun) -> dict[tuple[str, str, str], float]:
    rows = Measurement.objects.filter(run=run)
    return {(row.region, row.quantity, row.statistic): row.value for row in rows}


def test_from_files_to_numbers_and_again_after_a_failed_step(
    files: Path, rendered: RenderedTimepoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic = people.clinic()
    report = study_import(patient=clinic.patient, paths=[files], by=clinic.radiologist)
    (timepoint,) = report.timepoints
    assert report.stored > 1000
    assert [code for _, code, _ in report.ignored] == ["not_dicom"]
    assert {series.kind for series in selectors.series_of(timepoint)} == {
        "t1",
        "t1ce",
        "t2",
        "flair",
        "dwi",
        "dsc",
    }

    run = _fails_in_perfusion(timepoint, monkeypatch)
    before = values(run)
    assert ("enhancing", "adc", "mean") in before
    assert ("enhancing", "nrcbv", "mean") not in before

    read_seconds = run.steps.get(name="read").seconds
    processing_retry(run=run, by=clinic.radiologist)
    runs.work(ImagingRun, str(run.pk), process)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.DONE, "")
    assert set(run.steps.values_list("state", flat=True)) == {StepState.DONE}
    assert run.steps.get(name="read").seconds == read_seconds, "a done step is not done again"
    after = values(run)
    assert {key: after[key] for key in before} == before
    _numbers_are_near_the_truth(run, after, rendered)
    _everything_has_its_provenance(run)
    _the_labels_lie_on_the_lesion(run, rendered)

    again = study_import(patient=clinic.patient, paths=[files], by=clinic.radiologist)
    assert (again.stored, again.repeated) == (0, report.stored)
    assert ImagingRun.objects.count() == 1


def _fails_in_perfusion(timepoint: Any, monkeypatch: pytest.MonkeyPatch) -> ImagingRun:
    """Process once with a perfusion step that cannot."""
    from gliomon.common.errors import DomainError

    def refuse(workspace: Any) -> dict[str, Any]:
        raise DomainError("dsc_no_bolus", "the series shows no bolus")

    run = ImagingRun.objects.get(timepoint=timepoint)
    with monkeypatch.context() as patched:
        patched.setitem(process_module.ACTIONS, "perfusion", refuse)
        runs.work(ImagingRun, str(run.pk), process)
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "steps_failed")
    step = ImagingStep.objects.get(run=run, name="perfusion")
    assert (step.state, step.error) == (StepState.FAILED, "the series shows no bolus")
    return run


def _numbers_are_near_the_truth(
    run: ImagingRun, measured: dict[tuple[str, str, str], float], rendered: RenderedTimepoint
) -> None:
    """Tolerances: the threshold outline (about +-25 % by volume) and the noise of the profile, not the fits."""
    truth = rendered.truth
    assert measured["enhancing", "volume", "total"] == pytest.approx(
        truth.volume_ml(Label.ENHANCING), rel=0.35
    )
    assert measured["enhancing", "adc", "median"] == pytest.approx(VISIT.state.adc_enhancing, rel=0.10)
    assert measured["enhancing", "nrcbv", "mean"] == pytest.approx(_true_nrcbv(run, rendered), rel=0.2)
    assert measured["nawm", "adc", "mean"] == pytest.approx(0.75e-3, rel=0.05)
    # The divisor is the region's inside; towards its rim coarse perfusion voxels mix in cortex (about 2).
    assert 0.98 < measured["nawm", "nrcbv", "mean"] < 1.15


def _stored(run: ImagingRun, kind: str) -> Volume:
    row = next(
        row
        for row in selectors.current_volumes(run.timepoint)
        if (row.kind, row.space) == (kind, "reference")
    )
    assert storage.sha256_of(storage.media_path(row.file)) == row.sha256
    return read_nifti(storage.media_path(row.file), kind=kind, unit=row.unit)


def _true_nrcbv(run: ImagingRun, rendered: RenderedTimepoint) -> float:
    """Mean of the truth in the outline, as the perfusion grid can resolve it: a rim is thinner than its voxels."""
    dynamic = rendered.volumes["dsc"]
    coarse = rendered.truth.sampled("rcbv", dynamic.with_array(dynamic.array[..., 0]))
    labels = _stored(run, "labels")
    to_scanner = rendered.truth.head_to_scanner
    matrix = to_scanner["dsc"] @ np.linalg.inv(to_scanner["t1ce"])
    drawn = resample_to(coarse, labels, matrix).array
    return float(np.nanmean(drawn[labels.array == Label.ENHANCING]))


def _everything_has_its_provenance(run: ImagingRun) -> None:
    uids = {series.series_uid for series in selectors.series_of(run.timepoint)}
    for row in Measurement.objects.filter(run=run).exclude(region="brain"):
        assert set(row.input_uids) <= uids
        assert row.inputs_hash == run.effect_key.rpartition(":")[2], "the images that were asked for went in"
        assert row.code_version.startswith("0.1.0+")
        assert row.input_uids, f"{row.region} {row.quantity} names no series"
    registrations = selectors.registrations_of(run)
    assert {row.moving_kind for row in registrations} == {"t1", "t2", "flair", "dwi", "dsc"}
    assert all(row.accepted for row in registrations)


def _the_labels_lie_on_the_lesion(run: ImagingRun, rendered: RenderedTimepoint) -> None:
    labels = _stored(run, "labels")
    true = rendered.truth.sampled("labels", labels, as_kind="t1ce").array
    found, wanted = labels.array == Label.ENHANCING, true == Label.ENHANCING
    dice = 2 * np.logical_and(found, wanted).sum() / (found.sum() + wanted.sum())
    assert dice > 0.7
