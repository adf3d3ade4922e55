"""The patient page: who may not see it, what it shows, at what cost, and that looking is written down."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Alert, Assessment
from imaging.models import ImagingRun, ImagingStep, Measurement, Series, Study, Timepoint
from patients.models import AuditEvent, Patient
from patients.services import liquid_biopsy, people, records
from tests.factories import people as factory

pytestmark = pytest.mark.django_db

HTML = {"HTTP_ACCEPT": "text/html"}
PAGES = ["/patients/{key}/", "/patients/{key}/visits/"]


def logged_in(user: Any) -> Client:
    client = Client(**HTML)
    client.force_login(user)
    return client


def page(client: Client, patient: Patient, query: str = "") -> Any:
    response = client.get(f"/patients/{patient.key}/{query}")
    assert response.status_code == 200
    return response


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


def scan(patient: Patient, day: dt.date, *, state: str = "done", volume_ml: float | None = 5.0) -> ImagingRun:
    visit = Timepoint.objects.create(patient=patient, date=day)
    study = Study.objects.create(timepoint=visit, study_uid=f"2.25.{visit.pk.int}", study_date=day)
    Series.objects.create(
        study=study, series_uid=f"2.25.{study.pk}.1", recognised_kind="t1ce", confidence=1.0
    )
    run = ImagingRun.objects.create(timepoint=visit, effect_key=f"run of {visit.pk}", state=state)
    ImagingStep.objects.create(run=run, name="volumes", position=0, state="done")
    if volume_ml is not None and state == "done":
        measure(run, "volume", "total", volume_ml, "mL")
        measure(run, "adc", "mean", 1.1e-3, "mm2/s")
    return run


def measure(run: ImagingRun, quantity: str, statistic: str, value: float, unit: str) -> None:
    Measurement.objects.create(
        run=run,
        timepoint=run.timepoint,
        region="enhancing",
        quantity=quantity,
        statistic=statistic,
        value=value,
        unit=unit,
        n_voxels=100,
        inputs_hash="h",
        code_version="1",
    )


def add(patient: Patient, slug: str, day: str, **fields: Any) -> Any:
    when = dt.date.fromisoformat(day)
    return records.record_add(slug=slug, patient=patient, by=people.system_user(), occurred_on=when, **fields)


def course(patient: Patient) -> None:
    add(patient, "diagnosis", "2025-01-20", cns5_type="gbm_idhwt", grade=4)
    add(patient, "marker", "2025-01-20", marker="idh", status="wildtype")
    add(patient, "surgery", "2025-01-10", extent="subtotal")
    ended = dt.date(2025, 3, 28)
    add(patient, "radiotherapy", "2025-02-14", ended_on=ended, dose_gy=60, fractions=30)


@pytest.mark.parametrize("url", PAGES)
def test_anonymous_is_asked_to_log_in(url: str) -> None:
    url = url.format(key=factory.clinic().patient.key)
    response = Client(**HTML).get(url)
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={url}")


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("role", ["researcher", "admin"])
def test_roles_without_patients_are_refused(url: str, role: str) -> None:
    clinic = factory.clinic()
    response = logged_in(getattr(clinic, role)).get(url.format(key=clinic.patient.key))
    assert response.status_code == 403
    assert AuditEvent.objects.filter(actor=getattr(clinic, role), action="deny").exists()


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("role", ["clinician", "radiologist", "nurse"])
def test_other_team_does_not_exist(url: str, role: str) -> None:
    clinic, other = factory.clinic(), factory.team(name="another team")
    hidden = factory.patient(other, key="OTHER-TEAM", name="Hidden Person")
    response = logged_in(getattr(clinic, role)).get(url.format(key=hidden.key))
    assert response.status_code == 404
    assert "Hidden Person" not in words(response)


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("role", ["clinician", "data_manager"])
def test_other_site_does_not_exist(url: str, role: str) -> None:
    clinic, hidden = factory.clinic(), factory.patient(factory.team("south"))
    user = getattr(clinic, role)
    assert logged_in(user).get(url.format(key=hidden.key)).status_code == 404
    denied = AuditEvent.objects.get(actor=user, action="deny")
    assert (denied.object_id, denied.patient) == (hidden.key, None)


@pytest.mark.parametrize(("url", "what"), list(zip(PAGES, ["patient page", "processing"], strict=True)))
def test_looking_is_written_down(url: str, what: str) -> None:
    clinic = factory.clinic()
    logged_in(clinic.nurse).get(url.format(key=clinic.patient.key))
    event = AuditEvent.objects.get(actor=clinic.nurse, action="view")
    assert (event.patient, event.what) == (clinic.patient, what)
    assert event.request_id


def reads_of(client: Client, patient: Patient) -> int:
    with CaptureQueriesContext(connection) as captured:
        page(client, patient)
    return len(captured)


def test_number_of_queries_does_not_grow_with_timepoints() -> None:
    clinic = factory.clinic()
    few, many = clinic.patient, factory.patient(clinic.team)
    for patient, count in ((few, 2), (many, 20)):
        course(patient)
        for number in range(count):
            scan(patient, dt.date(2025, 4, 1) + dt.timedelta(weeks=4 * number))
            add(patient, "steroid", f"2025-05-{number + 1:02d}", dose_mg_per_day=4, dose_reason="tumour")
    client = logged_in(clinic.clinician)
    reads_of(client, few)
    assert reads_of(client, many) == reads_of(client, few)


def test_banner_headline_and_as_of_are_shown() -> None:
    clinic = factory.clinic()
    patient = factory.patient(clinic.team, name="Erika Beispiel", is_virtual=True)
    course(patient)
    text = words(page(logged_in(clinic.clinician), patient))
    assert "Research use. Not a medical device, not validated for clinical decisions." in text
    assert "Glioblastoma, IDH-wildtype, grade 4" in text
    assert "Erika Beispiel" in text
    assert "simulated, never a real person" in text
    assert "As known on" in text


def figure_in(response: Any) -> dict[str, Any]:
    text = response.content.decode()
    start = text.index('<script id="timeline-figure" type="application/json">')
    return json.loads(text[text.index(">", start) + 1 : text.index("</script>", start)])


def test_timeline_counts_weeks_from_the_end_of_radiotherapy_unless_asked() -> None:
    """25 April 2025 is 4 weeks after 28 March and 15 weeks after the surgery of 10 January."""
    clinic = factory.clinic()
    course(clinic.patient)
    scan(clinic.patient, dt.date(2025, 4, 25))
    client = logged_in(clinic.clinician)
    for query, week in (("", 4.0), ("?axis=surgery", 15.0), ("?axis=nonsense", 4.0)):
        figure = figure_in(page(client, clinic.patient, query))
        (scans,) = [t for t in figure["data"] if any("MRI" in tip for tip in t.get("hovertext", []))]
        assert scans["x"] == [pytest.approx(week, abs=1e-3)]
        assert scans["customdata"][0].startswith(f"/patients/{clinic.patient.key}/scans/")


def test_unverified_result_is_named_so() -> None:
    clinic = factory.clinic()
    specimen = liquid_biopsy.specimen_add(
        patient=clinic.patient,
        by=clinic.nurse,
        collected_at=dt.datetime(2025, 5, 5, 9, tzinfo=dt.UTC),
        fluid="plasma",
        laboratory="lab",
        tube="stabilising",
        volume_ml=4,
    )
    liquid_biopsy.result_submit(
        specimen=specimen,
        by=clinic.nurse,
        analyte="TERT C228T",
        detection="detected",
        vaf_percent="0.4",
        assay="a",
    )
    rows = page(logged_in(clinic.clinician), clinic.patient).context["table_rows"]
    assert next(row.text for row in rows if "TERT" in row.text).startswith(
        "TERT C228T: detected, 0.4 %; unverified"
    )


def test_empty_patient_page_says_what_to_do() -> None:
    clinic = factory.clinic()
    text = words(page(logged_in(clinic.clinician), clinic.patient))
    assert "Nothing is recorded of this patient yet" in text
    assert "not the same as a judgement that all is well" in text


def test_change_table_shows_signs_judgement_and_what_is_missing() -> None:
    clinic = factory.clinic()
    change = {"absolute": 4.1, "percent": 51.25, "judgement": "real_rise", "probability_of_rise": 0.997}
    row = {
        "region": "enhancing",
        "quantity": "volume",
        "statistic": "total",
        "unit": "mL",
        "label": "Enhancing volume",
        "baseline": {"value": 8.0, "date": "2025-04-25"},
        "nadir": None,
        "previous": {"value": 8.0, "date": "2025-04-25"},
        "now": {"value": 12.1, "date": "2025-06-20"},
        "vs_baseline": change,
        "vs_nadir": None,
        "vs_previous": {**change, "judgement": "not_comparable", "breaks": ["scanner: A -> B"]},
        "flags": ["b_out_of_range"],
    }
    Assessment.objects.create(
        patient=clinic.patient,
        kind="change",
        as_of=dt.datetime.now(dt.UTC),
        inputs_hash="h",
        code_version="1",
        content={"rows": [row], "reference_reason": "first scan"},
    )
    text = words(page(logged_in(clinic.clinician), clinic.patient))
    for wanted in (
        "12.1 mL",
        "+51 % (+4.1 mL)",
        "real rise",
        "P(true rise) &gt; 99 %",
        "not measured",
        "not comparable",
        "scanner: A -&gt; B",
        "b-values outside of the usual range",
    ):
        assert wanted in text


def test_open_alerts_stand_urgent_first() -> None:
    clinic = factory.clinic()
    for severity, title, year in (("urgent", "ctDNA rule", 2025), ("warning", "Volume rule", 2026)):
        Alert.objects.create(
            patient=clinic.patient,
            rule_id=title,
            rule_version="1",
            evidence_key=title,
            severity=severity,
            title=title,
            sentence="s",
            clears_when="c",
            occurred_on=dt.date(year, 1, 1),
            evidence={"items": [], "missing": []},
        )
    shown = page(logged_in(clinic.clinician), clinic.patient).context["open_alerts"]
    assert [alert.title for alert, _ in shown] == ["ctDNA rule", "Volume rule"]


def failed_scan(patient: Patient) -> None:
    run = scan(patient, dt.date(2026, 1, 1), state="failed")
    reason = "the DSC series has 3 time points"
    ImagingStep.objects.create(run=run, name="perfusion", position=1, state="failed", error=reason)


@pytest.mark.parametrize(("role", "may_retry"), [("radiologist", True), ("nurse", False)])
def test_failed_step_says_why_and_offers_retry_to_those_who_may(role: str, may_retry: bool) -> None:
    clinic = factory.clinic()
    failed_scan(clinic.patient)
    text = words(page(logged_in(getattr(clinic, role)), clinic.patient))
    assert "perfusion (failed): the DSC series has 3 time points" in text
    assert ("Try again" in text) is may_retry


def test_list_of_visits_asks_again_only_while_something_runs() -> None:
    clinic = factory.clinic()
    run = scan(clinic.patient, dt.date(2026, 1, 1), state="running")
    client = logged_in(clinic.nurse)
    busy = client.get(f"/patients/{clinic.patient.key}/visits/")
    assert "hx-trigger" in words(busy)
    assert "HX-Refresh" not in busy
    ImagingRun.objects.filter(pk=run.pk).update(state="done")
    ready = client.get(f"/patients/{clinic.patient.key}/visits/")
    assert "hx-trigger" not in words(ready)
    assert ready["HX-Refresh"] == "true"


@pytest.mark.parametrize(("role", "may_correct"), [("clinician", True), ("radiologist", False)])
def test_records_link_to_what_the_role_may_do(role: str, may_correct: bool) -> None:
    clinic = factory.clinic()
    surgery = add(clinic.patient, "surgery", "2025-01-10", extent="subtotal")
    text = words(page(logged_in(getattr(clinic, role)), clinic.patient))
    base = f"/patients/{clinic.patient.key}/records/surgery/{surgery.pk}"
    assert f"{base}/history/" in text
    assert (f"{base}/correct/" in text) is may_correct


def test_page_holds_no_inline_script_or_style() -> None:
    clinic = factory.clinic()
    course(clinic.patient)
    text = words(page(logged_in(clinic.clinician), clinic.patient))
    assert " style=" not in text
    assert "<style" not in text
    assert " onclick" not in text
    assert text.count("<script") == text.count("<script src=") + text.count('type="application/json"')


def test_a_key_that_no_database_can_hold_is_nobodys(client: Client) -> None:
    clinic = factory.clinic()
    client.force_login(clinic.clinician)
    assert client.get("/patients/%00/").status_code == 404
