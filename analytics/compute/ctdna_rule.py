"""Rule `ctdna_molecular_rise`: two consecutive ctDNA samples above the reference change limit."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from datetime import date
from typing import Literal

from analytics.compute.firing import CTDNA_MOLECULAR_RISE, EvidenceItem, Firing, NotFired, firing
from analytics.compute.repeatability import Z95
from gliomon.common.errors import DomainError

APART_DAYS = 14  # days between the two samples, at least (science sheet 6.3)
SURGERY_DAYS = 14  # days after surgery during which released DNA confounds (science sheet 6.2)
ASSUMED_CV_ANALYTICAL = 0.20  # where the assay record has none (science sheet 6.3)
ASSUMED_CV_BIOLOGICAL = 0.30

Outcome = Literal["detected", "not_detected", "not_evaluable"]


@dataclasses.dataclass(frozen=True)
class CtdnaPoint:
    """One ctDNA result of one analyte.

    Attributes
    ----------
    id : str
        Record id of the result.
    collected_on : date
        Day the blood or CSF was taken.
    analyte, matrix, assay, laboratory : str
        Together they make a series; values of different series are never compared.
    outcome : str
        "detected", "not_detected" or "not_evaluable" (below the assay's minimum input).
    vaf_percent : float or None
        Variant allele fraction, 0-100 %; None when not detected.
    lod_percent : float or None
        Limit of detection, %; None = not recorded.
    verified : bool
        Verified by a second person; unverified results feed no rule.
    cv_analytical, cv_biological : float or None
        Fractions, from the assay record; None = assumed 0.20 and 0.30.
    """

    id: str
    collected_on: date
    analyte: str
    matrix: str
    assay: str
    laboratory: str
    outcome: Outcome
    vaf_percent: float | None
    lod_percent: float | None
    verified: bool
    cv_analytical: float | None = None
    cv_biological: float | None = None

    @property
    def series(self) -> tuple[str, str, str, str]:
        """Analyte, matrix, assay and laboratory."""
        return self.analyte, self.matrix, self.assay, self.laboratory


@dataclasses.dataclass(frozen=True)
class SurgeryPoint:
    """One operation: record id and day."""

    id: str
    on: date


def reference_change_limit(cv_analytical: float, cv_biological: float) -> float:
    """Return the relative rise (fraction) that two results exceed by chance in 2.5 % of pairs.

    `exp(1.96 sqrt(2) sigma) - 1` with `sigma = sqrt(ln(1 + CVa^2 + CVi^2))`: 0.20 and 0.30 give 1.64.

    Parameters
    ----------
    cv_analytical, cv_biological : float
        Coefficients of variation, fractions >= 0.

    References
    ----------
    Fokkema MR et al. Clin Chem Lab Med 2006;44:1009-1014. doi 10.1515/CCLM.2006.173 (log-normal reference change)
    """
    sigma = math.sqrt(math.log1p(cv_analytical**2 + cv_biological**2))
    return math.expm1(Z95 * math.sqrt(2) * sigma)


def ctdna_molecular_rise(
    points: Sequence[CtdnaPoint], *, surgeries: Sequence[SurgeryPoint] | None
) -> Firing | NotFired:
    """Judge all ctDNA series of a patient and return the most telling answer.

    Parameters and rules as in `ctdna_rise_by_series`. A firing (the newest, then the one of the largest rise) comes
    before a provisional finding, and that before a plain no.
    """
    answers = ctdna_rise_by_series(points, surgeries=surgeries)
    if not answers:
        return NotFired("no ctDNA result is recorded", ("ctDNA results",))
    fired = [answer for answer in answers if isinstance(answer, Firing)]
    if fired:
        return max(fired, key=lambda answer: (answer.evidence[-1].date, _rise(answer)))
    quiet = [answer for answer in answers if isinstance(answer, NotFired)]
    chosen = next((answer for answer in quiet if answer.provisional), quiet[0])
    missing = tuple(dict.fromkeys(itertools.chain.from_iterable(answer.missing for answer in quiet)))
    return dataclasses.replace(chosen, missing=missing)


def ctdna_rise_by_series(
    points: Sequence[CtdnaPoint], *, surgeries: Sequence[SurgeryPoint] | None
) -> tuple[Firing | NotFired, ...]:
    """Judge each ctDNA series (analyte, matrix, assay, laboratory) of a patient by itself.

    Fires when the last evaluable sample and an earlier one, at least 14 days before it, are both at or above the
    LoD and both above nadir x (1 + RCV), with no unraised sample between them. The nadir is the smallest earlier
    value; one below the LoD counts as the LoD. Unverified results, results that are not evaluable and samples taken
    less than 14 days after surgery are left out and named.

    Parameters
    ----------
    points : sequence of CtdnaPoint
        Results known on the day of judging, any order.
    surgeries : sequence of SurgeryPoint or None
        Operations; an empty sequence = none took place, None = not known.

    Returns
    -------
    tuple of Firing or NotFired
        One per series, in the order of their names.
    """
    ordered = sorted(points, key=lambda point: (point.series, point.collected_on, point.id))
    grouped = itertools.groupby(ordered, key=lambda point: point.series)
    return tuple(_judge_series(list(group), surgeries) for _, group in grouped)


@dataclasses.dataclass(frozen=True)
class _Sample:
    """An evaluable result with the value the rule works on (% VAF)."""

    point: CtdnaPoint
    value: float
    lod: float
    censored: bool


def _judge_series(points: list[CtdnaPoint], surgeries: Sequence[SurgeryPoint] | None) -> Firing | NotFired:
    samples, missing = _evaluable(points, surgeries)
    if len(samples) < 2:
        count = "one evaluable sample" if samples else "no evaluable sample"
        return NotFired(
            f"{_name(points[0])}: {count}; a rise needs an earlier one", (*missing, "an earlier sample")
        )
    run, nadir = _raised_run(samples)
    limit, assumed = _limit(samples[-1].point)
    if not run:
        return NotFired(
            f"{_name(points[0])}: the last sample is not above nadir x {1 + limit:.2f} and the limit of detection",
            missing,
        )
    first = _far_enough(run)
    if first is None:
        return _provisional(run, nadir, limit, missing)
    return _fired(nadir, run[run.index(first) :], limit, assumed, missing)


def _evaluable(
    points: list[CtdnaPoint], surgeries: Sequence[SurgeryPoint] | None
) -> tuple[list[_Sample], tuple[str, ...]]:
    """Return the samples a rule may use, and in words what was left out."""
    samples: list[_Sample] = []
    missing = [] if surgeries is not None else ["surgery dates (a draw within 14 days of surgery confounds)"]
    for point in points:
        why_not = _why_not(point, surgeries or ())
        if why_not:
            missing.append(f"{why_not} ({point.collected_on})")
        else:
            samples.append(_sample(point))
    return samples, tuple(missing)


def _why_not(point: CtdnaPoint, surgeries: Sequence[SurgeryPoint]) -> str:
    """Say why a result is left out; empty when it counts."""
    if not point.verified:
        return "verification of a result"
    if point.outcome == "not_evaluable":
        return "an evaluable sample"
    if point.lod_percent is None:
        return "limit of detection of a result"
    if point.outcome == "detected" and point.vaf_percent is None:
        return "VAF of a detected result"
    if any(0 <= (point.collected_on - surgery.on).days < SURGERY_DAYS for surgery in surgeries):
        return "a sample free of confounders: drawn less than 14 days after surgery"
    return ""


def _sample(point: CtdnaPoint) -> _Sample:
    lod = float(point.lod_percent or 0.0)
    if not (0 < lod <= 100) or not 0 <= (point.vaf_percent or 0.0) <= 100:
        raise DomainError(
            "ctdna_range", f"VAF {point.vaf_percent} %, LoD {point.lod_percent} %: outside of 0-100 %"
        )
    value = 0.0 if point.outcome == "not_detected" else float(point.vaf_percent or 0.0)
    return _Sample(point, max(value, lod), lod, value < lod)


def _raised_run(samples: list[_Sample]) -> tuple[list[_Sample], _Sample]:
    """Return the unbroken run of raised samples that ends with the last one, and the nadir before it."""
    run: list[_Sample] = []
    nadir = samples[0]
    for sample in samples[1:]:
        limit, _ = _limit(sample.point)
        if not sample.censored and sample.value > nadir.value * (1 + limit):
            run.append(sample)
            continue
        run = []
        nadir = min(nadir, sample, key=lambda item: item.value)
    return run, nadir


def _limit(point: CtdnaPoint) -> tuple[float, bool]:
    """Return the reference change limit for a result, and whether a CV had to be assumed."""
    analytical = ASSUMED_CV_ANALYTICAL if point.cv_analytical is None else point.cv_analytical
    biological = ASSUMED_CV_BIOLOGICAL if point.cv_biological is None else point.cv_biological
    return reference_change_limit(analytical, biological), None in (point.cv_analytical, point.cv_biological)


def _far_enough(run: list[_Sample]) -> _Sample | None:
    """Return the latest raised sample at least 14 days before the last one."""
    last = run[-1].point.collected_on
    return next((item for item in reversed(run) if (last - item.point.collected_on).days >= APART_DAYS), None)


def _provisional(run: list[_Sample], nadir: _Sample, limit: float, missing: tuple[str, ...]) -> NotFired:
    count = "one sample is" if len(run) == 1 else "samples less than 14 days apart are"
    return NotFired(
        reason=f"{_name(run[-1].point)}: {count} above nadir x {1 + limit:.2f}; provisional, repeat in 2-4 weeks",
        missing=(*missing, "a second raised sample at least 14 days later"),
        provisional=True,
        evidence=(_item(nadir, "nadir"), *(_item(sample, "current") for sample in run)),
    )


def _fired(
    nadir: _Sample, run: list[_Sample], limit: float, assumed: bool, missing: tuple[str, ...]
) -> Firing:
    first, last = run[0], run[-1]
    roles = ["first_rise", *["between"] * (len(run) - 2), "current"]
    point = last.point
    less = "<" if nadir.censored else ""
    return firing(
        CTDNA_MOLECULAR_RISE,
        sentence=f"{_name(point)}: {first.value:.3g} % on {first.point.collected_on} and {last.value:.3g} % on "
        f"{point.collected_on}, both above {nadir.value * (1 + limit):.3g} % (nadir {less}{nadir.value:.3g} % on "
        f"{nadir.point.collected_on}, limit +{100 * limit:.0f} %).",
        evidence=(_item(nadir, "nadir"), *(_item(*pair) for pair in zip(run, roles, strict=True))),
        reference=_reference(nadir, point, limit, assumed),
        limit_percent=100 * limit,
        missing=missing,
    )


def _reference(nadir: _Sample, point: CtdnaPoint, limit: float, assumed: bool) -> str:
    analytical = ASSUMED_CV_ANALYTICAL if point.cv_analytical is None else point.cv_analytical
    biological = ASSUMED_CV_BIOLOGICAL if point.cv_biological is None else point.cv_biological
    words = " (assumed where the assay record has none)" if assumed else " (assay record)"
    counted = ", counted as its limit of detection" if nadir.censored else ""
    return (
        f"nadir of {nadir.point.collected_on}{counted}; reference change value +{100 * limit:.0f} % from "
        f"CVa {analytical:.2f} and CVi {biological:.2f}{words}"
    )


def _item(sample: _Sample, role: str) -> EvidenceItem:
    words = {
        "nadir": "lowest earlier sample",
        "first_rise": "first raised sample",
        "between": "raised sample",
    }
    label = words.get(role, "last sample") + (" (below the limit of detection)" if sample.censored else "")
    return EvidenceItem(
        "ctdna_result", sample.point.id, label, sample.value, "%", sample.point.collected_on, role
    )


def _name(point: CtdnaPoint) -> str:
    return f"{point.analyte} in {point.matrix} ({point.assay}, {point.laboratory})"


def _rise(answer: Firing) -> float:
    values = {item.role: item.value or 0.0 for item in answer.evidence}
    return values["current"] / values["nadir"]
