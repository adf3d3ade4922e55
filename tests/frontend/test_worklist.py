"""The work list: who may see it, in which order, at what cost, and that looking is written down."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Alert, AlertAct, Assessment
from imaging.models import ImagingRun, Timepoint
from patients.models import AuditEvent, Outcome, Patient
from patients.services import people
from tests.factories import people as factory

pytestmark = pytest.mark.django_db

HTML = {"HTTP_ACCEPT": "text/html"}


def logged_in(user: Any) -> Client:
    client = Client(**HTML)
    client.force_login(user)
    return client


def shown_keys(client: Client, query: str = "") -> list[str]:
    response = client.get(f"/{query}")
    assert response.status_code == 200
    return [row.patient.key for row in response.context["rows"]]


def raise_alert(patient: Patient, severity: str, day: str = "2026-05-01", *, taken_by: Any = None) -> Alert:
    alert = Alert.objects.create(
        patient=patient,
        rule_id="rule",
        rule_version="1",
        evidence_key=f"{severity}{day}",
        severity=severity,
        title="Enhancing volume beyond nadir",
        sentence="It grew.",
        clears_when="a scan below the threshold",
        occurred_on=dt.date.fromisoformat(day),
        evidence={"items": [], "missing": []},
    )
    if taken_by is not None:
        AlertAct.objects.create(alert=alert, kind="acknowledged", by=taken_by)
    return alert


def scan(patient: Patient, day: str, state: str = "done") -> Timepoint:
    visit = Timepoint.objects.create(patient=patient, date=dt.date.fromisoformat(day))
    ImagingRun.objects.create(timepoint=visit, effect_key=f"run of {visit.pk}", state=state)
    return visit


def die(patient: Patient) -> None:
    Outcome.objects.create(
        patient=patient, occurred_on=dt.date(2026, 1, 1), kind="death", recorded_by=people.system_user()
    )


def test_anonymous_is_asked_to_log_in() -> None:
    response = Client(**HTML).get("/")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/")


@pytest.mark.parametrize("role", ["researcher", "admin"])
def test_roles_without_patients_are_refused(role: str) -> None:
    clinic = factory.clinic()
    assert logged_in(getattr(clinic, role)).get("/").status_code == 403


@pytest.mark.parametrize("role", ["clinician", "radiologist", "nurse"])
def test_team_sees_its_own_patients_only(role: str) -> None:
    clinic, other = factory.clinic(), factory.team(name="another team")
    factory.patient(other, key="OTHER-TEAM")
    factory.patient(factory.team("south"), key="OTHER-SITE")
    assert shown_keys(logged_in(getattr(clinic, role))) == [clinic.patient.key]


def test_data_manager_sees_the_site() -> None:
    clinic, other = factory.clinic(), factory.team(name="another team")
    factory.patient(other, key="OTHER-TEAM")
    factory.patient(factory.team("south"), key="OTHER-SITE")
    assert set(shown_keys(logged_in(clinic.data_manager))) == {clinic.patient.key, "OTHER-TEAM"}


def test_looking_is_written_for_each_patient_shown() -> None:
    clinic = factory.clinic()
    hidden = factory.patient(factory.team("south"))
    logged_in(clinic.clinician).get("/")
    seen = AuditEvent.objects.filter(actor=clinic.clinician, what="work list", action="view")
    assert [event.patient for event in seen] == [clinic.patient]
    assert not AuditEvent.objects.filter(patient=hidden, action="view").exists()


def test_what_needs_attention_comes_first() -> None:
    clinic = factory.clinic()
    keys = ["URGENT", "WARNING", "FAILED", "RUNNING", "STALE", "RECENT", "DIED"]
    made = {key: factory.patient(clinic.team, key=key) for key in reversed(keys)}
    raise_alert(made["URGENT"], "urgent")
    raise_alert(made["WARNING"], "warning")
    scan(made["FAILED"], "2026-05-02", "failed")
    scan(made["RUNNING"], "2026-05-02", "running")
    scan(made["STALE"], "2025-01-01")
    scan(made["RECENT"], "2026-05-01")
    raise_alert(made["DIED"], "urgent")
    die(made["DIED"])
    assert [key for key in shown_keys(logged_in(clinic.clinician)) if key in keys] == keys


def test_acknowledged_alert_needs_no_attention() -> None:
    clinic = factory.clinic()
    raise_alert(clinic.patient, "urgent", taken_by=clinic.clinician)
    row = logged_in(clinic.clinician).get("/").context["rows"][0]
    assert row.alerts is None


def test_older_alert_of_equal_severity_comes_first() -> None:
    clinic = factory.clinic()
    newer, older = factory.patient(clinic.team, key="A-NEWER"), factory.patient(clinic.team, key="B-OLDER")
    raise_alert(newer, "warning", "2026-05-01")
    raise_alert(older, "warning", "2026-04-01")
    assert shown_keys(logged_in(clinic.clinician))[:2] == ["B-OLDER", "A-NEWER"]


def test_row_shows_change_against_nadir_and_name() -> None:
    clinic = factory.clinic()
    named = factory.patient(clinic.team, key="NAMED", name="Erika Beispiel")
    change = {"percent": 38.4, "absolute": 2.31}
    rows = [{"region": "enhancing", "quantity": "volume", "vs_nadir": change}]
    Assessment.objects.create(
        patient=named,
        kind="change",
        as_of=dt.datetime.now(dt.UTC),
        inputs_hash="h",
        code_version="1",
        content={"rows": rows},
    )
    response = logged_in(clinic.clinician).get("/?q=nam")
    row = response.context["rows"][0]
    assert (row.change, row.headline.name) == ("+38 % (+2.3 mL)", "Erika Beispiel")
    assert "Erika Beispiel" in response.content.decode()


def test_search_by_key_and_its_empty_state() -> None:
    clinic = factory.clinic()
    factory.patient(clinic.team, key="ABC-77")
    client = logged_in(clinic.clinician)
    assert shown_keys(client, "?q=bc-7") == ["ABC-77"]
    assert "has &quot;ZZZ&quot; in the key" in client.get("/?q=ZZZ").content.decode().replace(
        '"ZZZ"', "&quot;ZZZ&quot;"
    )


def test_empty_list_explains_itself() -> None:
    lonely = factory.user("clinician", factory.team("west"))
    assert "There is no patient for you to see yet" in logged_in(lonely).get("/").content.decode()


def reads_of(client: Client, url: str) -> int:
    """Queries of one page, less the audit rows, of which there is one per patient shown by design."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return sum("patients_auditevent" not in query["sql"] for query in captured)


def test_number_of_queries_does_not_grow_with_patients() -> None:
    clinic = factory.clinic()
    client = logged_in(clinic.clinician)
    scan(clinic.patient, "2026-01-01")
    raise_alert(clinic.patient, "warning")
    few = reads_of(client, "/")
    for number in range(12):
        patient = factory.patient(clinic.team, name=f"Person {number}")
        scan(patient, "2026-01-01")
        raise_alert(patient, "warning")
    assert reads_of(client, "/") == few


def test_long_lists_come_in_pages() -> None:
    clinic = factory.clinic()
    for _ in range(26):
        factory.patient(clinic.team)
    client = logged_in(clinic.clinician)
    assert (len(shown_keys(client)), len(shown_keys(client, "?page=2"))) == (25, 2)


@pytest.mark.parametrize(
    ("role", "page"), [("clinician", "/"), ("data_manager", "/"), ("researcher", "/survival/")]
)
def test_home_sends_each_role_to_its_first_page(role: str, page: str) -> None:
    clinic = factory.clinic()
    assert logged_in(getattr(clinic, role)).get("/home/")["Location"] == page


def test_administrator_has_a_page_that_says_why_there_is_nothing() -> None:
    response = logged_in(factory.clinic().admin).get("/home/")
    assert response.status_code == 200
    assert "opens no page here" in response.content.decode()


def test_row_names_the_most_severe_alert_and_counts_the_others() -> None:
    clinic = factory.clinic()
    raise_alert(clinic.patient, "warning", "2026-01-01")
    raise_alert(clinic.patient, "urgent", "2026-05-01")
    client = logged_in(clinic.clinician)
    alerts = client.get("/").context["rows"][0].alerts
    assert (alerts.severity, alerts.more, alerts.oldest) == ("urgent", 1, dt.date(2026, 1, 1))
    assert "and 1 more" in client.get("/").content.decode()


def test_logging_in_leads_to_the_first_page() -> None:
    clinic = factory.clinic()
    answer = Client(**HTML).post("/login/", {"username": clinic.nurse.username, "password": factory.PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/home/")
