"""The ctDNA rule, clause by clause of the science sheet 6.3."""

import dataclasses
from datetime import date, timedelta

import pytest

from analytics.compute.alert_rules import (
    CtdnaPoint,
    Firing,
    NotFired,
    SurgeryPoint,
    ctdna_molecular_rise,
    ctdna_rise_by_series,
    reference_change_limit,
)
from gliomon.common.errors import DomainError

START = date(2026, 1, 1)
LOD = 0.1


def sample(day, vaf, **fields):
    outcome = "not_detected" if vaf is None else "detected"
    base = CtdnaPoint(
        f"r{day}",
        START + timedelta(days=day),
        "TERT C228T",
        "plasma",
        "ddPCR",
        "Lab A",
        outcome,
        vaf,
        LOD,
        True,
    )
    return dataclasses.replace(base, **fields)


def judge(*points, surgeries=()):
    return ctdna_molecular_rise(points, surgeries=surgeries)


@pytest.mark.parametrize(
    ("analytical", "biological", "percent"), [(0.20, 0.30, 164), (0.15, 0.25, 121), (0.30, 0.40, 270)]
)
def test_reference_change_values_of_the_sheet(analytical, biological, percent):
    assert 100 * reference_change_limit(analytical, biological) == pytest.approx(percent, abs=0.6)


def test_two_raised_samples_fire_with_their_evidence():
    fired = judge(sample(0, 0.5), sample(28, 1.4), sample(56, 2.0))
    assert isinstance(fired, Firing)
    assert [(item.record_id, item.role) for item in fired.evidence] == [
        ("r0", "nadir"), ("r28", "first_rise"), ("r56", "current"),
    ]  # fmt: skip
    assert "nadir 0.5 % on 2026-01-01" in fired.sentence
    assert "assumed" in fired.reference
    assert fired.clears_when
    assert not fired.missing


def test_limit_is_strict_and_against_the_nadir():
    limit = 0.5 * (1 + reference_change_limit(0.20, 0.30))
    assert isinstance(judge(sample(0, 0.5), sample(28, limit), sample(56, limit)), NotFired)
    assert isinstance(judge(sample(0, 0.5), sample(28, limit + 1e-6), sample(56, limit + 1e-6)), Firing)
    assert isinstance(judge(sample(0, 2.0), sample(28, 0.5), sample(56, 1.4), sample(84, 1.4)), Firing)


def test_variation_of_the_assay_record_is_used():
    own = {"cv_analytical": 0.05, "cv_biological": 0.10}
    fired = judge(sample(0, 0.5, **own), sample(28, 0.8, **own), sample(56, 0.8, **own))
    assert isinstance(fired, Firing)
    assert "(assay record)" in fired.reference
    assert isinstance(judge(sample(0, 0.5), sample(28, 0.8), sample(56, 0.8)), NotFired)


def test_one_raised_sample_is_provisional_and_no_alert():
    answer = judge(sample(0, 0.5), sample(28, 2.0))
    assert isinstance(answer, NotFired)
    assert answer.provisional
    assert "repeat in 2-4 weeks" in answer.reason
    assert [item.record_id for item in answer.evidence] == ["r0", "r28"]


@pytest.mark.parametrize(("gap", "fires"), [(13, False), (14, True)])
def test_samples_are_fourteen_days_apart(gap, fires):
    answer = judge(sample(0, 0.5), sample(28, 2.0), sample(28 + gap, 2.0))
    assert isinstance(answer, Firing) == fires
    if not fires:
        assert answer.provisional


def test_weekly_samples_fire_once_an_unbroken_run_spans_fourteen_days():
    raised = [sample(day, 2.0) for day in (28, 35, 42)]
    fired = judge(sample(0, 0.5), *raised)
    assert [item.role for item in fired.evidence] == ["nadir", "first_rise", "between", "current"]
    broken = [sample(28, 2.0), sample(35, 0.6), sample(42, 2.0)]
    assert isinstance(judge(sample(0, 0.5), *broken), NotFired)


def test_fall_back_clears():
    assert isinstance(judge(sample(0, 0.5), sample(28, 2.0), sample(56, 2.0), sample(84, 0.6)), NotFired)


def test_nadir_below_the_limit_of_detection_counts_as_the_limit():
    # LoD 0.1 %: 0.26 % is not above 0.1 x 2.64, 0.27 % is.
    assert isinstance(judge(sample(0, None), sample(28, 0.26), sample(56, 0.26)), NotFired)
    fired = judge(sample(0, None), sample(28, 0.27), sample(56, 0.27))
    assert isinstance(fired, Firing)
    assert fired.evidence[0].value == LOD
    assert "nadir <0.1 %" in fired.sentence
    low = judge(sample(0, 0.02), sample(28, 0.26), sample(56, 0.26))
    assert isinstance(low, NotFired)


def test_raised_samples_must_reach_their_own_limit_of_detection():
    points = [sample(0, None, lod_percent=0.01), sample(28, 0.09), sample(56, 0.09)]
    assert isinstance(judge(*points), NotFired)


def test_unverified_results_feed_nothing_and_are_named():
    answer = judge(sample(0, 0.5), sample(28, 2.0), sample(56, 2.0, verified=False))
    assert isinstance(answer, NotFired)
    assert "verification of a result (2026-02-26)" in answer.missing
    hidden_nadir = judge(sample(0, 0.5, verified=False), sample(28, 2.0), sample(56, 2.0))
    assert isinstance(hidden_nadir, NotFired)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"outcome": "not_evaluable"}, "an evaluable sample"),
        ({"lod_percent": None}, "limit of detection"),
        ({"vaf_percent": None}, "VAF of a detected result"),
    ],
)
def test_results_that_cannot_be_used_are_named(fields, words):
    answer = judge(sample(0, 0.5), sample(28, 2.0), sample(56, 2.0, **fields))
    assert isinstance(answer, NotFired)
    assert any(words in item for item in answer.missing)


@pytest.mark.parametrize(("days_after", "fires"), [(0, False), (13, False), (14, True)])
def test_draws_soon_after_surgery_are_confounded(days_after, fires):
    surgery = SurgeryPoint("s", START + timedelta(days=56 - days_after))
    answer = judge(sample(0, 0.5), sample(28, 2.0), sample(56, 2.0), surgeries=[surgery])
    assert isinstance(answer, Firing) == fires


def test_unknown_surgery_history_is_named_also_when_it_fires():
    fired = judge(sample(0, 0.5), sample(28, 2.0), sample(56, 2.0), surgeries=None)
    assert isinstance(fired, Firing)
    assert "surgery dates" in fired.missing[0]


@pytest.mark.parametrize("field", ["analyte", "matrix", "assay", "laboratory"])
def test_series_are_never_joined(field):
    other = {field: "another"}
    points = [sample(0, 0.5), sample(28, 2.0, **other), sample(56, 2.0, **other)]
    assert isinstance(judge(*points), NotFired)
    assert len(ctdna_rise_by_series(points, surgeries=())) == 2


def test_the_firing_series_is_the_answer_of_the_patient():
    quiet = [sample(day, 0.5, matrix="CSF", id=f"c{day}") for day in (0, 28, 56)]
    raised = [sample(0, 0.5), sample(28, 2.0), sample(56, 2.0)]
    assert judge(*quiet, *raised).evidence[-1].record_id == "r56"


def test_nothing_to_judge_is_said():
    assert judge().missing == ("ctDNA results",)
    assert "an earlier sample" in judge(sample(0, 0.5)).missing


def test_impossible_values_are_refused():
    for fields in ({"vaf_percent": 101.0}, {"vaf_percent": -1.0}, {"lod_percent": 0.0}):
        with pytest.raises(DomainError) as caught:
            judge(sample(0, 0.5), sample(28, 0.5, **fields))
        assert caught.value.code == "ctdna_range"


def test_same_evidence_has_the_same_key():
    points = [sample(0, 0.5), sample(28, 2.0), sample(56, 2.0)]
    assert judge(*points).evidence_key == judge(*reversed(points)).evidence_key
    assert judge(*points).evidence_key != judge(*points, sample(84, 2.0)).evidence_key
