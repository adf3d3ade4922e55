"""A cohort file: what is taken, what is refused, and in which words."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.compute.cohort_table import parse_cohort_table
from analytics.compute.survival import survival_summary
from gliomon.common.errors import DomainError

MAPPING = {"time": "days", "event": "status", "id": "patient", "idh": "IDH", "diagnosis": "label"}
HEADER = "patient,days,status,IDH,label\n"


def parse(body, mapping=None, **options):
    return parse_cohort_table(HEADER + body, mapping or MAPPING, **options)


def test_rows_keep_the_source_label_beside_ours():
    row = parse("P1,120,dead,WT,Glioblastoma multiforme\n").rows[0]
    assert (row.line, row.subject, row.time_days, row.event) == (2, "P1", 120, True)
    assert row.source_diagnosis == "Glioblastoma multiforme"
    assert row.diagnosis == "Glioblastoma, IDH-wildtype"
    assert row.fields == {"idh": "WT"}


def test_nothing_is_dropped_in_silence():
    table = parse(
        "P1,120,dead,WT,a\n"
        "P2,NA,alive,Mutant,b\n"
        "P3,0,1,[Not Available],c\n"
        "P4,50,unknown,WT,d\n"
        "P5,12 months,1,WT,e\n"
        "P6,50,maybe,WT,f\n"
        "P1,60,0,WT,g\n"
        ",60,0,WT,h\n"
        "P7,60,0\n"
        "P8,9e9,0,WT,i\n"
        "\n"
        "P9,60,0,W\x07T,j\n"
    )
    assert table.counts == {
        "lines": 11,
        "taken": 4,
        "time_not_known": 1,
        "time_not_above_0": 1,
        "event_not_known": 1,
        "not_a_number": 1,
        "not_an_event": 1,
        "id_repeated": 1,
        "id_missing": 1,
        "cell_count": 1,
        "time_implausible": 1,
        "cell_control": 1,
    }
    assert len(table.rows) + len(table.errors) == table.counts["lines"]
    assert [error.line for error in table.errors] == [6, 7, 8, 9, 10, 11, 13]


def test_errors_are_sentences_that_name_line_and_column():
    error = parse("P5,12 months,1,WT,e\n").errors[0]
    assert error.message == (
        'line 2, column "days": "12 months" is not a number; write digits with a point, such as 12.5'
    )
    assert "already on line 2" in parse("A,1,1,WT,x\nA,2,1,WT,x\n").errors[0].message


def test_refused_line_does_not_occupy_its_identifier():
    table = parse("A,bad,1,WT,x\nA,2,1,WT,x\n")
    assert [row.time_days for row in table.rows] == [2]


def test_units_other_than_days():
    assert parse("A,2,1,WT,x\n", time_unit="months").rows[0].time_days == pytest.approx(60.875)
    with pytest.raises(DomainError):
        parse("A,2,1,WT,x\n", time_unit="parsecs")


def test_without_an_id_column_the_line_is_the_subject():
    mapping = {"time": "days", "event": "status"}
    assert parse("A,2,1,WT,x\nA,3,1,WT,x\n", mapping).rows[1].subject == "row-3"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_delimiters_line_ends_and_byte_order_mark(delimiter, newline):
    text = (HEADER + 'P1,120,1,"WT",glioma\n').replace(",", delimiter).replace("\n", newline)
    table = parse_cohort_table(b"\xef\xbb\xbf" + text.encode(), MAPPING)
    assert table.rows[0].subject == "P1"
    assert table.rows[0].fields == {"idh": "WT"}


@pytest.mark.parametrize(
    ("data", "mapping", "code"),
    [
        (b"", MAPPING, "csv_header"),
        (b"\xff\xfe\x00", MAPPING, "csv_encoding"),
        (b"a,b\0\n", MAPPING, "csv_encoding"),
        ("patient,days\n", MAPPING, "missing_column"),
        ("days,days,status\n", {"time": "days", "event": "status"}, "missing_column"),
        (HEADER + 'P1,"120,1,WT,x\n', MAPPING, "csv_malformed"),
        (HEADER, {"time": "days"}, "mapping"),
        (HEADER, {"time": "days", "event": "status", "time_days": "IDH"}, "mapping"),
        (HEADER, {"time": "days", "event": "status", "<b>": "IDH"}, "mapping"),
        (",".join(f"c{i}" for i in range(600)), {"time": "c1", "event": "c2"}, "csv_header"),
    ],
)
def test_files_and_mappings_that_cannot_be_read_are_refused(data, mapping, code):
    with pytest.raises(DomainError) as caught:
        parse_cohort_table(data, mapping)
    assert caught.value.code == code


def test_size_is_capped(monkeypatch):
    monkeypatch.setattr("analytics.compute.cohort_table.MAX_BYTES", 10)
    with pytest.raises(DomainError) as caught:
        parse("P1,1,1,WT,x\n")
    assert caught.value.code == "csv_too_large"
    monkeypatch.undo()
    monkeypatch.setattr("analytics.compute.cohort_table.MAX_ROWS", 1)
    with pytest.raises(DomainError) as caught:
        parse("P1,1,1,WT,x\nP2,1,1,WT,x\n")
    assert caught.value.code == "csv_too_large"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_errors_or_one_clear_refusal(body):
    codes = {"csv_encoding", "csv_malformed"}
    try:
        table = parse_cohort_table(HEADER.encode() + body, MAPPING)
    except DomainError as error:
        refused = error.code
        lines = taken = 0
    else:
        refused = ""
        lines, taken = table.counts["lines"], len(table.rows) + len(table.errors)
    assert lines == taken
    assert not refused or refused in codes


def test_frame_goes_straight_into_survival():
    body = (
        "".join(f"P{i},{100 + i},{i % 2},{'WT' if i % 3 else 'Mutant'},x\n" for i in range(30))
        + "P99,,1,WT,x\n"
    )
    found = survival_summary(parse(body).to_frame(), by="idh")
    assert {group["label"]: group["n"] for group in found["groups"]} == {"Mutant": 10, "WT": 20}
    assert found["excluded"] == {"survival time not known": 1}


def test_tcga_table_gives_its_known_survival():
    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the TCGA table is not at hand")
    data = (Path(root) / "tables" / "tcga_glioma_patients.csv").read_bytes()
    mapping = {
        "time": "os_days",
        "event": "event",
        "id": "patient",
        "cohort": "cohort",
        "diagnosis": "histology",
    }
    table = parse_cohort_table(data, mapping)
    assert table.counts == {"lines": 1114, "taken": 1114, "time_not_known": 4, "time_not_above_0": 4}
    group = survival_summary(table.to_frame(), where={"cohort": "TCGA-GBM"})["groups"][0]
    assert (group["n"], group["events"], group["median"]) == (595, 491, 428)
