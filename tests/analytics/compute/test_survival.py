"""The whole survival answer: groups, exclusions, guard, and the shape of its JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.compute.immortal_time import FieldMeta, guard
from analytics.compute.survival import analyse_survival, month_ticks, stratify, survival_summary
from gliomon.common.errors import DomainError


def cohort(n=40, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "subject": [f"S{i}" for i in range(n)],
            "time_days": rng.integers(30, 900, n).astype(float),
            "event": rng.integers(0, 2, n).astype(float),
            "mgmt": ["Methylated", "Unmethylated"] * (n // 2),
            "cohort": ["one"] * (n - 10) + ["two"] * 10,
        }
    )


def real_table(name):
    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the real cohort tables are not at hand")
    return Path(root) / "tables" / name


def test_every_patient_is_in_one_group_or_counted_under_one_reason():
    frame = cohort()
    frame.loc[0, "time_days"] = np.nan
    frame.loc[1, "time_days"] = 0
    frame.loc[2, "event"] = np.nan
    frame.loc[3, "mgmt"] = None
    frame.loc[4, "mgmt"] = "[Not Available]"
    frame.loc[5, "subject"] = "S6"
    frame.loc[[7, 8], "mgmt"] = ["rare one", "rare two"]
    strata = stratify(frame, "mgmt")
    assert strata.excluded == {
        "subject repeated": 1,
        "survival time not known": 1,
        "survival time not above 0": 1,
        "event not known": 1,
        "mgmt not known": 2,
        "mgmt group below 5 patients": 2,
    }
    assert sum(group.n for group in strata.groups) + sum(strata.excluded.values()) == len(frame)
    assert [group.label for group in strata.groups] == ["Methylated", "Unmethylated"]


def test_group_of_five_is_shown_and_of_four_is_not():
    frame = cohort()
    frame["mgmt"] = ["four"] * 4 + ["five"] * 5 + ["many"] * 31
    strata = stratify(frame, "mgmt")
    assert [(group.label, group.n) for group in strata.groups] == [("five", 5), ("many", 31)]
    assert strata.excluded == {"mgmt group below 5 patients": 4}


def test_population_is_not_an_exclusion_but_an_unknown_one_is():
    frame = cohort()
    frame.loc[0, "cohort"] = None
    strata = stratify(frame, None, {"cohort": "one"})
    assert strata.groups[0].label == "all"
    assert strata.groups[0].n == 29
    assert strata.excluded == {"cohort not known": 1}


def test_entry_is_used_and_checked():
    frame = cohort().assign(entry_days=10.0)
    frame.loc[0, "entry_days"] = 5000
    frame.loc[1, "entry_days"] = np.nan
    frame.loc[2, "entry_days"] = -3
    strata = stratify(frame, None)
    assert strata.excluded == {"entry not known": 1, "entry not before the end of follow-up": 1}
    assert (strata.groups[0].entry == 0).sum() == 1
    assert analyse_survival(frame).delayed_entry


@pytest.mark.parametrize(
    ("by", "where", "code"),
    [
        ("nothing", {}, "unknown_field"),
        ("mgmt", {"nothing": "1"}, "unknown_field"),
        ("event", {}, "unknown_field"),
        ("mgmt", {"cohort": "three"}, "no_such_value"),
        ("number", {}, "too_many_levels"),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(by, where, code):
    with pytest.raises(DomainError) as caught:
        survival_summary(cohort().assign(number=range(40)), by=by, where=where)
    assert caught.value.code == code


def test_numbers_of_a_filter_match_as_numbers_and_as_text():
    frame = cohort().assign(grade=[4.0] * 30 + [3.0] * 10)
    for wanted in ("4", 4, 4.0):
        assert stratify(frame, None, {"grade": wanted}).groups[0].n == 30


def test_field_known_later_is_refused_as_group_and_as_filter():
    fields = {
        "mgmt": FieldMeta("mgmt", "baseline"),
        "cohort": FieldMeta("cohort", "later", "bevacizumab ever"),
    }
    assert survival_summary(cohort(), by="mgmt", fields=fields)["groups"]
    for question in ({"by": "cohort"}, {"by": "mgmt", "where": {"cohort": "one"}}):
        with pytest.raises(DomainError) as caught:
            survival_summary(cohort(), fields=fields, **question)
        assert caught.value.code == "immortal_time"
        assert "bevacizumab ever" in caught.value.message


def test_field_of_unknown_timing_is_refused_once_fields_are_described():
    with pytest.raises(DomainError) as caught:
        survival_summary(cohort(), by="mgmt", fields={})
    assert caught.value.code == "unknown_timing"
    with pytest.raises(DomainError):
        guard(FieldMeta("x", ""))


def test_summary_has_exactly_its_keys_and_is_json():
    found = survival_summary(cohort(), by="mgmt")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {"groups", "logrank", "cox", "excluded"}
    assert set(found["groups"][0]) == {"label", "n", "events", "median", "ci_low", "ci_high"}
    assert set(found["logrank"]) == {"chi2", "df", "p"}
    assert [set(row) for row in found["cox"]] == [{"level", "reference", "hr", "ci_low", "ci_high"}]


def test_one_group_has_no_test_and_no_ratio():
    found = survival_summary(cohort())
    assert found["logrank"] == {"chi2": None, "df": None, "p": None}
    assert found["cox"] == []
    assert [group["label"] for group in found["groups"]] == ["all"]


def test_nobody_left_gives_no_group_and_says_why():
    frame = cohort().assign(event=np.nan)
    found = survival_summary(frame, by="mgmt")
    assert found["groups"] == []
    assert found["excluded"] == {"event not known": 40}


def test_ticks_are_round_months():
    ticks = month_ticks(stratify(cohort(), None)) / 30.4375
    assert ticks[0] == 0
    assert len(ticks) <= 9
    np.testing.assert_allclose(np.diff(ticks), np.diff(ticks)[0])
    assert float(np.diff(ticks)[0]).is_integer()


def test_tcga_glioblastoma_has_its_known_figures():
    table = pd.read_csv(real_table("tcga_glioma_patients.csv"))
    frame = table.rename(columns={"patient": "subject", "os_days": "time_days"})
    found = survival_summary(frame, where={"cohort": "TCGA-GBM"})
    line = {"label": "all", "n": 595, "events": 491, "median": 428.0, "ci_low": 386.0, "ci_high": 455.0}
    assert found["groups"] == [line]
    assert sum(found["excluded"].values()) == 599 - 595


def test_tcga_markers_order_as_published():
    # TCGA 2015: codeleted live longest, IDH-wildtype shortest (science sheet, section 8).
    table = pd.read_csv(real_table("tcga_glioma_patients.csv"))
    found = analyse_survival(
        table.rename(columns={"patient": "subject", "os_days": "time_days"}), by="idh_codel"
    )
    medians = {group.label: group.curve.median for group in found.groups}
    assert medians["IDHmut-codel"] > medians["IDHmut-non-codel"] > medians["IDHwt"]
    assert len(found.logrank.pairwise) == 3
    assert {row.reference for row in found.cox} == {"IDHwt"}
    assert all(row.hr < 0.3 for row in found.cox)


def test_module_is_light_until_it_is_asked():
    code = "import sys, analytics.compute.survival as s; sys.exit('lifelines' in sys.modules)"
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
