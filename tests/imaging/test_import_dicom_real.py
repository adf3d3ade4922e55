"""`import_dicom` on real studies, as a user would call it; the numbers against the scanner's own."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from gliomon.common import runs
from imaging import storage
from imaging.compute.volume import read_nifti
from imaging.management.commands import import_dicom

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _computed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker sees this test's transaction: the waiting command computes by itself, at once."""
    monkeypatch.setattr(runs, "_renew", lambda run, stop: None)
    monkeypatch.setattr(import_dicom, "_PATIENCE_SECONDS", 0)


def imported(folder: Path) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "import_dicom",
        str(folder),
        patient="REAL-1",
        create=True,
        wait=True,
        json=True,
        stdout=out,
        stderr=StringIO(),
    )
    found = json.loads(out.getvalue())
    assert found["patient"] == "REAL-1"
    (timepoint,) = found["timepoints"]
    return timepoint


def steps(timepoint: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in timepoint["steps"]}


def stored(timepoint: dict[str, Any], kind: str, space: str) -> np.ndarray:
    row = next(v for v in timepoint["volumes"] if (v["kind"], v["space"]) == (kind, space))
    return read_nifti(storage.media_path(row["file"]), kind=kind, unit=row["unit"]).array


def test_the_glioma_study_gives_four_series_and_a_lesion(real_data: Path) -> None:
    timepoint = imported(real_data / "glioma_study_dicom")
    assert timepoint["date"] == "2011-07-21"
    assert sorted(series["kind"] for series in timepoint["series"]) == ["flair", "t1", "t1ce", "t2"]
    assert all(series["reason"] for series in timepoint["series"])
    state = steps(timepoint)
    assert {name: state[name] for name in ("read", "brain", "align", "segment", "measure")} == dict.fromkeys(
        ("read", "brain", "align", "segment", "measure"), "done"
    )
    assert (state["adc"], state["perfusion"]) == ("skipped", "skipped")
    volume = {m["region"]: m["value"] for m in timepoint["measurements"] if m["quantity"] == "volume"}
    # No expert mask exists for this study; the ring lesion seen by eye is about 3 cm wide with wide oedema.
    assert 8 < volume["enhancing"] < 30
    assert 60 < volume["oedema"] < 200
    spacing = np.asarray(stored(timepoint, "flair", "native").shape)
    assert spacing[2] == 60


def test_adc_of_an_enhanced_diffusion_study_equals_the_scanners(real_data: Path) -> None:
    """r >= 0.999 and medians within 1 % where b0 > 393 after rescale; b = 2500 is flagged; ASL is not DSC."""
    timepoint = imported(real_data / "dwi_enhanced_siemens")
    kinds = [series["kind"] for series in timepoint["series"]]
    assert sorted(kinds) == ["adc", "dwi", "dwi", "other", "other", "t1"]
    assert steps(timepoint)["adc"] == "done"
    ours = stored(timepoint, "adc", "native")
    scanner = stored(timepoint, "adc_scanner", "native")
    tissue = (stored(timepoint, "dwi", "native")[..., 0] > 393) & np.isfinite(ours)
    assert tissue.sum() > 40_000
    assert np.corrcoef(ours[tissue], scanner[tissue])[0, 1] >= 0.999
    assert np.median(ours[tissue]) == pytest.approx(np.median(scanner[tissue]), rel=0.01)
    assert np.median(ours[tissue]) == pytest.approx(714.6e-6, rel=0.01)
    adc = [m for m in timepoint["measurements"] if m["quantity"] == "adc"]
    assert adc
    assert all("b_out_of_range" in m["flags"] for m in adc)


@pytest.mark.parametrize(
    ("series", "code"),
    [
        ("gantrytilting/001", "dicom_sheared_slices"),
        ("sliceincrement/001", "dicom_"),
        ("sliceorientation/001", "dicom_"),
    ],
)
def test_a_series_that_is_no_volume_is_refused_with_its_reason(
    real_data: Path, series: str, code: str
) -> None:
    from imaging.models import ImagingStep, Series
    from imaging.services.intake import study_import
    from imaging.services.processing import series_kind_choose
    from tests.factories import people

    clinic = people.clinic()
    report = study_import(
        patient=clinic.patient,
        paths=[real_data / "vendor_series" / "failing" / series],
        by=clinic.radiologist,
    )
    for found in Series.objects.all():
        series_kind_choose(series=found, kind="t1", by=clinic.radiologist)
    import_dicom.Command()._wait(report.timepoints[0])
    step = ImagingStep.objects.filter(name="read").exclude(state="waiting").get()
    assert (step.state, step.error_code) == ("failed", "no_usable_series")
    assert len(step.error) > 40
    assert step.error.startswith("no series could be read: ")
