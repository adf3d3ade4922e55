"""Records are bitemporal and append-only, for the application's role and for the owner."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction
from django.utils import timezone

from gliomon.common.errors import Conflict, DomainError, PermissionRefused
from patients import selectors
from patients.models import AuditEvent, SteroidDose
from patients.services import records
from tests.factories import people

pytestmark = pytest.mark.django_db
DAY = dt.date(2024, 3, 1)


def steroid(clinic: people.Clinic, dose: float = 4, **more: object) -> SteroidDose:
    return records.record_add(
        slug="steroid",
        patient=clinic.patient,
        by=clinic.clinician,
        occurred_on=DAY,
        drug="dexamethasone",
        dose_mg_per_day=dose,
        dose_reason="tumour",
        **more,
    )


def test_a_correction_replaces_and_the_day_before_still_says_the_old_value() -> None:
    clinic = people.clinic()
    first = steroid(clinic, 4)
    between = timezone.now()
    second = records.record_correct(
        record=first, by=clinic.clinician, reason="typed 4 for 8", dose_mg_per_day=8
    )

    assert [row.dose_mg_per_day for row in SteroidDose.objects.current()] == [8]
    assert [row.dose_mg_per_day for row in SteroidDose.objects.as_of(between)] == [4]
    assert [row.dose_mg_per_day for row in SteroidDose.objects.as_of(timezone.now())] == [8]
    assert list(SteroidDose.objects.as_of(first.recorded_at - dt.timedelta(seconds=1))) == []
    assert selectors.record_history(first) == [first, second]


def test_a_second_correction_of_the_same_row_is_a_conflict() -> None:
    clinic = people.clinic()
    first = steroid(clinic)
    records.record_correct(record=first, by=clinic.clinician, reason="one", dose_mg_per_day=6)
    with pytest.raises(Conflict, match="meanwhile"):
        records.record_correct(record=first, by=clinic.nurse, reason="two", dose_mg_per_day=7)
    assert SteroidDose.objects.count() == 2


def test_a_retracted_record_counts_for_nothing_from_then_on() -> None:
    clinic = people.clinic()
    first = steroid(clinic)
    between = timezone.now()
    records.record_retract(record=first, by=clinic.clinician, reason="wrong patient")
    assert not SteroidDose.objects.current().exists()
    assert SteroidDose.objects.as_of(between).get() == first
    assert not SteroidDose.objects.as_of(timezone.now()).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE patients_steroiddose SET dose_mg_per_day = 1",
        "DELETE FROM patients_steroiddose",
        "TRUNCATE patients_steroiddose",
        "TRUNCATE patients_steroiddose CASCADE",
    ],
)
def test_the_applications_role_cannot_change_a_record_even_by_sql(statement: str) -> None:
    steroid(people.clinic())
    with (
        pytest.raises((InternalError, ProgrammingError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert SteroidDose.objects.get().dose_mg_per_day == 4


def test_the_database_sets_when_it_learned_and_nobody_else() -> None:
    clinic = people.clinic()
    long_ago = timezone.now() - dt.timedelta(days=400)
    row = SteroidDose(
        patient=clinic.patient,
        occurred_on=DAY,
        recorded_by=clinic.clinician,
        drug="dexamethasone",
        dose_mg_per_day=2,
        dose_reason="tumour",
        recorded_at=long_ago,
        known_at=long_ago,
    )
    row.save(force_insert=True)
    stored = SteroidDose.objects.get()
    assert stored.recorded_at > long_ago + dt.timedelta(days=399)
    assert stored.known_at == stored.recorded_at


def test_history_that_the_clinic_knew_is_flagged_as_backfilled() -> None:
    clinic = people.clinic()
    knew = timezone.now() - dt.timedelta(days=30)
    steroid(clinic, known_at=knew)
    day_before, day_after = knew - dt.timedelta(days=1), knew + dt.timedelta(days=1)
    row = SteroidDose.objects.get()
    assert row.backfilled
    assert row.known_at == knew
    assert SteroidDose.objects.as_of(day_after, "clinic").exists()
    assert not SteroidDose.objects.as_of(day_before, "clinic").exists()
    assert not SteroidDose.objects.as_of(day_after, "gliomon").exists()


def test_a_correction_without_a_reason_is_refused() -> None:
    clinic = people.clinic()
    first = steroid(clinic)
    with pytest.raises(DomainError, match="reason"):
        records.record_correct(record=first, by=clinic.clinician, reason="  ", dose_mg_per_day=6)


def test_a_record_cannot_supersede_one_of_another_patient() -> None:
    clinic = people.clinic()
    first = steroid(clinic)
    other = people.patient(clinic.team)
    stranger = SteroidDose(
        patient=other,
        occurred_on=DAY,
        recorded_by=clinic.clinician,
        drug="dexamethasone",
        dose_mg_per_day=2,
        dose_reason="tumour",
        supersedes=first,
        reason="mix-up",
    )
    with pytest.raises(Exception, match="same patient"), transaction.atomic():
        stranger.save(force_insert=True)


def test_writing_is_audited_and_refused_to_roles_that_may_not() -> None:
    clinic = people.clinic()
    row = steroid(clinic)
    event = AuditEvent.objects.get(what="steroid")
    assert (event.actor, event.patient, event.object_id) == (clinic.clinician, clinic.patient, str(row.pk))
    with pytest.raises(PermissionRefused):
        records.record_add(
            slug="diagnosis",
            patient=clinic.patient,
            by=clinic.researcher,
            occurred_on=DAY,
            cns5_type="gbm_idhwt",
        )


def test_impossible_histories_are_refused_with_the_field() -> None:
    clinic = people.clinic()
    by = clinic.clinician
    with pytest.raises(DomainError, match="ended_on"):
        records.record_add(
            slug="radiotherapy",
            patient=clinic.patient,
            by=by,
            occurred_on=DAY,
            ended_on=DAY - dt.timedelta(days=3),
            dose_gy=60,
            fractions=30,
        )
    with pytest.raises(DomainError, match="future"):
        records.record_add(
            slug="status",
            patient=clinic.patient,
            by=by,
            occurred_on=timezone.localdate() + dt.timedelta(days=9),
            kps=90,
        )
    records.record_add(
        slug="marker", patient=clinic.patient, by=by, occurred_on=DAY, marker="idh", status="mutant"
    )
    with pytest.raises(DomainError, match="contradicts"):
        records.record_add(
            slug="diagnosis", patient=clinic.patient, by=by, occurred_on=DAY, cns5_type="gbm_idhwt", grade=4
        )
