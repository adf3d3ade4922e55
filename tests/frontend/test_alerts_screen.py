"""The alerts screen: what is listed, what an open alert says, and who has taken it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from analytics.models import AlertAct, AlertActKind
from analytics.services.alert_reading import alert_open
from frontend.dash_apps.alerts.app import screen as alerts
from patients.models import AuditAction, AuditEvent
from tests.factories import people
from tests.factories.alerts import volume_alert
from tests.factories.dash_calls import find, message, post, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> people.Clinic:
    return people.clinic()


@pytest.fixture
def client(clinic: people.Clinic) -> Client:
    browser = Client()
    browser.force_login(clinic.clinician)
    return browser


def listed(client: Client, search: str) -> str:
    body = message(alerts, "alert-list", {"url.search": search}, changed=("url.search",))
    return words(post(client, alerts, body).json()["response"]["alert-list"]["children"])


def opened(client: Client, alert: Any, **values: Any) -> Any:
    body = message(
        alerts, "alert-detail", {"url.search": f"?alert={alert.pk}", **values}, changed=("url.search",)
    )
    return post(client, alerts, body).json()["response"]["alert-detail"]["children"]


def acknowledge(client: Client, alert: Any, note: str = "") -> Any:
    values = {
        "alert-acknowledge.n_clicks": 1,
        "url.search": f"?alert={alert.pk}",
        "alert-note.value": note,
    }
    body = message(alerts, "acknowledged.data", values, changed=("alert-acknowledge.n_clicks",))
    return post(client, alerts, body).json()["response"]["acknowledged"]["data"]


def test_the_list_follows_the_filter_in_the_address(client: Client, clinic: people.Clinic) -> None:
    volume_alert(clinic.patient)
    second = people.patient(clinic.team, key="SECOND-1")
    taken = volume_alert(second, last_ml=20.0)
    acknowledge(client, taken)

    assert "TEST-" in listed(client, "")
    assert "SECOND-1" not in listed(client, "")
    assert "SECOND-1" in listed(client, "?status=acknowledged")
    assert "1 fits the filter; 1 of 2 wait" in listed(client, "?status=all&patient=second")
    assert "No alert fits" in listed(client, "?status=all&severity=info")
    assert "No alert fits" in listed(client, "?rule=ctdna_molecular_rise")


def test_no_alert_is_not_taken_for_nothing_wrong(client: Client) -> None:
    assert "does not mean that all data are there" in listed(client, "")


def test_the_list_writes_whose_alerts_were_shown(client: Client, clinic: people.Clinic) -> None:
    volume_alert(clinic.patient)
    volume_alert(clinic.patient, last_ml=15.0)
    listed(client, "")
    rows = AuditEvent.objects.filter(actor=clinic.clinician, action=AuditAction.VIEW, what="alerts")
    assert [row.patient for row in rows] == [clinic.patient]


def test_an_open_alert_says_cause_reference_gaps_and_what_would_clear_it(
    client: Client, clinic: people.Clinic
) -> None:
    alert = volume_alert(clinic.patient, backfilled=True)
    said = words(opened(client, alert))
    for expected in (
        alert.sentence,
        alert.reference,
        alert.clears_when,
        "steroid dose and clinical status",
        "preliminary (pPD)",
        "backfilled",
        "9.9 mL",
    ):
        assert expected in said
    view = AuditEvent.objects.get(actor=clinic.clinician, what="alert", action=AuditAction.VIEW)
    assert (view.patient, view.object_id) == (clinic.patient, str(alert.pk))


def test_the_limit_is_read_from_what_the_rule_said(clinic: people.Clinic) -> None:
    detail = alert_open(user=clinic.clinician, alert_id=str(volume_alert(clinic.patient).pk))
    assert detail.limit_percent == 40.0


def test_the_button_is_for_clinicians_and_for_open_alerts(client: Client, clinic: people.Clinic) -> None:
    alert = volume_alert(clinic.patient)
    nurse = Client()
    nurse.force_login(clinic.nurse)
    assert find(opened(client, alert), "alert-acknowledge") is not None
    assert find(opened(nurse, alert), "alert-acknowledge") is None
    assert "an MDT clinician of the team can do it" in words(opened(nurse, alert))

    acknowledge(client, alert, "seen at the board")

    assert find(opened(client, alert), "alert-acknowledge") is None
    said = words(opened(nurse, alert))
    assert "seen at the board" in said
    assert str(clinic.clinician) in said


def test_a_second_acknowledgement_gets_a_sentence_and_changes_nothing(
    client: Client, clinic: people.Clinic
) -> None:
    alert = volume_alert(clinic.patient)
    assert acknowledge(client, alert, "first")["already"] is False
    answer = acknowledge(client, alert, "second")
    assert answer["already"] is True
    assert [act.note for act in AlertAct.objects.all()] == ["first"]
    assert "already" in words(opened(client, alert, **{"acknowledged.data": answer}))


def test_a_button_that_was_only_drawn_acknowledges_nothing(client: Client, clinic: people.Clinic) -> None:
    alert = volume_alert(clinic.patient)
    values = {"alert-acknowledge.n_clicks": 0, "url.search": f"?alert={alert.pk}"}
    assert post(client, alerts, message(alerts, "acknowledged.data", values)).status_code in (200, 204)
    assert not AlertAct.objects.exists()


def test_corrected_evidence_is_said(client: Client, clinic: people.Clinic) -> None:
    alert = volume_alert(clinic.patient)
    AlertAct.objects.create(alert=alert, kind=AlertActKind.EVIDENCE_CHANGED, note="last scan was replaced")
    said = words(opened(client, alert))
    assert "evidence was corrected" in said
    assert "last scan was replaced" in said
