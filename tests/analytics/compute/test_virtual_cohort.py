"""The virtual cohort reaches its published targets, follows CNS5 and can never pass for patients."""

import time

import numpy as np
import pandas as pd
import pytest

from analytics.compute.survival import analyse_survival, survival_summary
from analytics.compute.virtual_cohort import FIELDS, linear_predictor, virtual_cohort
from analytics.compute.virtual_targets import targets_table
from gliomon.common.errors import DomainError


def test_every_target_is_reached_within_its_stated_tolerance():
    table = targets_table()
    assert table["within"].all(), table.to_string()
    assert (table["low"] <= table["target"]).all()
    assert (table["target"] <= table["high"]).all()


def test_same_seed_same_cohort_other_seed_other_cohort():
    pd.testing.assert_frame_equal(virtual_cohort(50, seed=1), virtual_cohort(50, seed=1))
    assert not virtual_cohort(50, seed=1)["time_days"].equals(virtual_cohort(50, seed=2)["time_days"])


def test_types_follow_cns5():
    cohort = virtual_cohort(3000, seed=5)
    glioblastoma = cohort["diagnosis"] == "Glioblastoma, IDH-wildtype"
    codeleted = cohort["codel_1p19q"] == "codeleted"
    assert ((cohort["idh"] == "wild-type") == glioblastoma).all()
    assert (cohort.loc[glioblastoma, "grade"] == 4).all()
    assert (cohort.loc[codeleted, "idh"] == "mutant").all()
    assert cohort.loc[codeleted, "diagnosis"].str.startswith("Oligodendroglioma").all()
    assert cohort.loc[codeleted, "grade"].isin((2, 3)).all()
    assert cohort["age"].between(18, 88).all()
    assert cohort["kps"].isin((60, 70, 80, 90, 100)).all()


def test_endpoints_are_possible():
    cohort = virtual_cohort(3000, seed=6)
    assert (cohort["time_days"] >= 1).all()
    assert (cohort["pfs_days"] <= cohort["time_days"]).all()
    died_unprogressed = (cohort["pfs_event"] == 0) & (cohort["event"] == 1)
    assert not died_unprogressed.any()  # death is an event of progression-free survival
    assert 0.3 < cohort["event"].mean() < 0.8


def test_nobody_can_take_them_for_patients():
    cohort = virtual_cohort(300)
    assert len(cohort) == 300
    assert cohort["virtual"].all()
    assert cohort["subject"].str.match(r"VIRT-\d{6}$").all()
    assert cohort["subject"].is_unique
    assert set(FIELDS) < set(cohort.columns)


def test_three_hundred_patients_show_the_three_markers():
    cohort = virtual_cohort(300, seed=0)
    for field, level in [("idh", "mutant"), ("codel_1p19q", "codeleted"), ("mgmt", "methylated")]:
        found = survival_summary(cohort, by=field)
        assert len(found["groups"]) == 2
        row = next(row for row in found["cox"] if row["level"] == level)
        assert row["hr"] < 1
        assert found["excluded"] == {}


def test_risk_is_centred_and_signed():
    facts = pd.DataFrame(
        {
            "sex": ["female"] * 3, "age": [60.0, 70.0, 60.0], "kps": [80, 80, 70], "resection": ["biopsy"] * 3,
            "mgmt": ["unmethylated"] * 3, "diagnosis": ["Glioblastoma, IDH-wildtype"] * 3,
        }
    )  # fmt: skip
    np.testing.assert_allclose(np.exp(linear_predictor(facts, "death")), [1.0, 1.25, 1.25])


def test_strata_of_ten_thousand_change_within_a_second():
    cohort = virtual_cohort(10_000, seed=3)
    analyse_survival(cohort.head(200), by="idh")  # the first call imports lifelines
    start = time.perf_counter()
    survival_summary(cohort, by="diagnosis")
    assert time.perf_counter() - start < 3.0  # 0.3-0.7 s on an idle core; the margin is for a busy machine


def test_requests_that_make_no_sense_are_refused():
    for options, code in [({"n": 0}, "cohort_size"), ({"diagnosis": "Flu"}, "unknown_diagnosis")]:
        with pytest.raises(DomainError) as caught:
            virtual_cohort(**options)
        assert caught.value.code == code
