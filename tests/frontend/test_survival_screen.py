"""The survival screen: questions by address and by control, and numbers that say what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.test import Client

from analytics.services.cohorts import cohort_import
from frontend.dash_apps.survival.app import screen as survival
from frontend.dash_apps.survival.question import Question, question_from_search, search_of
from patients.models import AuditAction, AuditEvent
from patients.services.people import system_user
from tests.factories import people
from tests.factories.dash_calls import find, message, post, words

MAPPING = {"time": "days", "event": "dead", "id": "code", "idh": "idh", "sex": "sex", "pfs_event": "pfs"}


def table(n: int = 80) -> bytes:
    """Exponential survival, mutants three times as long; every tenth is censored; four of a rare value."""
    rng = np.random.default_rng(3)
    lines = ["code,days,dead,idh,sex,pfs"]
    for place in range(n):
        mutant = place % 2 == 0
        days = 1 + rng.exponential(900 if mutant else 300)
        idh = "rare" if place < 4 else "mutant" if mutant else "wild-type"
        sex = "female" if place % 3 else "male"
        lines.append(f"s{place},{days:.0f},{int(place % 10 != 0)},{idh},{sex},{place % 2}")
    lines.append("zero,0,1,mutant,female,1")
    return "\n".join(lines).encode()


def load(name: str = "clinic", *, is_virtual: bool = False) -> None:
    cohort_import(
        name=name,
        data=table(),
        source_name="table.csv",
        mapping=MAPPING,
        basis="written for this test",
        by=system_user(),
        is_virtual=is_virtual,
    )


@pytest.fixture
def client(db: None) -> Client:
    browser = Client()
    browser.force_login(people.clinic().researcher)
    return browser


def asked(client: Client, search: str) -> dict[str, Any]:
    body = message(survival, "survival-answer", {"url.search": search}, changed=("url.search",))
    return post(client, survival, body).json()["response"]


def said(response: dict[str, Any]) -> str:
    return words(response["survival-said"]["children"])


def answer(response: dict[str, Any]) -> str:
    return words(response["survival-answer"]["children"])


def test_an_address_opens_its_question(client: Client) -> None:
    load()
    response = asked(client, "?cohort=clinic&by=idh&where=sex:female")
    assert response["by"]["value"] == "idh"
    assert (response["field-1"]["value"], response["value-1"]["value"]) == ("sex", "female")
    assert "Population: sex = female; groups by IDH" in answer(response)
    assert "url" not in response


def test_a_control_writes_the_address(client: Client) -> None:
    load()
    values = {"cohort.value": "clinic", "by.value": "sex", "field-1.value": "idh", "value-1.value": "mutant"}
    body = message(survival, "survival-answer", values, changed=("by.value",))
    response = post(client, survival, body).json()["response"]
    assert question_from_search(response["url"]["search"]) == Question(
        "clinic", "sex", "", (("idh", "mutant"),)
    )


def test_numbers_cut_off_time_zero_exclusions_and_small_groups_are_said(client: Client) -> None:
    load()
    text = answer(asked(client, "?cohort=clinic&by=idh"))
    for expected in (
        "Log-rank p",
        "reference: wild-type",
        "PH check",
        "survival time not above 0 1",
        "idh group below 5 patients 4",
        "Time zero and follow-up: column “days” of the source table",
        "Data cut-off: the table as imported on",
        "taken as known at time zero",
        "never a group: pfs_event",
    ):
        assert expected in text
    assert "rare" not in text
    assert "SIMULATED" not in text


def test_simulated_numbers_say_so_at_each_number(client: Client) -> None:
    load("simulation", is_virtual=True)
    response = asked(client, "?cohort=simulation&by=idh")
    text = answer(response)
    # the title, two medians, log-rank, one hazard ratio and eight rows of the table
    assert text.count("SIMULATED") == 13
    figure = find(response["survival-answer"]["children"], "survival-figure")
    assert figure is not None
    notes = [note["text"] for note in figure["props"]["figure"]["layout"]["annotations"]]
    assert "SIMULATED PATIENTS" in notes
    assert "SIMULATED" in response["cohort"]["options"][0]["label"]


def test_the_reference_can_be_chosen_and_turns_the_ratio_round(client: Client) -> None:
    load()
    text = answer(asked(client, "?cohort=clinic&by=idh&reference=mutant"))
    assert "reference: mutant" in text


def test_a_group_that_lies_after_time_zero_is_refused_with_the_reason(client: Client) -> None:
    load()
    response = asked(client, "?cohort=clinic&by=pfs_event")
    assert "known only after time zero" in said(response)
    assert response["survival-answer"]["children"] == []
    assert "pfs_event" not in [option["value"] for option in response["by"]["options"]]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("?cohort=elsewhere", "there is no cohort named elsewhere"),
        ("?cohort=clinic&by=colour", "no field"),
        ("?cohort=clinic&where=sex:blue", "left out"),
    ],
)
def test_what_a_cohort_has_not_is_one_sentence(client: Client, search: str, expected: str) -> None:
    load()
    assert expected in said(asked(client, search))


def test_without_a_cohort_the_page_says_how_to_get_one(client: Client) -> None:
    assert "import_cohort" in said(asked(client, ""))


def test_a_population_of_fewer_than_five_is_not_shown(client: Client) -> None:
    load()
    response = asked(client, "?cohort=clinic&where=idh:rare")
    # four patients have the value: it is not offered, and asking for it anyway is not answered with them
    assert "left out" in said(response)
    assert "rare" not in [option["value"] for option in response["value-1"]["options"]]


def test_who_looked_is_written(client: Client) -> None:
    load()
    asked(client, "?cohort=clinic&by=idh")
    row = AuditEvent.objects.get(action=AuditAction.VIEW, what="survival")
    assert row.detail == {"groups": 2, "n": 76}


def test_an_address_survives_the_way_there_and_back() -> None:
    question = Question("a b", "idh", "wild-type", (("sex", "x:y&z"), ("kps", "80")))
    assert question_from_search(search_of(question)) == question
    assert search_of(Question()) == ""
