"""Hazard ratios by level: recovered from simulation, checked by hand, refused where not estimable."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from analytics.compute.cox import cox_by_level
from gliomon.common.errors import DomainError


def exponential(n, hazards, seed=0):
    rng = np.random.default_rng(seed)
    return {level: (rng.exponential(1 / h, n) + 1e-6, np.ones(n)) for level, h in hazards.items()}


def test_recovers_the_ratios_of_simulated_hazards():
    rows = cox_by_level(exponential(4000, {"control": 0.01, "double": 0.02, "half": 0.005}))
    assert [row.level for row in rows] == ["double", "half"]
    assert {row.reference for row in rows} == {"control"}
    assert rows[0].hr == pytest.approx(2.0, rel=0.06)
    assert rows[1].hr == pytest.approx(0.5, rel=0.06)
    assert all(row.ci_low < row.hr < row.ci_high for row in rows)
    assert all(row.ph_p > 0.001 for row in rows)


def test_ties_are_handled_by_efron():
    # One tie of two deaths (one per group) among 3 + 3 at risk, then a death in a; Efron's partial likelihood by hand.
    groups = {"a": ([2, 3, 5], [1, 1, 0]), "b": ([2, 4, 4], [1, 0, 0])}

    def minus_log_likelihood(beta):
        r = math.exp(beta)
        first, tied = 3 + 3 * r, 1 + r
        return -(beta - math.log(first) - math.log(first - tied / 2) - math.log(2 + 2 * r))

    best = minimize_scalar(minus_log_likelihood, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10})
    row = cox_by_level(groups, reference="a", check_ph=False)[0]
    assert math.log(row.hr) == pytest.approx(best.x, abs=1e-4)


def test_reference_is_the_usual_comparator_or_the_one_named():
    groups = exponential(50, {"Mutant": 0.01, "WT": 0.02})
    assert cox_by_level(groups, check_ph=False)[0].reference == "WT"
    named = cox_by_level(groups, reference="Mutant", check_ph=False)[0]
    assert (named.level, named.reference) == ("WT", "Mutant")
    with pytest.raises(DomainError) as caught:
        cox_by_level(groups, reference="Unknown")
    assert caught.value.code == "cox_reference"


def test_level_without_events_has_no_ratio_and_disturbs_no_other():
    groups = exponential(60, {"a": 0.01, "b": 0.02})
    alone = cox_by_level(groups, reference="a", check_ph=False)
    groups["c"] = (np.full(20, 500.0), np.zeros(20))
    rows = {row.level: row for row in cox_by_level(groups, reference="a", check_ph=False)}
    assert (rows["c"].hr, rows["c"].ci_low, rows["c"].ci_high) == (None, None, None)
    assert rows["b"].hr == pytest.approx(alone[0].hr, rel=1e-6)


def test_separated_groups_have_no_ratio():
    rows = cox_by_level({"a": (np.arange(1.0, 11), np.ones(10)), "b": (np.arange(101.0, 111), np.ones(10))})
    assert rows[0].hr is None


def test_crossing_hazards_fail_the_check():
    rng = np.random.default_rng(3)
    early = np.where(rng.random(800) < 0.5, rng.uniform(0.1, 1, 800), rng.uniform(9, 10, 800))
    middle = rng.uniform(3, 6, 800)
    row = cox_by_level({"a": (middle, np.ones(800)), "b": (early, np.ones(800))})[0]
    assert row.ph_p < 0.001


def test_delayed_entry_is_used():
    rng = np.random.default_rng(9)
    groups = {}
    for level, hazard in [("a", 0.02), ("b", 0.04)]:
        death, entry = rng.exponential(1 / hazard, 6000), rng.uniform(0, 60, 6000)
        seen = death > entry
        groups[level] = (death[seen], np.ones(seen.sum()), entry[seen])
    row = cox_by_level(groups, reference="a", check_ph=False)[0]
    assert row.hr == pytest.approx(2.0, rel=0.08)
