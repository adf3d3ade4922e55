"""The ctDNA grid: who may not, all or nothing, the unlikely confirmed, drafts, verification, corrections."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from patients.models import AuditEvent, CtdnaResult, ResultDraft, ResultVerification, Specimen
from patients.services import liquid_biopsy, records
from tests.factories import people, samples

pytestmark = pytest.mark.django_db


def login(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(clinic: people.Clinic, rest: str = "") -> str:
    return f"/patients/{clinic.patient.key}/ctdna/{rest}"


def nothing_stored() -> bool:
    return not Specimen.objects.exists() and not CtdnaResult.objects.exists()


def test_a_nurse_enters_a_sample_with_three_analytes() -> None:
    clinic = people.clinic()
    more = {
        "r1__analyte": "IDH1 R132H",
        "r1__detection": "below_lod",
        "r1__lod_percent": "0.1",
        "r2__analyte": "EGFRvIII",
        "r2__detection": "not_tested",
    }
    answer = login(clinic.nurse).post(url(clinic), samples.posted(**more))
    assert answer.headers["Location"] == url(clinic)
    tube = Specimen.objects.get()
    assert (tube.collected_at, tube.volume_ml, tube.recorded_by) == (samples.COLLECTED, 4, clinic.nurse)
    rows = CtdnaResult.objects.values_list("analyte", "detection", "vaf_percent", "lod_percent", "assay")
    assert set(rows) == {
        ("TERT C228T", "detected", Decimal("0.5"), Decimal("0.05"), "ddPCR v2"),
        ("IDH1 R132H", "below_lod", None, Decimal("0.1"), "ddPCR v2"),
        ("EGFRvIII", "not_tested", None, Decimal("0.05"), "ddPCR v2"),
    }
    assert (
        AuditEvent.objects.filter(what="ctdna result", request_id=answer.headers["X-Request-ID"]).count() == 3
    )


BAD: list[tuple[dict[str, str], str, str]] = [
    ({"r0__vaf_percent": "-0.1"}, "r0-vaf_percent", "This must be 0 to 100 %."),
    ({"r0__vaf_percent": "100.0001"}, "r0-vaf_percent", "This must be 0 to 100 %."),
    ({"r0__vaf_percent": "NaN"}, "r0-vaf_percent", "Enter a number in digits"),
    ({"r0__vaf_percent": "Infinity"}, "r0-vaf_percent", "Enter a number in digits"),
    ({"r0__vaf_percent": "1e400"}, "r0-vaf_percent", "Enter a number in digits"),
    ({"r0__vaf_percent": "0,5"}, "r0-vaf_percent", "Use a decimal point: 0.5"),
    ({"r0__vaf_percent": "<0.01"}, "r0-vaf_percent", "Choose the state “below LoD”"),
    ({"r0__vaf_percent": "٣"}, "r0-vaf_percent", "Use the digits 0 to 9."),
    ({"r0__vaf_percent": "0.5%"}, "r0-vaf_percent", "Leave out the unit"),
    ({"r0__vaf_percent": "0.123456789012"}, "r0-vaf_percent", "At most 6 decimals"),
    ({"r0__vaf_percent": ""}, "r0-vaf_percent", "Detected needs a VAF or mutant copies/mL"),
    ({"r0__vaf_percent": "0.005", "sample__lod_percent": ""}, "r0-vaf_percent", "below the blank"),
    ({"r0__vaf_percent": "0.03"}, "r0-vaf_percent", "choose below LoD"),
    ({"r0__detection": ""}, "r0-detection", "Choose what was reported"),
    ({"r0__detection": "wild type"}, "r0-detection", "Select a valid choice"),
    ({"r0__detection": "not_detected"}, "r0-vaf_percent", "has no value"),
    (
        {"r0__detection": "not_detected", "r0__vaf_percent": "", "sample__lod_percent": ""},
        "r0-lod_percent",
        "LoD",
    ),
    ({"r0__analyte": ""}, "r0-analyte", "Name the analyte."),
    ({"r0__copies_per_ml": "1000001"}, "r0-copies_per_ml", "This must be 0 to 1000000 /mL."),
    ({"r1__analyte": "TERT  C228T", "r1__detection": "not_tested"}, "r1-analyte", "in the sample already"),
    ({"sample__lob_percent": "0.06"}, "r0-lob_percent|sample-lob_percent", "cannot be above the LoD"),
    ({"sample__lod_percent": "11"}, "sample-lod_percent", "This must be 0.000001 to 10 %."),
    ({"sample__total_ge": "6060.5"}, "sample-total_ge", "Enter a whole number."),
    ({"sample__total_ge": "0"}, "sample-total_ge", "This must be 1 to 10000000 GE."),
    ({"sample__volume_ml": "0.1"}, "sample-volume_ml", "This must be 0.2 to 50 mL."),
    ({"sample__fluid": ""}, "sample-fluid", "This is needed."),
    ({"sample__laboratory": ""}, "sample-laboratory", "This is needed."),
    ({"sample__collected_at": "2024-06-03"}, "sample-collected_at", "Enter a day and a time"),
    ({"sample__collected_at": "2026-02-30T09:30"}, "sample-collected_at", "Enter a day and a time"),
    ({"sample__collected_at": "2999-01-01T09:30"}, "sample-collected_at", "future"),
    ({"sample__received_at": "2024-06-03T09:29"}, "sample-received_at", "before the sample was collected"),
    ({"sample__reported_on": "2024-06-02"}, "sample-reported_on", "before the sample was collected"),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), BAD)
def test_bad_input_is_refused_beside_its_field_and_nothing_is_stored(
    changes: dict[str, str], field: str, sentence: str
) -> None:
    clinic = people.clinic()
    answer = login(clinic.nurse).post(url(clinic), samples.posted(**changes))
    assert answer.status_code == 422
    entry = answer.context["entry"]
    errors = {
        form.add_prefix(name): texts[0]
        for form in (entry.sample, *entry.filled)
        for name, texts in form.errors.items()
    }
    assert set(errors) <= set(field.split("|"))
    assert sentence in next(iter(errors.values()))
    assert nothing_stored()
    assert 'aria-invalid="true"' in answer.content.decode()


def test_one_bad_row_stores_nothing_of_the_good_one() -> None:
    clinic = people.clinic()
    answer = login(clinic.nurse).post(
        url(clinic),
        samples.posted(r1__analyte="IDH1 R132H", r1__detection="detected", r1__vaf_percent="0.001"),
    )
    assert answer.status_code == 422
    assert nothing_stored()
    assert 'value="0.5"' in answer.content.decode()


def test_a_sample_without_analytes_is_refused() -> None:
    clinic = people.clinic()
    answer = login(clinic.nurse).post(
        url(clinic), samples.posted(r0__analyte="", r0__detection="", r0__vaf_percent="")
    )
    assert answer.status_code == 422
    assert "at least one analyte" in answer.content.decode()


def test_what_is_unlikely_is_stored_only_when_exactly_that_was_confirmed() -> None:
    clinic = people.clinic()
    client = login(clinic.nurse)
    first = client.post(url(clinic), samples.posted(r0__vaf_percent="50"))
    assert first.status_code == 422
    assert "TERT C228T: above 5 % is rare in plasma" in first.content.decode()
    assert nothing_stored()
    digest = first.context["digest"]
    other = client.post(
        url(clinic), samples.posted(r0__vaf_percent="50", sample__volume_ml="1", confirmed=digest)
    )
    assert other.status_code == 422
    assert nothing_stored()
    answer = client.post(url(clinic), samples.posted(r0__vaf_percent="50", confirmed=digest))
    assert answer.status_code == 302
    assert samples.only_result().vaf_percent == 50


def test_blood_soon_after_surgery_is_asked_about() -> None:
    clinic = people.clinic()
    records.record_add(
        slug="surgery",
        patient=clinic.patient,
        by=clinic.clinician,
        occurred_on=samples.COLLECTED.date() - dt.timedelta(days=6),
        extent="biopsy",
    )
    answer = login(clinic.nurse).post(url(clinic), samples.posted())
    assert "blood drawn 6 days after surgery" in answer.content.decode()
    assert nothing_stored()


def test_a_second_click_stores_nothing_twice() -> None:
    clinic = people.clinic()
    client = login(clinic.nurse)
    assert client.post(url(clinic), samples.posted()).status_code == 302
    assert client.post(url(clinic), samples.posted()).status_code == 422
    assert Specimen.objects.count() == CtdnaResult.objects.count() == 1


@pytest.mark.parametrize("role", ["clinician", "radiologist", "data_manager"])
def test_other_clinical_roles_read_but_do_not_write(role: str) -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    client, result = login(getattr(clinic, role)), samples.only_result()
    page = client.get(url(clinic))
    assert page.status_code == 200
    assert b"sample-entry" not in page.content
    posts = {
        "": samples.posted(sample__fluid="csf"),
        "draft/": {"rows": "1"},
        f"{result.pk}/correct/": {"vaf_percent": "1", "reason": "x"},
        f"{result.pk}/retract/": {"reason": "x"},
        f"samples/{result.specimen_id}/retract/": {"reason": "x"},
    }
    assert [client.post(url(clinic, rest), data).status_code for rest, data in posts.items()] == [403] * 5
    assert CtdnaResult.objects.count() == 1
    assert AuditEvent.objects.filter(action="deny", actor=getattr(clinic, role)).count() == 5


@pytest.mark.parametrize(("role", "status"), [("researcher", 403), ("admin", 403)])
def test_researchers_and_administrators_see_no_grid(role: str, status: int) -> None:
    clinic = people.clinic()
    assert login(getattr(clinic, role)).get(url(clinic)).status_code == status


def test_anonymous_and_other_teams_see_and_write_nothing() -> None:
    clinic, other = people.clinic(), people.clinic("north", "another clinic")
    samples.sample(clinic)
    result = samples.only_result()
    anonymous = Client().get(url(clinic), headers={"accept": "text/html"})
    assert (anonymous.status_code, "/login/" in anonymous.headers["Location"]) == (302, True)
    assert Client().post(url(clinic), samples.posted()).status_code == 401
    client = login(other.nurse)
    assert client.get(url(clinic)).status_code == 404
    for rest in (f"{result.pk}/verify/", f"{result.pk}/correct/", f"{result.pk}/retract/", "draft/"):
        assert client.post(url(clinic, rest), {"reason": "x"}).status_code == 404
    through_own = url(other, f"{result.pk}/verify/")
    assert client.post(through_own).status_code == 404
    assert not ResultVerification.objects.exists()


def test_a_post_without_the_token_is_refused() -> None:
    clinic = people.clinic()
    client = Client(enforce_csrf_checks=True)
    client.force_login(clinic.nurse)
    assert client.post(url(clinic), samples.posted()).status_code == 403
    assert client.post(url(clinic, "draft/"), {"rows": "1"}).status_code == 403


def test_a_second_person_verifies_and_nobody_their_own() -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    result = samples.only_result()
    own = login(clinic.nurse).post(url(clinic, f"{result.pk}/verify/"))
    assert own.status_code == 403
    assert "a second person must verify" in own.content.decode()
    assert "yours: a second person verifies" in login(clinic.nurse).get(url(clinic)).content.decode()
    page = login(clinic.second_nurse).get(url(clinic)).content.decode()
    assert 'class="result unverified"' in page
    assert ">unverified<" in page
    assert login(clinic.radiologist).post(url(clinic, f"{result.pk}/verify/")).status_code == 403
    assert login(clinic.second_nurse).post(url(clinic, f"{result.pk}/verify/")).status_code == 302
    assert login(clinic.clinician).post(url(clinic, f"{result.pk}/verify/")).status_code == 409
    page = login(clinic.nurse).get(url(clinic)).content.decode()
    assert f"verified by {clinic.second_nurse}" in page
    assert 'class="result unverified"' not in page


def test_the_states_are_written_apart_and_never_as_wild_type() -> None:
    clinic = people.clinic()
    without = {"vaf_percent": None}
    samples.sample(
        clinic,
        samples.result(analyte="A", detection="not_detected", **without),
        samples.result(analyte="B", detection="below_lod", **without),
        samples.result(analyte="C", detection="not_evaluable", **without),
        samples.result(analyte="D", detection="not_tested", **without),
    )
    page = login(clinic.clinician).get(url(clinic)).content.decode()
    values = ["not detected", "&lt; 0.05 %", "not evaluable", "not tested"]
    assert [f'<span class="result-value">{value}</span>' in page for value in values] == [True] * 4
    assert "wild" not in page.lower()


def correction(**changes: str) -> dict[str, str]:
    return {
        "analyte": "TERT C228T",
        "detection": "detected",
        "vaf_percent": "0.6",
        "lod_percent": "0.05",
        "lob_percent": "0.01",
        "total_ge": "6060",
        "assay": "ddPCR v2",
        "reason": "typed 0.5 for 0.6",
    } | changes


def test_a_correction_strikes_the_old_value_through_and_waits_for_verification() -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    result = samples.only_result()
    liquid_biopsy.result_verify(result=result, by=clinic.second_nurse)
    client = login(clinic.second_nurse)
    assert client.get(url(clinic, f"{result.pk}/correct/")).status_code == 200
    assert client.post(url(clinic, f"{result.pk}/correct/"), correction()).status_code == 302
    page = login(clinic.nurse).get(url(clinic)).content.decode()
    assert '<span class="result-value">0.6 %</span>' in page
    assert ">0.5 %</del>" in page
    assert "typed 0.5 for 0.6" in page
    assert ">unverified<" in page
    amended = AuditEvent.objects.get(action="amend", what="ctdna result")
    assert amended.detail == {"supersedes": str(result.pk)}
    assert client.get(url(clinic, f"{result.pk}/correct/")).status_code == 302


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"vaf_percent": "0.5"}, "__all__"),
        ({"vaf_percent": "0,6"}, "vaf_percent"),
        ({"detection": "not_detected"}, "vaf_percent"),
        ({"vaf_percent": "0.04"}, "vaf_percent"),
    ],
)
def test_a_bad_correction_is_refused_beside_its_field(changes: dict[str, str], field: str) -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    result = samples.only_result()
    answer = login(clinic.nurse).post(url(clinic, f"{result.pk}/correct/"), correction(**changes))
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert CtdnaResult.objects.count() == 1


def test_an_unlikely_correction_is_confirmed_first() -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    target = url(clinic, f"{samples.only_result().pk}/correct/")
    client = login(clinic.nurse)
    asked = client.post(target, correction(vaf_percent="60"))
    assert (asked.status_code, CtdnaResult.objects.count()) == (422, 1)
    assert (
        client.post(target, correction(vaf_percent="60", confirmed=asked.context["digest"])).status_code
        == 302
    )


def test_when_somebody_corrected_meanwhile_both_values_are_shown() -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    target = url(clinic, f"{samples.only_result().pk}/correct/")
    login(clinic.second_nurse).post(target, correction(vaf_percent="0.7"))
    answer = login(clinic.nurse).post(target, correction(vaf_percent="0.6"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert [
        text in page for text in ('<del class="struck">0.5 %</del>', "<td>0.7 %</td>", "<td>0.6 %</td>")
    ] == [True] * 3
    assert CtdnaResult.objects.count() == 2


def test_a_retracted_result_and_a_retracted_sample_stay_readable() -> None:
    clinic = people.clinic()
    samples.sample(clinic)
    result = samples.only_result()
    client = login(clinic.nurse)
    assert client.get(url(clinic, f"{result.pk}/retract/")).status_code == 200
    assert client.post(url(clinic, f"{result.pk}/retract/"), {"reason": "wrong line"}).status_code == 302
    assert '<del class="struck">0.5 %</del>' in client.get(url(clinic)).content.decode()
    tube = url(clinic, f"samples/{result.specimen_id}/retract/")
    assert client.get(tube).status_code == 200
    assert client.post(tube, {"reason": "another patient"}).status_code == 302
    page = client.get(url(clinic)).content.decode()
    assert "Retracted samples" in page
    assert "another patient" in page
    assert not Specimen.objects.current().exists()


def test_a_draft_is_kept_restored_and_discarded_for_its_author_alone() -> None:
    clinic = people.clinic()
    client = login(clinic.nurse)
    typed = samples.posted(r0__vaf_percent="0,5") | {"password": "no", "r0-Vaf": "no"}
    answer = client.post(url(clinic, "draft/"), typed)
    assert answer.json()["saved_at"].endswith("UTC")
    kept = ResultDraft.objects.get().content
    assert kept["r0-vaf_percent"] == "0,5"
    assert not {"password", "r0-Vaf"} & set(kept)
    page = client.get(url(clinic)).content.decode()
    assert 'value="0,5"' in page
    assert 'value="2024-06-03T09:30"' in page
    assert 'value="0,5"' not in login(clinic.second_nurse).get(url(clinic)).content.decode()
    assert nothing_stored()
    client.post(url(clinic, "draft/"), {"discard": "1"})
    assert not ResultDraft.objects.exists()


def test_the_grid_takes_the_same_number_of_queries_however_many_samples_there_are(
    django_assert_max_num_queries: Any,
) -> None:
    clinic = people.clinic()
    for day in range(6):
        samples.sample(
            clinic,
            samples.result(),
            samples.result(analyte="IDH1 R132H"),
            collected_at=samples.COLLECTED + dt.timedelta(days=30 * day),
        )
    client = login(clinic.clinician)
    with django_assert_max_num_queries(12):
        assert client.get(url(clinic)).status_code == 200
