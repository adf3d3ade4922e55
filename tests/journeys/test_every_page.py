"""Every page at desktop and phone width: nothing for axe to find, no sideways scrolling, a silent console."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from analytics.compute.virtual_cohort import virtual_cohort
from analytics.services.cohorts import cohort_import
from patients.services.people import system_user
from patients.services.records import KINDS, record_add, record_correct
from tests.factories import people
from tests.factories.imaging import measured
from tests.factories.liquid_biopsy import result
from tests.journeys.conftest import System
from tests.journeys.pages import DESKTOP, Person, logged_in, looks_right

pytestmark = [pytest.mark.slow, pytest.mark.journey]
DAY = dt.date(2024, 3, 1)


def course(clinic: people.Clinic) -> Any:
    """Something of everything on the patient's record; returns a corrected one."""
    record_add(
        slug="radiotherapy",
        patient=clinic.patient,
        by=clinic.clinician,
        occurred_on=DAY,
        ended_on=DAY + dt.timedelta(days=42),
        dose_gy=60,
        fractions=30,
    )
    steroid = record_add(
        slug="steroid",
        patient=clinic.patient,
        by=clinic.clinician,
        occurred_on=DAY,
        drug="dexamethasone",
        dose_mg_per_day=4,
        dose_reason="tumour",
    )
    result(clinic, DAY + dt.timedelta(days=60), "0.4")
    measured(clinic.patient, DAY + dt.timedelta(days=70), enhancing_ml=8.0, adc=1.2e-3, nrcbv=1.8)
    return record_correct(record=steroid, by=clinic.clinician, reason="typed 4 for 8", dose_mg_per_day=8)


def cohort() -> None:
    frame = virtual_cohort(300, seed=1)
    own = {"subject": "id", "time_days": "time"}
    cohort_import(
        name="virtual",
        data=frame.to_csv(index=False).encode(),
        source_name="simulated",
        mapping={own.get(name, name): name for name in frame.columns if name != "diagnosis"},
        basis="simulated",
        by=system_user(),
        is_virtual=True,
    )


def walk(person: Person, pages: dict[str, str]) -> None:
    for name, path in pages.items():
        person.opens(path)
        looks_right(person, name)


def test_every_page_is_in_order_at_both_widths(system: System, browser: Any) -> None:
    clinic = people.clinic()
    corrected = course(clinic)
    cohort()
    system.start_web()
    patient = f"/patients/{clinic.patient.key}/"
    scan = clinic.patient.timepoints.get()

    clinician = logged_in(browser, system.url, clinic.clinician.username)
    walk(
        clinician,
        {
            "patient-full": patient,
            "patient-calendar": f"{patient}?axis=calendar",
            "history": f"{patient}records/steroid/{corrected.pk}/history/",
            "correct": f"{patient}records/steroid/{corrected.pk}/correct/",
            "retract": f"{patient}records/steroid/{corrected.pk}/retract/",
            "survival": "/survival/",
            "alerts-empty": "/alerts/",
        },
    )
    walk(clinician, {f"new-{kind}": f"{patient}records/{kind}/new/" for kind in KINDS if kind != "read"})

    radiologist = logged_in(browser, system.url, clinic.radiologist.username)
    walk(
        radiologist,
        {
            "upload": "/upload/",
            "processing": "/processing/",
            "scan-without-volumes": f"{patient}scans/{scan.pk}/",
            "new-read": f"{patient}records/read/new/",
        },
    )
    nurse = logged_in(browser, system.url, clinic.nurse.username)
    walk(nurse, {"new-patient": "/patients/new/", "grid": f"{patient}ctdna/"})
    walk(logged_in(browser, system.url, clinic.admin.username), {"home-without-pages": "/home/"})


def test_the_login_and_the_error_page_are_in_order(system: System, browser: Any) -> None:
    clinic = people.clinic()
    system.start_web()
    visitor = Person(browser.new_context(viewport=DESKTOP).new_page(), system.url, [])
    visitor.opens("/login/")
    looks_right(visitor, "login")
    clinician = logged_in(browser, system.url, clinic.clinician.username)
    assert clinician.page.goto(f"{system.url}/patients/NOBODY/").status == 404
    clinician.complaints.clear()  # the browser itself reports the 404
    looks_right(clinician, "not-found")
