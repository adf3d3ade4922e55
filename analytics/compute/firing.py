"""What a rule is, what it says when it fires, and what it lacks when it does not."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Literal

Severity = Literal["info", "warning", "urgent"]


@dataclasses.dataclass(frozen=True)
class AlertRule:
    """A rule as data: a changed threshold or wording is a new version."""

    id: str
    version: str
    title: str
    severity: Severity
    clears_when: str
    source: str


@dataclasses.dataclass(frozen=True)
class EvidenceItem:
    """One record that a firing rests on.

    Attributes
    ----------
    record_kind, record_id : str
        What it is ("ctdna_result", "measurement", "radiotherapy") and which.
    label : str
        Words for the screen.
    value : float or None
        In `unit` (UCUM); None where the date is the fact.
    date : date
        When it happened.
    role : str
        "nadir", "first_rise", "between", "current", "baseline" or "window".
    """

    record_kind: str
    record_id: str
    label: str
    value: float | None
    unit: str
    date: date
    role: str


@dataclasses.dataclass(frozen=True)
class Firing:
    """An alert to be written.

    Attributes
    ----------
    sentence : str
        One line of cause for a clinician, free of names.
    evidence : tuple of EvidenceItem
        In order of time.
    reference : str
        Against what the change is judged, with the threshold and its assumptions.
    clears_when : str
        What would end the alert.
    evidence_key : str
        Hash of rule, version and evidence ids: the same evidence never alerts twice.
    limit_percent : float
        The rise against the nadir, in %, from which the rule fires.
    preliminary : bool
        True: the finding may be a treatment effect and needs confirmation.
    missing : tuple of str
        What is not known and would change the reading.
    """

    rule_id: str
    rule_version: str
    severity: Severity
    title: str
    sentence: str
    evidence: tuple[EvidenceItem, ...]
    reference: str
    clears_when: str
    evidence_key: str
    limit_percent: float
    preliminary: bool = False
    missing: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class NotFired:
    """Why a rule did not fire; `missing` names what it could not see, so that no alert is not taken for no data.

    Attributes
    ----------
    reason : str
        One sentence.
    missing : tuple of str
        Inputs that are absent.
    provisional : bool
        True: one finding of the two that the rule needs is there.
    evidence : tuple of EvidenceItem
        The finding that is there, when provisional.
    """

    reason: str
    missing: tuple[str, ...] = ()
    provisional: bool = False
    evidence: tuple[EvidenceItem, ...] = ()


CTDNA_MOLECULAR_RISE = AlertRule(
    id="ctdna_molecular_rise",
    version="1",
    title="Molecular rise in ctDNA",
    severity="warning",
    clears_when="the next evaluable sample of the same series is back at or below the reference change limit, "
    "or one of the results is corrected",
    source="science sheet 6.3 [E]; never declares progression by itself",
)

ENHANCING_VOLUME_BEYOND_NADIR = AlertRule(
    id="enhancing_volume_beyond_nadir",
    version="1",
    title="Enhancing volume beyond nadir",
    severity="urgent",
    clears_when="a later scan is below the threshold against the same nadir, or one of the measurements is corrected",
    source="RANO 2.0, 3D size threshold +40 %; Wen 2023, doi 10.1200/JCO.23.01059",
)

RULES: tuple[AlertRule, ...] = (CTDNA_MOLECULAR_RISE, ENHANCING_VOLUME_BEYOND_NADIR)


def evidence_key(rule: AlertRule, evidence: Iterable[EvidenceItem]) -> str:
    """Return a stable hash (64 hex digits) of the rule, its version and the set of evidence records."""
    records = sorted({(item.record_kind, item.record_id) for item in evidence})
    text = "\n".join([rule.id, rule.version, *(f"{kind}\t{record}" for kind, record in records)])
    return hashlib.sha256(text.encode()).hexdigest()


def firing(
    rule: AlertRule,
    *,
    sentence: str,
    evidence: tuple[EvidenceItem, ...],
    reference: str,
    limit_percent: float,
    preliminary: bool = False,
    missing: tuple[str, ...] = (),
) -> Firing:
    """Return a firing of a rule with its evidence key."""
    return Firing(
        rule_id=rule.id,
        rule_version=rule.version,
        severity=rule.severity,
        title=rule.title,
        sentence=sentence,
        evidence=evidence,
        reference=reference,
        clears_when=rule.clears_when,
        evidence_key=evidence_key(rule, evidence),
        limit_percent=limit_percent,
        preliminary=preliminary,
        missing=missing,
    )
