"""What comes in, once: the same bytes again, other bytes under the same name, another patient's, another day's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pydicom
import pytest

from gliomon.common.errors import DomainError, PermissionRefused
from imaging import storage
from imaging.models import ImagingRun, Instance, QuarantinedFile, Series, Timepoint
from imaging.services.intake import study_import
from imaging.services.processing import series_kind_choose
from patients.models import AuditEvent
from patients.services.records import record_add
from tests.factories import people
from tests.factories.dicom import STUDY_DATE, small_study

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    small_study(folder, kinds=("flair",))
    return folder


def later_study(folder: Path, day: dt.date) -> Path:
    small_study(folder, kinds=("flair",), date=day, seed=8)
    return folder


def test_files_are_stored_under_their_hash_and_sorted_into_a_timepoint(study: Path) -> None:
    clinic = people.clinic()
    report = study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    (timepoint,) = report.timepoints
    assert timepoint.date == STUDY_DATE
    assert report.stored == Instance.objects.count() > 10
    for instance in Instance.objects.all():
        path = storage.media_path(instance.file)
        assert storage.sha256_of(path) == instance.sha256
        assert "SYNTH" not in instance.file
    series = Series.objects.get()
    assert (series.kind, series.scanner["synthetic"]) == ("flair", True)
    assert series.reasons
    assert ImagingRun.objects.get().timepoint == timepoint
    assert AuditEvent.objects.filter(what="imaging study", patient=clinic.patient).count() == 1


def test_the_same_again_is_a_no_op(study: Path) -> None:
    clinic = people.clinic()
    first = study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    again = study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    assert (again.stored, again.repeated) == (0, first.stored)
    assert ImagingRun.objects.count() == 1


def test_other_bytes_under_a_known_identifier_are_quarantined(study: Path, tmp_path: Path) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    original = next(path for path in sorted(study.rglob("*")) if path.is_file())
    changed = pydicom.dcmread(original)
    changed.PixelData = bytes(len(changed.PixelData))
    folder = tmp_path / "changed"
    folder.mkdir()
    changed.save_as(folder / "changed.dcm")
    report = study_import(patient=clinic.patient, paths=[folder], by=clinic.radiologist)
    assert report.stored == 0
    assert QuarantinedFile.objects.get().code == "same_uid_other_bytes"


def test_a_study_never_moves_to_another_patient(study: Path) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    other = people.patient(clinic.team)
    with pytest.raises(DomainError) as refused:
        study_import(patient=other, paths=[study], by=clinic.radiologist)
    assert refused.value.code == "study_of_other_patient"
    assert not Timepoint.objects.filter(patient=other).exists()


def test_two_patients_in_one_import_are_refused_whole(study: Path, tmp_path: Path) -> None:
    clinic = people.clinic()
    small_study(tmp_path / "other", key="SYNTH-OTHER", kinds=("flair",), seed=9)
    with pytest.raises(DomainError) as refused:
        study_import(patient=clinic.patient, paths=[study, tmp_path / "other"], by=clinic.radiologist)
    assert refused.value.code == "two_patients"
    assert not Instance.objects.exists()


def rewritten(study: Path, folder: Path, **tags: str) -> Path:
    """The study with other words in its headers and other identifiers."""
    folder.mkdir()
    for number, path in enumerate(path for path in sorted(study.rglob("*")) if path.is_file()):
        found = pydicom.dcmread(path)
        for name, value in tags.items():
            setattr(found, name, value)
        for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
            setattr(found, name, f"{getattr(found, name)[:60]}.9")
        found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
        found.save_as(folder / str(number))
    return folder


@pytest.mark.parametrize(
    ("fields", "tags", "word"),
    [
        ({"sex": "female"}, {"PatientSex": "M"}, "sex"),
        ({"birth_year": 1970}, {"PatientBirthDate": "19600101"}, "date of birth"),
        (
            {"name": "Some Body", "birth_date": dt.date(1970, 5, 6)},
            {"PatientBirthDate": "19700507"},
            "date of birth",
        ),
    ],
)
def test_files_that_contradict_the_record_need_a_persons_word(
    study: Path, tmp_path: Path, fields: dict[str, object], tags: dict[str, str], word: str
) -> None:
    clinic = people.clinic()
    patient = people.patient(clinic.team, **fields)
    files = [rewritten(study, tmp_path / "other", **tags)]
    with pytest.raises(DomainError, match=word) as refused:
        study_import(patient=patient, paths=files, by=clinic.radiologist)
    assert refused.value.code == "patient_mismatch"
    assert not any(value in refused.value.message for value in tags.values())
    assert not Instance.objects.exists()

    study_import(patient=patient, paths=files, by=clinic.radiologist, confirmed=True)
    event = AuditEvent.objects.get(what="imaging study", patient=patient)
    assert event.detail["confirmed_despite"]


def test_another_patient_id_than_before_needs_a_persons_word(study: Path, tmp_path: Path) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    other = rewritten(study, tmp_path / "other", PatientID="SOMEBODY-ELSE")
    with pytest.raises(DomainError, match="another patient ID"):
        study_import(patient=clinic.patient, paths=[other], by=clinic.radiologist)
    assert (
        study_import(patient=clinic.patient, paths=[other], by=clinic.radiologist, confirmed=True).stored > 10
    )


def test_files_that_say_nothing_of_the_person_are_taken(study: Path, tmp_path: Path) -> None:
    clinic = people.clinic()
    patient = people.patient(clinic.team, sex="female", birth_year=1970)
    silent = rewritten(study, tmp_path / "other", PatientSex="", PatientBirthDate="", PatientID="")
    assert study_import(patient=patient, paths=[silent], by=clinic.radiologist).stored > 10


def test_nothing_readable_is_said_with_the_reason(tmp_path: Path) -> None:
    clinic = people.clinic()
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DomainError, match="not_dicom") as refused:
        study_import(patient=clinic.patient, paths=[tmp_path], by=clinic.radiologist)
    assert refused.value.code == "no_dicom_images"


@pytest.mark.parametrize(("days", "visits"), [(2, 1), (3, 1), (4, 2)])
def test_studies_within_three_days_are_one_visit(study: Path, tmp_path: Path, days: int, visits: int) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    later = later_study(tmp_path / "later", STUDY_DATE + dt.timedelta(days=days))
    study_import(patient=clinic.patient, paths=[later], by=clinic.radiologist)
    assert Timepoint.objects.count() == visits


def test_an_operation_separates_the_scans_before_and_after_it(study: Path, tmp_path: Path) -> None:
    clinic = people.clinic()
    record_add(
        slug="surgery",
        patient=clinic.patient,
        by=clinic.clinician,
        occurred_on=STUDY_DATE + dt.timedelta(days=1),
        extent="subtotal",
    )
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    later = later_study(tmp_path / "later", STUDY_DATE + dt.timedelta(days=2))
    study_import(patient=clinic.patient, paths=[later], by=clinic.radiologist)
    assert Timepoint.objects.count() == 2


def test_images_that_come_later_make_the_waiting_run_unnecessary(study: Path, tmp_path: Path) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    later = later_study(tmp_path / "later", STUDY_DATE + dt.timedelta(days=1))
    study_import(patient=clinic.patient, paths=[later], by=clinic.radiologist)
    states = list(ImagingRun.objects.order_by("created_at").values_list("state", "error_code"))
    assert states == [("done", "superseded"), ("queued", "")]


def test_a_hand_chosen_kind_is_remembered_with_who_and_computed_again(study: Path) -> None:
    clinic = people.clinic()
    study_import(patient=clinic.patient, paths=[study], by=clinic.radiologist)
    series = series_kind_choose(series=Series.objects.get(), kind="t2", by=clinic.radiologist)
    assert (series.kind, series.recognised_kind, series.chosen_by) == ("t2", "flair", clinic.radiologist)
    assert ImagingRun.objects.count() == 2
    with pytest.raises(PermissionRefused):
        series_kind_choose(series=series, kind="t1", by=clinic.nurse)


def test_a_nurse_does_not_import_scans(study: Path) -> None:
    clinic = people.clinic()
    with pytest.raises(PermissionRefused):
        study_import(patient=clinic.patient, paths=[study], by=clinic.nurse)
