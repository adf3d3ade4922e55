"""The table under the Kaplan-Meier axis: counted by hand, and its columns always add up."""

import numpy as np

from analytics.compute.risk_table import risk_table

TIMES = [3, 5, 6, 6, 8, 10, 12, 15]
EVENTS = [1, 0, 1, 1, 0, 1, 0, 1]


def test_counts_by_hand():
    table = risk_table(TIMES, EVENTS, [0, 3, 6, 7, 15, 16])
    assert table.at_risk.tolist() == [8, 8, 6, 4, 1, 0]
    assert table.events.tolist() == [0, 0, 1, 3, 4, 5]
    assert table.censored.tolist() == [0, 0, 1, 1, 3, 3]


def test_delayed_entry_enters_after_its_time():
    table = risk_table([5, 9, 9], [1, 1, 0], [0, 2, 3, 6], entry=[0, 2, 4])
    assert table.at_risk.tolist() == [1, 1, 2, 2]
    assert table.not_entered.tolist() == [2, 2, 1, 0]


def test_every_column_adds_up_to_n():
    rng = np.random.default_rng(2)
    times = rng.integers(1, 40, 300).astype(float)
    entry = np.floor(times * rng.uniform(0, 0.9, 300))
    table = risk_table(times, rng.integers(0, 2, 300), np.arange(0, 45, 0.5), entry)
    total = table.at_risk + table.events + table.censored + table.not_entered
    assert (total == 300).all()
    assert (table.not_entered >= 0).all()
    assert (table.at_risk >= 0).all()
