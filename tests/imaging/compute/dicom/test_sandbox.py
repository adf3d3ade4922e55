"""A child that dies, hangs or eats memory costs only the item it was on."""

from __future__ import annotations

from imaging.compute.dicom.limits import MIB, Limits
from imaging.compute.dicom.sandbox import run_limited


def test_answers_come_in_order() -> None:
    answers = run_limited("math:factorial", [3, 4, 5])
    assert [answer.value for answer in answers] == [6, 24, 120]


def test_an_exception_is_an_answer() -> None:
    answers = run_limited("math:factorial", [3, -1, 4])
    assert [answer.value for answer in answers] == [6, None, 24]
    assert answers[1].code == "dicom_unreadable"
    assert "ValueError" in answers[1].reason


def test_death_condemns_one_item_only() -> None:
    # signal number 0 only asks whether the process is there, 9 kills it
    answers = run_limited("signal:raise_signal", [0, 9, 0, 9, 0])
    assert [answer.code for answer in answers] == ["", "dicom_unreadable", "", "dicom_unreadable", ""]
    assert "signal 9" in answers[1].reason


def test_memory_is_limited() -> None:
    answers = run_limited("math:factorial", [5], limits=Limits(memory_bytes=300 * MIB))
    assert answers[0].value == 120
    answers = run_limited("builtins:bytearray", [400 * MIB], limits=Limits(memory_bytes=300 * MIB))
    assert answers[0].code == "dicom_too_large"


def test_cpu_time_is_limited_for_each_item() -> None:
    answers = run_limited("math:factorial", [20_000_000, 4], limits=Limits(cpu_s=0.2))
    assert answers[0].code == "dicom_unreadable"
    assert answers[1].value == 24


def test_silence_is_limited() -> None:
    answers = run_limited("time:sleep", [30, 0], limits=Limits(wall_s=1.5))
    assert [answer.code for answer in answers] == ["dicom_unreadable", ""]
    assert "more than" in answers[0].reason


def test_the_child_inherits_no_secrets(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("GLIOMON_SECRET_KEY", "hidden")
    answers = run_limited("os:getenv", ["GLIOMON_SECRET_KEY", "PATH"])
    assert answers[0].value is None
    assert answers[1].value
