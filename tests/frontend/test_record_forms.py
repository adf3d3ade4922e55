"""Pages for entering records: who may not, what is refused and where it says so, corrections and their conflicts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from patients.models import AuditEvent, Diagnosis, MolecularMarker, Outcome, Patient, SteroidDose, Surgery
from patients.services import records
from tests.factories import people

pytestmark = pytest.mark.django_db
DAY = dt.date(2024, 3, 1)

# one plausible entry of each kind, as the form posts it
ENTRIES: dict[str, dict[str, str]] = {
    "diagnosis": {"cns5_type": "gbm_idhwt", "grade": "4", "icdo": "9440/3"},
    "histology": {"finding": "viable_tumour"},
    "marker": {"marker": "mgmt", "status": "methylated", "source": "tissue"},
    "surgery": {"extent": "gross_total", "resected_percent": "98.5"},
    "radiotherapy": {"dose_gy": "60", "fractions": "30"},
    "therapy": {"agent": "temozolomide", "family": "alkylating", "line": "1"},
    "steroid": {"drug": "dexamethasone", "dose_mg_per_day": "4", "dose_reason": "tumour"},
    "status": {"kps": "90", "change": "stable", "attribution": "unknown"},
    "read": {"non_measurable": "none", "new_lesion": "none", "flair": "stable", "field_location": "inside"},
    "outcome": {"kind": "progression", "basis": "imaging", "tumour_related": "yes"},
}


def login(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def add_url(patient: Patient, kind: str) -> str:
    return f"/patients/{patient.key}/records/{kind}/new/"


def record_url(record: Any, kind: str, act: str) -> str:
    return f"/patients/{record.patient.key}/records/{kind}/{record.pk}/{act}/"


def steroid(clinic: people.Clinic, dose: str = "4") -> SteroidDose:
    return records.record_add(
        slug="steroid",
        patient=clinic.patient,
        by=clinic.clinician,
        occurred_on=DAY,
        drug="dexamethasone",
        dose_mg_per_day=Decimal(dose),
        dose_reason="tumour",
    )


def corrected(dose: str, **more: str) -> dict[str, str]:
    entry = ENTRIES["steroid"] | {
        "occurred_on": "2024-03-01",
        "dose_mg_per_day": dose,
        "reason": "typed wrongly",
    }
    return entry | more


@pytest.mark.parametrize("kind", sorted(ENTRIES))
def test_every_kind_is_entered_on_its_page_and_audited(kind: str) -> None:
    clinic = people.clinic()
    client = login(clinic.clinician)
    page = client.get(add_url(clinic.patient, kind))
    assert page.status_code == 200
    assert b"autofocus" in page.content
    answer = client.post(add_url(clinic.patient, kind), ENTRIES[kind] | {"occurred_on": "2024-03-01"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/patients/{clinic.patient.key}/")
    stored = records.KINDS[kind].model.objects.get()
    assert (stored.occurred_on, stored.recorded_by_id) == (DAY, clinic.clinician.pk)
    written = AuditEvent.objects.get(action="create", what=kind)
    assert (written.patient, written.object_id) == (clinic.patient, str(stored.pk))
    assert written.request_id == answer.headers["X-Request-ID"]


MAY_NOT = [
    ("nurse", "diagnosis"),
    ("nurse", "surgery"),
    ("nurse", "read"),
    ("radiologist", "diagnosis"),
    ("radiologist", "steroid"),
    ("data_manager", "read"),
    ("researcher", "steroid"),
    ("admin", "steroid"),
]


@pytest.mark.parametrize(("role", "kind"), MAY_NOT)
def test_a_role_that_may_not_write_a_kind_is_refused_and_that_is_audited(role: str, kind: str) -> None:
    clinic = people.clinic()
    client = login(getattr(clinic, role))
    for answer in (
        client.get(add_url(clinic.patient, kind)),
        client.post(add_url(clinic.patient, kind), ENTRIES[kind] | {"occurred_on": "2024-03-01"}),
    ):
        assert answer.status_code == 403
    assert not records.KINDS[kind].model.objects.exists()
    assert AuditEvent.objects.filter(action="deny", actor=getattr(clinic, role)).count() == 2


@pytest.mark.parametrize("act", ["correct", "retract", "history"])
def test_anonymous_and_other_teams_see_nothing(act: str) -> None:
    clinic, other = people.clinic(), people.clinic("north", "another clinic")
    record = steroid(clinic)
    anonymous = Client().get(record_url(record, "steroid", act), headers={"accept": "text/html"})
    assert (anonymous.status_code, "/login/" in anonymous.headers.get("Location", "")) == (302, True)
    assert login(other.clinician).get(record_url(record, "steroid", act)).status_code == 404
    assert login(other.clinician).get(add_url(clinic.patient, "steroid")).status_code == 404
    assert (
        login(people.clinic("south").data_manager).get(add_url(clinic.patient, "steroid")).status_code == 404
    )
    assert login(clinic.researcher).get(record_url(record, "steroid", act)).status_code == 403
    unknown = login(clinic.clinician).get(add_url(clinic.patient, "horoscope"))
    assert unknown.status_code == 404


def test_a_record_is_not_reached_through_another_patient() -> None:
    clinic = people.clinic()
    record, neighbour = steroid(clinic), people.patient(clinic.team)
    url = record_url(record, "steroid", "correct").replace(clinic.patient.key, neighbour.key)
    assert login(clinic.clinician).get(url).status_code == 404


BAD: list[tuple[str, dict[str, str], str, str]] = [
    ("steroid", {"dose_mg_per_day": "0,5"}, "dose_mg_per_day", "Use a decimal point: 0.5"),
    ("steroid", {"dose_mg_per_day": "٣"}, "dose_mg_per_day", "Use the digits 0 to 9."),
    ("steroid", {"dose_mg_per_day": "-0.1"}, "dose_mg_per_day", "This must be 0 to 2000 mg/day."),
    ("steroid", {"dose_mg_per_day": "2000.01"}, "dose_mg_per_day", "This must be 0 to 2000 mg/day."),
    ("steroid", {"dose_mg_per_day": "NaN"}, "dose_mg_per_day", "Enter a number in digits"),
    ("steroid", {"dose_mg_per_day": "Infinity"}, "dose_mg_per_day", "Enter a number in digits"),
    ("steroid", {"dose_mg_per_day": "1e400"}, "dose_mg_per_day", "Enter a number in digits"),
    ("steroid", {"dose_mg_per_day": "4 mg"}, "dose_mg_per_day", "Enter a number in digits"),
    ("steroid", {"dose_mg_per_day": "4.123"}, "dose_mg_per_day", "At most 2 decimals"),
    ("steroid", {"dose_mg_per_day": ""}, "dose_mg_per_day", "This is needed."),
    ("steroid", {"dose_reason": ""}, "dose_reason", "This is needed."),
    ("steroid", {"drug": "aspirin"}, "drug", "Select a valid choice"),
    ("steroid", {"occurred_on": "2026-02-30"}, "occurred_on", "Enter a day that exists"),
    ("steroid", {"occurred_on": "01/03/2024"}, "occurred_on", "Enter a day that exists"),
    ("steroid", {"occurred_on": "٢٠٢٤-03-01"}, "occurred_on", "Use the digits 0 to 9."),
    ("steroid", {"occurred_on": "1709251200"}, "occurred_on", "Enter a day that exists"),
    ("steroid", {"occurred_on": "2999-01-01"}, "occurred_on", "lies in the future"),
    ("steroid", {"occurred_on": "0001-01-01"}, "occurred_on", "is before 1900"),
    ("steroid", {"occurred_on": "1959-12-31"}, "occurred_on", "year of birth"),
    ("radiotherapy", {"ended_on": "2024-02-28"}, "ended_on", "before it began"),
    ("radiotherapy", {"fractions": "30.5"}, "fractions", "Enter a whole number."),
    ("radiotherapy", {"fractions": "61"}, "fractions", "This must be 1 to 60."),
    ("surgery", {"resected_percent": "100.1"}, "resected_percent", "This must be 0 to 100 %."),
    ("surgery", {"resected_percent": "<5"}, "resected_percent", "Only a number stands here"),
    ("surgery", {"residual_ml": "99999"}, "residual_ml", "digits"),
    ("surgery", {"location": "left\u202efrontal"}, "location", "invisible characters"),
    ("surgery", {"location": "x" * 121}, "location", "at most 120 characters"),
    ("diagnosis", {"grade": "3"}, "grade", "has grade 4"),
    ("diagnosis", {"icdo": "9440"}, "icdo", "Four digits, a slash and one digit"),
    ("marker", {"status": "codeleted"}, "status", "methylated or unmethylated"),
    ("status", {"kps": "95"}, "kps", "Select a valid choice"),
    ("status", {"ecog": "6"}, "ecog", "This must be 0 to 5."),
]


@pytest.mark.parametrize(("kind", "changes", "field", "sentence"), BAD)
def test_bad_input_is_refused_beside_its_field_and_nothing_is_stored(
    kind: str, changes: dict[str, str], field: str, sentence: str
) -> None:
    clinic = people.clinic()
    Patient.objects.filter(pk=clinic.patient.pk).update(birth_year=1960)
    entry = ENTRIES[kind] | {"occurred_on": "2024-03-01"} | changes
    answer = login(clinic.clinician).post(add_url(clinic.patient, kind), entry)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert sentence in errors[field][0]
    assert not records.KINDS[kind].model.objects.exists()


def test_the_first_wrong_field_gets_the_focus_and_names_its_error() -> None:
    clinic = people.clinic()
    entry = ENTRIES["steroid"] | {"occurred_on": "2024-03-01", "dose_mg_per_day": "0,5"}
    page = login(clinic.clinician).post(add_url(clinic.patient, "steroid"), entry).content.decode()
    box = next(tag for tag in page.split("<input ") if tag.startswith('type="text" name="dose_mg_per_day"'))
    assert "autofocus" in box.split(">")[0]
    assert 'aria-invalid="true"' in box.split(">")[0]
    assert "id_dose_mg_per_day_error" in box.split(">")[0]
    assert 'id="id_dose_mg_per_day_error"' in page


def test_a_diagnosis_that_contradicts_the_tissue_is_refused_beside_the_type() -> None:
    clinic = people.clinic()
    client = login(clinic.clinician)
    client.post(
        add_url(clinic.patient, "marker"),
        {"occurred_on": "2024-03-01", "marker": "idh", "status": "mutant", "source": "tissue"},
    )
    assert MolecularMarker.objects.count() == 1
    answer = client.post(
        add_url(clinic.patient, "diagnosis"), ENTRIES["diagnosis"] | {"occurred_on": "2024-03-01"}
    )
    assert answer.status_code == 422
    assert "contradicts the tissue result" in answer.context["form"].errors["cns5_type"][0].lower()
    assert not Diagnosis.objects.exists()


def test_the_diagnosis_page_offers_the_icdo_codes() -> None:
    clinic = people.clinic()
    page = login(clinic.clinician).get(add_url(clinic.patient, "diagnosis")).content.decode()
    assert '<option value="9445/3">astrocytoma, IDH-mutant, grade 4</option>' in page
    assert 'list="icdo-codes"' in page


def test_a_correction_keeps_the_old_version_and_shows_it_struck_through() -> None:
    clinic = people.clinic()
    record = steroid(clinic)
    client = login(clinic.nurse)
    form = client.get(record_url(record, "steroid", "correct")).content.decode()
    assert 'data-recorded="4">4 mg/day</span>' in form
    answer = client.post(record_url(record, "steroid", "correct"), corrected("8"))
    assert answer.status_code == 302
    stands = SteroidDose.objects.current().get()
    assert (stands.dose_mg_per_day, stands.reason, stands.supersedes_id) == (8, "typed wrongly", record.pk)
    history = client.get(record_url(record, "steroid", "history")).content.decode()
    assert '<del class="struck"><span class="sr-only">was </span>4 mg/day</del>' in history
    assert "typed wrongly" in history
    assert str(clinic.nurse) in history
    amended = AuditEvent.objects.get(action="amend", what="steroid")
    assert (amended.actor, amended.detail) == (clinic.nurse, {"supersedes": str(record.pk)})
    looked = AuditEvent.objects.filter(action="view", what="history: Steroid dose")
    assert looked.get().patient == clinic.patient


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (corrected("8", reason=" "), "reason"),
        (corrected("4.00"), "__all__"),
        (corrected("2001"), "dose_mg_per_day"),
    ],
)
def test_a_correction_needs_a_reason_and_a_change(entry: dict[str, str], field: str) -> None:
    clinic = people.clinic()
    record = steroid(clinic)
    answer = login(clinic.clinician).post(record_url(record, "steroid", "correct"), entry)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert SteroidDose.objects.count() == 1


def test_when_somebody_corrected_meanwhile_both_versions_are_shown_and_nothing_is_stored() -> None:
    clinic = people.clinic()
    record = steroid(clinic)
    first = login(clinic.nurse).post(
        record_url(record, "steroid", "correct"), corrected("8", reason="report")
    )
    assert first.status_code == 302
    client = login(clinic.clinician)
    answer = client.post(record_url(record, "steroid", "correct"), corrected("12"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert '<del class="struck">4 mg/day</del>' in page
    assert "<td>8 mg/day</td>" in page
    assert "<td>12 mg/day</td>" in page
    assert str(clinic.nurse) in page
    assert SteroidDose.objects.count() == 2

    newest = SteroidDose.objects.current().get()
    assert record_url(newest, "steroid", "correct") in page
    review = client.post(record_url(newest, "steroid", "correct"), corrected("12", review="1"))
    assert (review.status_code, SteroidDose.objects.count()) == (200, 2)
    assert 'value="12"' in review.content.decode()
    client.post(record_url(newest, "steroid", "correct"), corrected("12"))
    assert SteroidDose.objects.current().get().dose_mg_per_day == 12


def test_a_replaced_version_opens_as_history() -> None:
    clinic = people.clinic()
    record = steroid(clinic)
    client = login(clinic.clinician)
    client.post(record_url(record, "steroid", "correct"), corrected("8"))
    for act in ("correct", "retract"):
        answer = client.get(record_url(record, "steroid", act))
        assert answer.headers["Location"] == record_url(record, "steroid", "history")


def test_a_retraction_needs_a_reason_and_leaves_the_history() -> None:
    clinic = people.clinic()
    record = steroid(clinic)
    client = login(clinic.clinician)
    assert client.post(record_url(record, "steroid", "retract"), {"reason": ""}).status_code == 422
    assert SteroidDose.objects.current().exists()
    assert (
        client.post(record_url(record, "steroid", "retract"), {"reason": "wrong patient"}).status_code == 302
    )
    assert not SteroidDose.objects.current().exists()
    history = client.get(record_url(record, "steroid", "history")).content.decode()
    assert "retracted" in history
    assert "wrong patient" in history
    assert client.post(record_url(record, "steroid", "retract"), {"reason": "again"}).status_code == 409


def test_the_kind_of_an_outcome_is_stored() -> None:
    clinic = people.clinic()
    login(clinic.clinician).post(
        add_url(clinic.patient, "outcome"), ENTRIES["outcome"] | {"occurred_on": "2024-03-01"}
    )
    assert Outcome.objects.get().kind == "progression"


def test_a_script_in_a_text_is_shown_as_text() -> None:
    clinic = people.clinic()
    client = login(clinic.clinician)
    client.post(
        add_url(clinic.patient, "surgery"),
        ENTRIES["surgery"] | {"occurred_on": "2024-03-01", "location": "<script>alert(1)</script>"},
    )
    page = client.get(record_url(Surgery.objects.get(), "surgery", "history")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


PATIENT = {"key": "FORMS-77", "sex": "female", "birth_year": "1961"}


def test_a_nurse_creates_a_patient_in_her_team() -> None:
    clinic = people.clinic()
    client = login(clinic.nurse)
    assert b"autofocus" in client.get("/patients/new/").content
    answer = client.post("/patients/new/", PATIENT | {"team": str(clinic.team.pk)})
    assert answer.headers["Location"] == "/patients/FORMS-77/"
    assert Patient.objects.get(key="FORMS-77").care_team == clinic.team


@pytest.mark.parametrize("role", ["clinician", "radiologist", "researcher", "admin"])
def test_other_roles_do_not_open_the_page_for_a_new_patient(role: str) -> None:
    clinic = people.clinic()
    client = login(getattr(clinic, role))
    assert client.get("/patients/new/").status_code == 403
    assert client.post("/patients/new/", PATIENT | {"team": str(clinic.team.pk)}).status_code == 403
    assert Patient.objects.count() == 1


def test_nobody_puts_a_patient_into_another_team() -> None:
    clinic, other = people.clinic(), people.clinic("south")
    answer = login(clinic.nurse).post("/patients/new/", PATIENT | {"team": str(other.team.pk)})
    assert list(answer.context["form"].errors) == ["team"]
    assert Patient.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "forms 77"}, "key"),
        ({"key": "TAKEN-1"}, "key"),
        ({"birth_year": "1889"}, "birth_year"),
        ({"birth_year": "2999"}, "birth_year"),
        ({"birth_year": "19,61"}, "birth_year"),
        ({"birth_year": "", "birth_date": "2999-01-01", "name": "Ada Example"}, "birth_date"),
        ({"birth_date": "1962-01-01", "name": "Ada Example"}, "birth_year"),
        ({"birth_year": "", "birth_date": "1961-01-01"}, "name"),
        ({"mrn": "123"}, "name"),
        ({"name": "Ada\u202e Example"}, "name"),
    ],
)
def test_a_bad_patient_is_refused_beside_its_field(changes: dict[str, str], field: str) -> None:
    clinic = people.clinic()
    people.patient(clinic.team, key="TAKEN-1")
    answer = login(clinic.nurse).post("/patients/new/", PATIENT | {"team": str(clinic.team.pk)} | changes)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert Patient.objects.count() == 2
