"""The second rising ctDNA result is verified, an alert appears with its evidence, the clinician takes it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from analytics.models import Alert
from patients.models import AuditEvent, Patient
from tests.factories import people
from tests.factories.liquid_biopsy import result
from tests.journeys.conftest import System, wait_until
from tests.journeys.pages import logged_in, looks_right

pytestmark = [pytest.mark.slow, pytest.mark.journey]
TODAY = dt.date(2024, 5, 1)


def days_ago(n: int) -> dt.date:
    return TODAY - dt.timedelta(days=n)


def test_from_the_nurses_verification_to_the_clinicians_acknowledgement(system: System, browser: Any) -> None:
    clinic = people.clinic()
    for n, vaf in ((90, "0.2"), (50, "0.9")):
        result(clinic, days_ago(n), vaf)
    result(clinic, days_ago(20), "1.4", verified=False)
    key = clinic.patient.key
    system.start_web()
    system.start_worker("default", "default,alerts")

    author = logged_in(browser, system.url, clinic.nurse.username)
    author.opens(f"/patients/{key}/ctdna/")
    author.sees("yours: a second person verifies")

    nurse = logged_in(browser, system.url, clinic.second_nurse.username)
    nurse.opens(f"/patients/{key}/ctdna/")
    nurse.sees("unverified")
    looks_right(nurse, "ctdna-grid")
    nurse.page.get_by_role("button", name="Verify").first.click()
    nurse.page.wait_for_load_state("networkidle")
    assert nurse.page.get_by_role("button", name="Verify").count() == 0
    wait_until(lambda: Alert.objects.filter(patient=clinic.patient).exists(), "the alert is raised")

    clinician = logged_in(browser, system.url, clinic.clinician.username)
    clinician.sees("Molecular rise in ctDNA")
    looks_right(clinician, "worklist")
    clinician.opens("/alerts/")
    clinician.page.get_by_text("Molecular rise in ctDNA").first.click()
    clinician.sees("TERT C228T")
    clinician.page.get_by_role("button", name="Acknowledge").wait_for(state="visible")
    looks_right(clinician, "alert-evidence")
    clinician.page.get_by_role("button", name="Acknowledge").click()
    wait_until(
        lambda: Alert.objects.get().acts.filter(kind="acknowledged", by=clinic.clinician).exists(),
        "the acknowledgement is stored",
    )

    clinician.opens(f"/patients/{key}/")
    clinician.page.wait_for_selector(".js-plotly-plot .main-svg")
    looks_right(clinician, "patient")
    _reading_was_audited(clinic.patient, clinic)


def _reading_was_audited(patient: Patient, clinic: people.Clinic) -> None:
    readers = set(AuditEvent.objects.filter(action="view", patient=patient).values_list("actor", flat=True))
    assert {clinic.nurse.pk, clinic.second_nurse.pk, clinic.clinician.pk} <= readers


def test_who_has_no_business_here_sees_nothing(system: System, browser: Any) -> None:
    clinic, elsewhere = people.clinic("north"), people.clinic("south")
    system.start_web()
    stranger = logged_in(browser, system.url, elsewhere.clinician.username)
    answer = stranger.page.goto(f"{system.url}/patients/{clinic.patient.key}/")
    assert answer.status == 404
    assert clinic.patient.key not in stranger.page.inner_text("main")
    researcher = logged_in(browser, system.url, clinic.researcher.username)
    assert researcher.page.goto(f"{system.url}/patients/{clinic.patient.key}/").status == 403
