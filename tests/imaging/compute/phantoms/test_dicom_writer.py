"""Written files: same geometry, same numbers, and never to be mistaken for a patient's."""

from __future__ import annotations

import dataclasses
import datetime
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.dicom_writer import write_dicom
from imaging.compute.phantoms.render import RenderedTimepoint

DAY = datetime.date(2031, 3, 4)
KIND_OF = {
    "Ax 3D T1 SPGR": "t1",
    "Ax 3D T1 SPGR +C": "t1ce",
    "t2_tirm_tra_dark-fluid": "flair",
    "t2_tse_tra": "t2",
    "ep2d_diff_b0_b1000": "dwi",
    "ep2d_perf_DSC": "dsc",
}


@pytest.fixture(scope="module")
def paths(rendered: RenderedTimepoint, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("dicom")
    return write_dicom(rendered, folder, patient_key="SYNTH-T1", study_date=DAY, sex="F", birth_year=1970)


@pytest.fixture(scope="module")
def series(paths: list[Path]) -> dict[str, list[pydicom.Dataset]]:
    grouped = defaultdict(list)
    for path in paths:
        dataset = pydicom.dcmread(path)
        grouped[KIND_OF[dataset.SeriesDescription]].append(dataset)
    return dict(grouped)


def test_no_file_can_be_taken_for_a_patients(paths: list[Path]) -> None:
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert str(header.PatientName).startswith("SYNTH^")
        assert header.PatientID == "SYNTH-T1"
        assert header[0x0012, 0x0062].value == "YES"
        assert "virtual" in header[0x0012, 0x0063].value
        assert list(header.ImageType[:3]) == ["DERIVED", "SECONDARY", "SYNTHETIC"]
        assert header.Manufacturer == "gliomon virtual scanner"
        assert header.BurnedInAnnotation == "NO"
        for uid in (header.SOPInstanceUID, header.SeriesInstanceUID, header.StudyInstanceUID):
            assert uid.startswith("2.25.")
            assert uid.is_valid


def test_geometry_and_samples_survive_the_round_trip(
    rendered: RenderedTimepoint, series: dict[str, list[pydicom.Dataset]]
) -> None:
    """Positions after DICOM's own equation (PS3.3 C.7.6.2.1.1), samples within half a stored step."""
    for kind, volume in rendered.volumes.items():
        frames = volume.array if volume.array.ndim == 4 else volume.array[..., None]
        assert len(series[kind]) == frames.shape[2] * frames.shape[3]
        for index, dataset in enumerate(series[kind]):
            time, level = divmod(index, frames.shape[2])
            for column, row in ((0, 0), (7, 11)):
                expected = (volume.affine @ np.asarray([column, row, level, 1.0]))[:3] * [-1, -1, 1]
                assert position(dataset, column, row) == pytest.approx(expected, abs=1e-4)
        values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        step = float(dataset.RescaleSlope)
        assert np.abs(values.T - frames[:, :, level, time]).max() < 0.51 * step
        assert step < 0.001 * frames.max()


def position(dataset: pydicom.Dataset, column: int, row: int) -> np.ndarray:
    along_row, along_column = np.reshape(np.asarray(dataset.ImageOrientationPatient, dtype=float), (2, 3))
    down, right = (float(value) for value in dataset.PixelSpacing)
    origin = np.asarray(dataset.ImagePositionPatient, dtype=float)
    return origin + along_row * right * column + along_column * down * row


def test_one_frame_of_reference_one_study_and_a_series_each(series: dict[str, list[pydicom.Dataset]]) -> None:
    everything = [dataset for datasets in series.values() for dataset in datasets]
    assert len({dataset.FrameOfReferenceUID for dataset in everything}) == 1
    assert len({dataset.StudyInstanceUID for dataset in everything}) == 1
    assert len({dataset.SeriesInstanceUID for dataset in everything}) == len(series) == 6
    assert len({dataset.SOPInstanceUID for dataset in everything}) == len(everything)


def test_dynamic_series_carries_its_times(
    rendered: RenderedTimepoint, series: dict[str, list[pydicom.Dataset]]
) -> None:
    times = rendered.volumes["dsc"].times_s
    assert times is not None
    first_slice = [d for d in series["dsc"] if d.SliceLocation == series["dsc"][0].SliceLocation]
    assert [d.TemporalPositionIdentifier for d in first_slice] == list(range(1, len(times) + 1))
    assert {d.NumberOfTemporalPositions for d in first_slice} == {len(times)}
    clock = [seconds_of(d.AcquisitionTime) for d in first_slice]
    assert np.diff(clock) == pytest.approx(np.diff(times), abs=1e-3)
    assert float(first_slice[0].TemporalResolution) == pytest.approx(1500.0)
    assert float(first_slice[0].EchoTime) == pytest.approx(30.0)
    assert float(first_slice[0].FlipAngle) == pytest.approx(30.0)


def seconds_of(text: str) -> float:
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:])


def test_diffusion_carries_its_b_values(series: dict[str, list[pydicom.Dataset]]) -> None:
    values = [d.DiffusionBValue for d in series["dwi"]]
    assert sorted(set(values)) == [0.0, 1000.0]
    weighted = [d for d in series["dwi"] if d.DiffusionBValue > 0]
    directions = {tuple(d.DiffusionGradientOrientation) for d in weighted}
    assert len(directions) == 3
    assert all("DiffusionGradientOrientation" not in d for d in series["dwi"] if d.DiffusionBValue == 0)


def test_contrast_and_inversion_are_said_where_they_apply(series: dict[str, list[pydicom.Dataset]]) -> None:
    assert series["t1ce"][0].ContrastBolusAgent
    assert "ContrastBolusAgent" not in series["t1"][0]
    assert float(series["flair"][0].InversionTime) == pytest.approx(2500.0)
    assert "InversionTime" not in series["t2"][0]
    assert all(float(datasets[0].MagneticFieldStrength) == 3.0 for datasets in series.values())


def test_same_seed_same_bytes_and_another_visit_shares_no_uid(
    rendered: RenderedTimepoint, paths: list[Path], tmp_path: Path
) -> None:
    part = dataclasses.replace(rendered, volumes={kind: rendered.volumes[kind] for kind in ("t1", "dwi")})
    first = {(path.parent.name, path.name): path for path in paths}
    again = write_dicom(
        part, tmp_path / "a", patient_key="SYNTH-T1", study_date=DAY, sex="F", birth_year=1970
    )
    assert all(path.read_bytes() == first[path.parent.name, path.name].read_bytes() for path in again)
    later = write_dicom(
        part, tmp_path / "b", patient_key="SYNTH-T1", study_date=DAY + datetime.timedelta(days=30)
    )
    assert not uids_of(again) & uids_of(later)


def uids_of(files: list[Path]) -> set[str]:
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
    return {str(h[name].value) for h in headers for name in ("SOPInstanceUID", "SeriesInstanceUID")}


def test_a_key_that_could_be_a_patients_is_refused(rendered: RenderedTimepoint, tmp_path: Path) -> None:
    with pytest.raises(DomainError) as caught:
        write_dicom(rendered, tmp_path, patient_key="PAT-0001", study_date=DAY)
    assert caught.value.code == "patient_key"
    assert not list(tmp_path.iterdir())
