"""Kaplan-Meier against the worked example of the science sheet, a brute-force product and a real cohort."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.compute.kaplan_meier import kaplan_meier, median_follow_up
from gliomon.common.errors import DomainError

WORKED_TIMES = [3, 5, 6, 6, 8, 10, 12, 15]
WORKED_EVENTS = [1, 0, 1, 1, 0, 1, 0, 1]


def product_limit(times, events, entry, at):
    """Return S(at) straight from the definition."""
    survival = 1.0
    for t in sorted({t for t, e in zip(times, events, strict=True) if e and t <= at}):
        risk = sum(1 for x, s in zip(times, entry, strict=True) if x >= t and (s < t or s == 0))
        died = sum(1 for x, e in zip(times, events, strict=True) if x == t and e)
        survival *= 1 - died / risk
    return survival


def test_worked_example_of_the_science_sheet():
    curve = kaplan_meier(WORKED_TIMES, WORKED_EVENTS)
    at = {t: i for i, t in enumerate(curve.times)}
    for t, survival, se in [(3, 0.8750, 0.1169), (6, 0.5833, 0.1856), (10, 0.3889, 0.2013)]:
        assert curve.survival[at[t]] == pytest.approx(survival, abs=5e-5)
        assert curve.se[at[t]] == pytest.approx(se, abs=5e-5)
    assert curve.survival[at[15]] == 0
    assert curve.median == 10
    assert (curve.n, curve.n_events) == (8, 5)


def test_log_log_interval_from_its_formula():
    curve = kaplan_meier(WORKED_TIMES, WORKED_EVENTS)
    survival, se = 0.875, 0.11692679333668567  # sqrt(7/8 * 1/8 / 8)
    half = 1.959964 * se / (survival * np.log(survival))
    assert curve.ci_low[1] == pytest.approx(survival ** np.exp(-half), abs=1e-6)
    assert curve.ci_high[1] == pytest.approx(survival ** np.exp(half), abs=1e-6)


def test_curve_starts_at_one_and_counts_at_risk_just_before_each_time():
    curve = kaplan_meier(WORKED_TIMES, WORKED_EVENTS)
    assert curve.times[0] == 0
    assert curve.survival[0] == curve.ci_low[0] == curve.ci_high[0] == 1
    assert curve.at_risk.tolist() == [8, 8, 7, 6, 4, 3, 2, 1]
    assert curve.events.tolist() == [0, 1, 0, 2, 0, 1, 0, 1]
    assert curve.censored.tolist() == [0, 0, 1, 0, 1, 0, 1, 0]


def test_events_come_before_censorings_at_a_tie():
    assert kaplan_meier([4, 4], [1, 0]).survival[-1] == 0.5


def test_median_not_reached_is_none():
    curve = kaplan_meier([5, 6, 7, 8, 9], [1, 0, 0, 0, 0])
    assert curve.median is None
    assert curve.median_ci_high is None


def test_median_is_found_where_the_product_misses_one_half_by_rounding():
    # 9/10 * 8/9 * 7/8 * 6/7 * 5/6 is one half, in floating point possibly a little more.
    curve = kaplan_meier(range(1, 11), [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    assert curve.median == 5


def test_last_death_alone_gives_no_upper_bound_of_the_median():
    curve = kaplan_meier([10, 20, 30, 40, 50, 60], [0, 0, 0, 0, 0, 1])
    assert curve.median == 60
    assert curve.median_ci_high is None
    assert np.isnan(curve.ci_high[-1])


def test_delayed_entry_follows_the_definition():
    rng = np.random.default_rng(4)
    for _ in range(20):
        times = rng.integers(2, 30, 40).astype(float)
        entry = np.floor(rng.uniform(0, 1, 40) * times * 0.8)
        events = rng.integers(0, 2, 40)
        curve = kaplan_meier(times, events, entry=entry)
        expected = [product_limit(times, events, entry, t) for t in curve.times]
        np.testing.assert_allclose(curve.survival, expected, atol=1e-12)


def test_sparse_end_is_marked():
    curve = kaplan_meier(range(1, 21), [1] * 20)
    assert curve.sparse_from == 12  # 9 of 20 are left from the 12th time on


def test_follow_up_is_reverse_kaplan_meier():
    assert median_follow_up([10, 20, 30, 40], [1, 0, 0, 0]) == 30


@pytest.mark.parametrize(
    ("times", "events", "entry"),
    [
        ([], [], None),
        ([1, 2], [1], None),
        ([0, 2], [1, 1], None),
        ([np.nan, 2], [1, 1], None),
        ([1, 2], [1, 2], None),
        ([1, 2], [1, 1], [1, 0]),
        ([1, 2], [1, 1], [-1, 0]),
    ],
)
def test_input_that_is_no_follow_up_is_refused(times, events, entry):
    with pytest.raises(DomainError) as caught:
        kaplan_meier(times, events, entry=entry)
    assert caught.value.code == "survival_input"


def test_tcga_glioblastoma_as_published_in_its_table():
    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the TCGA table is not at hand")
    table = pd.read_csv(Path(root) / "tables" / "tcga_glioma_patients.csv")
    gbm = table[(table.cohort == "TCGA-GBM") & (table.os_days > 0)]
    curve = kaplan_meier(gbm.os_days, gbm.event)
    assert (curve.n, curve.n_events) == (595, 491)
    assert (curve.median, curve.median_ci_low, curve.median_ci_high) == (428, 386, 455)
