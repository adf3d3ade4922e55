"""What a change of the record or of the measurements leads to: change table and alerts, exactly once."""

from __future__ import annotations

import datetime as dt

import pytest

from analytics import selectors
from analytics.models import Alert, AlertAct, Assessment, AssessmentRun
from analytics.services.alerts import alert_acknowledge
from analytics.services.assessments import assessment_request, patient_assess
from gliomon.common import runs
from gliomon.common.errors import Conflict, PermissionRefused
from gliomon.common.runs import RunState
from patients.services import liquid_biopsy, records
from patients.services.people import system_user
from tests.factories import people
from tests.factories.imaging import measured
from tests.factories.liquid_biopsy import result

pytestmark = pytest.mark.django_db
DAY = dt.date(2024, 3, 1)


@pytest.fixture(autouse=True)
def _lease_thread_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The renewing thread has its own connection, which cannot see this test's transaction."""
    monkeypatch.setattr(runs, "_renew", lambda run, stop: None)


def day(n: int) -> dt.date:
    return DAY + dt.timedelta(days=n)


def assess(clinic: people.Clinic, cause: str) -> AssessmentRun:
    run = assessment_request(patient_id=clinic.patient.pk, cause=cause)
    runs.work(AssessmentRun, str(run.pk), patient_assess)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.DONE, "")
    return run


def radiotherapy(clinic: people.Clinic, ended: dt.date) -> None:
    records.record_add(
        slug="radiotherapy",
        patient=clinic.patient,
        by=system_user(),
        occurred_on=ended - dt.timedelta(days=42),
        ended_on=ended,
        dose_gy=60,
        fractions=30,
    )


def test_writing_a_record_asks_for_an_assessment_in_the_same_transaction() -> None:
    clinic = people.clinic()
    radiotherapy(clinic, DAY)
    run = AssessmentRun.objects.get(patient=clinic.patient)
    assert run.state == RunState.QUEUED
    assert run.cause.startswith("Radiotherapy ")


def test_volume_beyond_the_threshold_against_nadir_alerts_once_with_its_evidence() -> None:
    clinic = people.clinic()
    radiotherapy(clinic, day(-200))
    for n, volume in ((0, 10.0), (60, 4.0), (120, 5.5)):
        measured(clinic.patient, day(n), enhancing_ml=volume)
    assess(clinic, "one")
    assert not Alert.objects.exists()

    measured(clinic.patient, day(180), enhancing_ml=5.6)
    assess(clinic, "two")
    assess(clinic, "three")
    alert = Alert.objects.get()
    assert (alert.rule_id, alert.occurred_on) == ("enhancing_volume_beyond_nadir", day(180))
    by_role = {item["role"]: item["value"] for item in alert.evidence["items"] if item["unit"] == "mL"}
    assert by_role["nadir"] == pytest.approx(4.0)
    assert by_role["current"] == pytest.approx(5.6)
    assert not alert.evidence["preliminary"]
    assert alert.clears_when


def test_within_twelve_weeks_of_radiotherapy_the_alert_is_preliminary() -> None:
    clinic = people.clinic()
    radiotherapy(clinic, day(-25))
    measured(clinic.patient, day(0), enhancing_ml=5)
    measured(clinic.patient, day(20), enhancing_ml=8)
    assess(clinic, "one")
    assert Alert.objects.get().evidence["preliminary"]


def test_two_verified_rises_alert_and_unverified_ones_do_not() -> None:
    clinic = people.clinic()
    for n, vaf in ((0, "0.2"), (30, "0.9")):
        result(clinic, day(n), vaf)
    waiting = result(clinic, day(60), "1.4", verified=False)
    assess(clinic, "one")
    assert not Alert.objects.exists()

    liquid_biopsy.result_verify(result=waiting, by=clinic.second_nurse)
    assess(clinic, "two")
    alert = Alert.objects.get()
    assert (alert.rule_id, alert.occurred_on) == ("ctdna_molecular_rise", day(60))
    assert str(waiting.pk) in {item["record_id"] for item in alert.evidence["items"]}


def test_correcting_the_evidence_is_said_on_the_alert_which_stays() -> None:
    clinic = people.clinic()
    stored = [result(clinic, day(n), vaf) for n, vaf in ((0, "0.2"), (30, "0.9"), (60, "1.4"))]
    assess(clinic, "one")
    alert = Alert.objects.get()
    liquid_biopsy.result_correct(result=stored[2], by=clinic.nurse, reason="decimal", vaf_percent="0.14")
    assess(clinic, "two")
    assess(clinic, "three")
    act = AlertAct.objects.get(alert=alert)
    assert act.kind == "evidence_changed"
    assert Alert.objects.count() == 1


def test_a_history_that_is_loaded_late_raises_its_alerts_as_backfilled() -> None:
    clinic = people.clinic()
    for n, volume in ((0, 4.0), (60, 6.0), (120, 5.0)):
        measured(clinic.patient, day(n), enhancing_ml=volume, backfilled=True)
    assess(clinic, "one")
    alert = Alert.objects.get()
    assert alert.backfilled
    assert alert.occurred_on == day(60)


def test_the_change_table_is_stored_once_for_the_same_inputs() -> None:
    clinic = people.clinic()
    radiotherapy(clinic, day(-28))
    measured(clinic.patient, day(0), enhancing_ml=10, adc=1.2e-3, nrcbv=2.0)
    measured(clinic.patient, day(60), enhancing_ml=5, adc=1.3e-3, nrcbv=1.0)
    assess(clinic, "one")
    assess(clinic, "two")
    stored = Assessment.objects.get()
    rows = {(row["region"], row["quantity"]): row for row in stored.content["rows"]}
    volume = rows["enhancing", "volume"]
    assert volume["vs_baseline"]["percent"] == pytest.approx(-50)
    assert volume["vs_baseline"]["absolute"] == pytest.approx(-5)
    assert volume["baseline"]["date"] == day(0).isoformat()
    assert "3-6 weeks after radiotherapy" in stored.content["reference_reason"]

    measured(clinic.patient, day(120), enhancing_ml=6)
    assess(clinic, "three")
    assert Assessment.objects.count() == 2
    assert selectors.change_of(clinic.patient).content["rows"][0]["now"]["value"] == 6


def test_waiting_runs_of_the_same_patient_are_answered_together() -> None:
    clinic = people.clinic()
    others = [assessment_request(patient_id=clinic.patient.pk, cause=f"cause {n}") for n in range(3)]
    assess(clinic, "now")
    states = {AssessmentRun.objects.get(pk=run.pk).state for run in others}
    assert states == {RunState.DONE}


def test_acknowledging_is_for_clinicians_and_happens_once() -> None:
    clinic = people.clinic()
    measured(clinic.patient, day(0), enhancing_ml=4)
    measured(clinic.patient, day(60), enhancing_ml=6)
    assess(clinic, "one")
    alert = Alert.objects.get()
    with pytest.raises(PermissionRefused):
        alert_acknowledge(alert=alert, by=clinic.nurse)
    alert_acknowledge(alert=alert, by=clinic.clinician, note="scan brought forward")
    with pytest.raises(Conflict):
        alert_acknowledge(alert=alert, by=clinic.clinician)
