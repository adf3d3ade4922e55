"""What the phantom writer writes, the reader reads: kind, grid, b-values, times and samples."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from imaging.compute.dicom.read import read_series
from imaging.compute.dicom.scan import ScanResult, scan_files
from imaging.compute.dicom.series import recognise
from imaging.compute.phantoms.dicom_writer import write_dicom
from imaging.compute.phantoms.profiles import SMALL
from imaging.compute.phantoms.render import RenderedTimepoint
from imaging.compute.volume import Volume

MR = "[arb'U]"


def volumes() -> dict[str, Volume]:
    """One oblique volume of random samples per kind of series, four slices thick."""
    rng = np.random.default_rng(5)
    affine = np.array([[-2.0, 0, 0, 40], [0, -1.9, 0.6, 30], [0, -0.4, 4.8, -20], [0, 0, 0, 1]])
    affine[:3, 2] *= 4.0 / np.linalg.norm(affine[:3, 2])
    affine[:3, 2] = (
        4.0 * np.cross(affine[:3, 0], affine[:3, 1]) / np.linalg.norm(np.cross(affine[:3, 0], affine[:3, 1]))
    )
    found = {}
    for acquisition in SMALL.acquisitions:
        last = (
            (len(acquisition.b_values),)
            if acquisition.b_values
            else (acquisition.n_times,) * bool(acquisition.n_times)
        )
        found[acquisition.kind] = Volume(
            array=rng.uniform(0, 900, (7, 9, 4, *last)).astype(np.float32),
            affine=affine,
            kind=acquisition.kind,
            unit=MR,
            b_values=acquisition.b_values or None,
            times_s=acquisition.times_s or None,
        )
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Volume], ScanResult]:
    folder: Path = tmp_path_factory.mktemp("phantom")
    given = volumes()
    rendered = RenderedTimepoint(given, None, SMALL, 1)  # type: ignore[arg-type]  # the writer needs no truth
    write_dicom(rendered, folder, patient_key="SYNTH-1", study_date=datetime.date(2024, 5, 6))
    return given, scan_files([folder])


def test_every_series_is_recognised_and_marked(written: tuple[dict[str, Volume], ScanResult]) -> None:
    given, result = written
    assert not result.unreadable
    (study,) = result.studies
    assert all(header.is_synthetic for header in result.instances)
    verdicts = [recognise(series.headers) for series in study.series]
    assert [verdict.kind for verdict in verdicts] == list(given)
    assert min(verdict.confidence for verdict in verdicts) >= 0.85


def test_samples_and_grid_survive(written: tuple[dict[str, Volume], ScanResult]) -> None:
    given, result = written
    for series in result.studies[0].series:
        volume = read_series(series.headers).volume
        truth = given[volume.kind]
        np.testing.assert_allclose(volume.affine, truth.affine, atol=1e-3)
        # stored as 14-bit integers
        np.testing.assert_allclose(volume.array, truth.array, atol=900 / 16383)
        assert volume.b_values == truth.b_values
        if truth.times_s is not None:
            assert volume.times_s is not None
            np.testing.assert_allclose(volume.times_s, truth.times_s, atol=1e-3)
