"""Log-rank against golden real figures and an independent implementation."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.statistics import multivariate_logrank_test

from analytics.compute.logrank import holm, logrank
from gliomon.common.errors import DomainError


def simulated(seed, n=60, groups=("a", "b", "c"), scales=(20, 25, 40)):
    rng = np.random.default_rng(seed)
    return {
        name: (np.ceil(rng.exponential(scale, n)), rng.integers(0, 2, n))
        for name, scale in zip(groups, scales, strict=True)
    }


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_lifelines_with_many_ties(seed):
    groups = simulated(seed)
    frame = pd.concat(pd.DataFrame({"t": t, "e": e, "g": g}) for g, (t, e) in groups.items())
    expected = multivariate_logrank_test(frame.t, frame.g, frame.e)
    found = logrank(groups)
    assert found.chi2 == pytest.approx(expected.test_statistic, rel=1e-9)
    assert found.p == pytest.approx(expected.p_value, rel=1e-9)
    assert found.df == 2


def test_trial_of_radioimmunotherapy_has_its_published_statistics():
    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the trial's table is not at hand")
    table = pd.read_csv(Path(root) / "tables" / "coin_glioma_RIT.csv")
    for histology, chi2 in [("GBM", 12.6122), ("Grade3", 6.0629)]:
        rows = table[table.histology == histology]
        found = logrank({name: (group.time, group.event) for name, group in rows.groupby("group")})
        assert found.chi2 == pytest.approx(chi2, abs=5e-5)
        assert found.df == 1


def test_delayed_entry_counts_only_who_is_under_observation():
    # At time 4 the late patient of b (entry 5) is not at risk: 2 of a and 1 of b are. By hand:
    # t=4: d=1 in a, n=(2,1): expected 2/3, variance 2/9. t=6: d=1 in b, n=(1,2): expected in a 1/3, variance 2/9.
    # t=8: d=1 in a, n=(1,1): expected 1/2, variance 1/4. Excess of a 2 - 1.5 = 0.5, variance 0.694444.
    found = logrank({"a": ([4, 8], [1, 1], [0, 0]), "b": ([6, 9], [1, 0], [0, 5])})
    assert found.chi2 == pytest.approx(0.25 / (2 / 9 + 2 / 9 + 1 / 4), rel=1e-12)


def test_pairs_are_adjusted_only_when_there_are_more_than_two():
    assert logrank(simulated(1, groups=("a", "b"), scales=(20, 30))).pairwise == ()
    found = logrank(simulated(1))
    assert [(pair.first, pair.second) for pair in found.pairwise] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.p_holm for pair in found.pairwise] == holm([pair.p for pair in found.pairwise])
    assert all(pair.p_holm >= pair.p for pair in found.pairwise)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(
    "groups",
    [
        {"a": ([1, 2], [1, 1])},
        {"a": ([1, 2], [0, 0]), "b": ([3, 4], [0, 0])},
        {"a": ([1, 2], [1, 1], [0, 0]), "b": ([9, 10], [1, 1], [5, 5])},
    ],
)
def test_groups_without_a_common_risk_set_are_refused(groups):
    with pytest.raises(DomainError) as caught:
        logrank(groups)
    assert caught.value.code == "logrank_groups"
