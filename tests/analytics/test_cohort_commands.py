"""import_cohort and survival, from the command line to the numbers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics.models import Cohort, CohortSubject
from patients.models import AuditAction, AuditEvent, Role
from tests.factories import people

pytestmark = pytest.mark.django_db

TCGA_FIELDS = {
    "time": "os_days",
    "event": "event",
    "id": "patient",
    "cohort": "cohort",
    "idh": "idh",
    "mgmt": "mgmt",
    "codel_1p19q": "codel_1p19q",
    "grade": "grade",
    "diagnosis": "histology",
}
# Two groups of six; hand-worked: the median of each is its third time, at which survival falls to one half.
TABLE = """code,days,dead,marker,response
a1,10,1,pos,CR
a2,20,1,pos,PD
a3,30,1,pos,PD
a4,40,1,pos,PD
a5,50,1,pos,PD
a6,60,1,pos,PD
b1,100,1,neg,CR
b2,200,1,neg,CR
b3,300,1,neg,CR
b4,400,1,neg,CR
b5,500,1,neg,CR
b6,600,0,neg,CR
c1,0,1,neg,CR
c2,70,1,,CR
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def load(path: Path, *more: str, name: str = "small") -> str:
    out = io.StringIO()
    maps = [
        part
        for pair in ("time=days", "event=dead", "id=code", "marker=marker", "response=response")
        for part in ("--map", pair)
    ]
    call_command(
        "import_cohort",
        str(path),
        "--name",
        name,
        *maps,
        "--basis",
        "written for this test",
        *more,
        stdout=out,
    )
    return out.getvalue()


def ask(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("survival", "--cohort", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_groups_medians_and_exclusions(table: Path) -> None:
    assert "14 taken, 0 not taken" in load(table)

    found = ask("small", "--by", "marker")

    assert set(found) == {"groups", "logrank", "cox", "excluded"}
    assert [(g["label"], g["n"], g["events"], g["median"]) for g in found["groups"]] == [
        ("neg", 6, 5, 300.0),
        ("pos", 6, 6, 30.0),
    ]
    assert set(found["groups"][0]) == {"label", "n", "events", "median", "ci_low", "ci_high"}
    assert set(found["logrank"]) == {"chi2", "df", "p"}
    assert found["logrank"]["df"] == 1
    assert found["logrank"]["p"] < 0.01
    assert set(found["cox"][0]) == {"level", "reference", "hr", "ci_low", "ci_high"}
    assert found["excluded"] == {"survival time not above 0": 1, "marker not known": 1}


def test_without_by_there_is_one_group_and_no_comparison(table: Path) -> None:
    load(table)

    found = ask("small", "--where", "marker=pos")

    assert [(g["label"], g["n"], g["median"]) for g in found["groups"]] == [("all", 6, 30.0)]
    assert found["cox"] == []
    assert found["logrank"] == {"chi2": None, "df": None, "p": None}
    assert found["excluded"] == {"marker not known": 1}


def test_text_output_names_medians_and_exclusions(table: Path) -> None:
    load(table)
    out = io.StringIO()
    call_command("survival", "--cohort", "small", "--by", "marker", stdout=out)
    assert "pos: n 6, events 6, median 30" in out.getvalue()
    assert "excluded, marker not known: 1" in out.getvalue()


def test_the_same_file_again_changes_nothing(table: Path) -> None:
    load(table)
    load(table)
    assert Cohort.objects.count() == 1
    assert CohortSubject.objects.count() == 14


def test_another_file_under_the_same_name_is_refused(table: Path) -> None:
    load(table)
    table.write_text(TABLE + "d1,5,1,pos,PD\n")
    with pytest.raises(CommandError, match="cohort_name_taken"):
        load(table)


def test_a_field_marked_as_later_may_not_group_nor_filter(table: Path) -> None:
    load(table, "--later", "response")
    for option in (("--by", "response"), ("--where", "response=CR")):
        with pytest.raises(CommandError, match="immortal_time"):
            ask("small", *option)


def test_marking_a_field_that_is_not_mapped_is_refused(table: Path) -> None:
    with pytest.raises(CommandError, match="known later"):
        load(table, "--later", "bevacizumab")


def test_rows_that_cannot_be_read_are_named(table: Path) -> None:
    table.write_text(TABLE + "e1,ten,1,pos,PD\n")
    said = load(table)
    assert "14 taken, 1 not taken" in said
    assert "line 16" in said
    assert Cohort.objects.get().rejected[0]["code"] == "not_a_number"


@pytest.mark.parametrize("bad", ["marker", "=pos", "marker="])
def test_a_malformed_filter_is_refused(table: Path, bad: str) -> None:
    load(table)
    with pytest.raises(CommandError, match="option"):
        ask("small", "--where", bad)


def test_unknown_cohort_field_and_value(table: Path) -> None:
    load(table)
    for arguments, code in (
        (("none",), "cohort_not_found"),
        (("small", "--by", "colour"), "unknown_field"),
        (("small", "--where", "marker=blue"), "no_such_value"),
    ):
        with pytest.raises(CommandError, match=code):
            ask(*arguments)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="file_unreadable"):
        load(tmp_path / "absent.csv")


def test_only_those_who_may(table: Path) -> None:
    nurse = people.user(Role.NURSE, people.team())
    with pytest.raises(CommandError, match="not_allowed"):
        load(table, "--user", nurse.username)
    load(table)
    with pytest.raises(CommandError, match="not_allowed"):
        ask("small", "--user", nurse.username)


def test_who_looked_is_written(table: Path) -> None:
    load(table)
    manager = people.user(Role.DATA_MANAGER, site=people.team().site)
    ask("small", "--user", manager.username)
    row = AuditEvent.objects.get(actor=manager, action=AuditAction.VIEW)
    assert row.what == "survival"
    assert row.detail == {"groups": 1, "n": 13}


@pytest.fixture
def tcga(real_data: Path) -> None:
    maps = [part for pair in TCGA_FIELDS.items() for part in ("--map", "=".join(pair))]
    path = real_data / "tables" / "tcga_glioma_patients.csv"
    call_command(
        "import_cohort", str(path), "--name", "tcga", *maps, "--basis", "open access", stdout=io.StringIO()
    )


def test_tcga_glioblastoma_survival(tcga: None) -> None:
    """Median and interval as R's survival package gives them for this table."""
    found = ask("tcga", "--where", "cohort=TCGA-GBM")
    group = found["groups"][0]
    assert (group["n"], group["events"]) == (595, 491)
    assert (group["median"], group["ci_low"], group["ci_high"]) == (428.0, 386.0, 455.0)


def test_tcga_by_idh_separates_mutant_from_wild_type(tcga: None) -> None:
    found = ask("tcga", "--by", "idh")
    assert found["logrank"]["p"] < 1e-20
    assert [(row["level"], row["reference"]) for row in found["cox"]] == [("Mutant", "WT")]
    assert found["cox"][0]["ci_high"] < 0.5
    assert found["excluded"]["idh not known"] > 0


def test_tcga_keeps_the_source_diagnosis_beside_ours(tcga: None) -> None:
    source = {group["label"] for group in ask("tcga", "--by", "source_diagnosis")["groups"]}
    ours = {group["label"] for group in ask("tcga", "--by", "diagnosis")["groups"]}
    assert "oligoastrocytoma" in source
    assert "oligoastrocytoma" not in ours
    assert len(ours) >= 3
