"""Our figures against R's survival package, where R is installed."""

import csv
import shutil
import subprocess

import numpy as np
import pytest

from analytics.compute.cox import cox_by_level
from analytics.compute.kaplan_meier import kaplan_meier
from analytics.compute.logrank import logrank

SCRIPT = """
suppressMessages(library(survival))
d <- read.csv(commandArgs(TRUE)[1])
q <- summary(survfit(Surv(time, event) ~ 1, d, conf.type = "log-log"))$table
l <- survdiff(Surv(time, event) ~ level, d)$chisq
h <- summary(coxph(Surv(time, event) ~ level, d, ties = "efron"))$conf.int
cat(q["median"], q["0.95LCL"], q["0.95UCL"], l, h[1], h[3], h[4])
"""


def r_survival(table_file):
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed: no independent survival package to compare with")
    done = subprocess.run(
        ["Rscript", "-e", SCRIPT, str(table_file)], capture_output=True, text=True, check=False
    )
    if "there is no package" in done.stderr:
        pytest.skip("R has no survival package: nothing independent to compare with")
    return [float(word) for word in done.stdout.split()]


def test_median_logrank_and_hazard_ratio_agree_with_r(tmp_path):
    rng = np.random.default_rng(8)
    groups = {
        level: (np.ceil(rng.exponential(scale, 150)), rng.integers(0, 2, 150))
        for level, scale in [("a", 200), ("b", 300)]
    }
    rows = [
        (t, e, level) for level, (times, events) in groups.items() for t, e in zip(times, events, strict=True)
    ]
    with (tmp_path / "d.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("time", "event", "level"), *rows])
    curve = kaplan_meier([row[0] for row in rows], [row[1] for row in rows])
    cox = cox_by_level(groups, reference="a")[0]
    ours = [
        curve.median,
        curve.median_ci_low,
        curve.median_ci_high,
        logrank(groups).chi2,
        cox.hr,
        cox.ci_low,
        cox.ci_high,
    ]
    assert ours == pytest.approx(r_survival(tmp_path / "d.csv"), rel=1e-4)
