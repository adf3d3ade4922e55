"""Patients are created by those who may, in their own site, pseudonymous, with the identity apart."""

from __future__ import annotations

import datetime as dt

import pytest

from gliomon.common.errors import Conflict, DomainError, PermissionRefused
from patients.models import AuditEvent, Patient, PatientIdentity
from patients.services.people import patient_create
from tests.factories import people

pytestmark = pytest.mark.django_db


def test_the_record_keeps_the_year_and_the_identity_the_rest() -> None:
    clinic = people.clinic()
    patient = patient_create(
        key="FORMS-9",
        care_team=clinic.team,
        by=clinic.nurse,
        name="Ada Example",
        mrn="123",
        birth_date=dt.date(1961, 4, 5),
    )
    assert patient.birth_year == 1961
    assert patient.identity.name == "Ada Example"
    assert AuditEvent.objects.filter(actor=clinic.nurse, patient=patient, what="patient").count() == 1


def test_without_a_name_there_is_no_identity() -> None:
    clinic = people.clinic()
    patient_create(key="FORMS-9", care_team=clinic.team, by=clinic.data_manager, birth_year=1961)
    assert not PatientIdentity.objects.exists()


@pytest.mark.parametrize("role", ["clinician", "radiologist", "researcher", "admin"])
def test_other_roles_create_nobody(role: str) -> None:
    clinic = people.clinic()
    with pytest.raises(PermissionRefused):
        patient_create(key="FORMS-9", care_team=clinic.team, by=getattr(clinic, role))
    assert Patient.objects.count() == 1


def test_nobody_creates_at_another_site() -> None:
    north, south = people.clinic("north"), people.clinic("south")
    with pytest.raises(PermissionRefused, match="site"):
        patient_create(key="FORMS-9", care_team=south.team, by=north.nurse)


def test_a_key_is_given_once_and_a_hospital_number_once_per_site() -> None:
    north, south = people.clinic("north"), people.clinic("south")
    patient_create(key="FORMS-9", care_team=north.team, by=north.nurse, name="Ada Example", mrn="123")
    with pytest.raises(Conflict) as taken:
        patient_create(key="FORMS-9", care_team=north.team, by=north.nurse)
    assert taken.value.code == "patient_key_taken"
    with pytest.raises(Conflict) as twice:
        patient_create(key="FORMS-10", care_team=north.team, by=north.nurse, name="Bea Example", mrn="123")
    assert twice.value.code == "mrn_taken"
    patient_create(key="FORMS-11", care_team=south.team, by=south.nurse, name="Cy Example", mrn="123")


@pytest.mark.parametrize("extra", [{"mrn": "123"}, {"birth_date": dt.date(1961, 4, 5)}])
def test_identifying_data_is_never_dropped_silently(extra: dict[str, object]) -> None:
    clinic = people.clinic()
    with pytest.raises(DomainError, match="name"):
        patient_create(key="FORMS-9", care_team=clinic.team, by=clinic.nurse, **extra)


@pytest.mark.parametrize("key", ["", "a", "lower", "X" * 33, "FORMS 9", "../X", "FÖRMS-9", "FORMS-٣"])
def test_a_key_is_plain(key: str) -> None:
    clinic = people.clinic()
    with pytest.raises(DomainError):
        patient_create(key=key, care_team=clinic.team, by=clinic.nurse)
    assert Patient.objects.count() == 1
