"""The rows of the work list, what needs attention first."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from analytics import selectors as analytics
from frontend.figures.time_axis import date_words
from frontend.headline import HeadlineWords, headline_words
from imaging import selectors as imaging
from imaging.selectors import VisitSummary
from patients import selectors
from patients.selectors import Headline

SEVERITY_RANK = {"urgent": 0, "warning": 1, "info": 2}
SEVERITY_BADGE = {"urgent": "bad", "warning": "warn", "info": "info"}
UNFINISHED = ("failed", "parked", "running", "queued", "waiting")
STATE_WORDS = {
    "failed": ("failed", "bad"),
    "running": ("running", "info"),
    "queued": ("queued", "info"),
    "waiting": ("not started", "neutral"),
    "done": ("measured", "good"),
}


@dataclasses.dataclass(frozen=True)
class OpenAlerts:
    """The open alerts of a patient: how many, and the most severe one."""

    count: int
    severity: str
    label: str
    title: str
    oldest: dt.date

    @property
    def more(self) -> int:
        """How many there are besides the one that is named."""
        return self.count - 1

    @property
    def badge(self) -> str:
        """The badge's colour class."""
        return SEVERITY_BADGE[self.severity]


@dataclasses.dataclass(frozen=True)
class WorklistRow:
    """One patient's line."""

    patient: Any
    headline: HeadlineWords
    alerts: OpenAlerts | None
    last_scan: str
    scan_age: str
    change: str
    processing: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Attention:
    """What the order of the list depends on."""

    patient: Any
    alerts: OpenAlerts | None
    visits: VisitSummary | None
    deceased: bool

    def rank(self) -> tuple[Any, ...]:
        """Living before deceased; then alerts by severity and age; failures; work going on; longest without a scan."""
        alerts = self.alerts
        states = self.visits.states if self.visits else {}
        return (
            self.deceased,
            SEVERITY_RANK[alerts.severity] if alerts else len(SEVERITY_RANK),
            alerts.oldest if alerts else dt.date.max,
            not (states.get("failed") or states.get("parked")),
            not (states.get("running") or states.get("queued")),
            self.visits.last if self.visits else dt.date.min,
            self.patient.key,
        )


def by_attention(patients: Sequence[Any], headlines: dict[uuid.UUID, Headline]) -> list[Attention]:
    """The patients in order of what needs attention, in a fixed number of queries."""
    alerts = _open_alerts(patients)
    visits = imaging.visit_summaries(patients)
    found = [
        Attention(
            patient, alerts.get(patient.pk), visits.get(patient.pk), headlines[patient.pk].death is not None
        )
        for patient in patients
    ]
    return sorted(found, key=Attention.rank)


def visible_headlines(
    user: Any, *, search: str, with_names: bool
) -> tuple[list[Any], dict[uuid.UUID, Headline]]:
    """The patients in scope whose key holds the search words, with their headlines."""
    patients = selectors.patients_visible_to(user).order_by("key").distinct()
    if search:
        patients = patients.filter(key__icontains=search)
    found = list(patients)
    return found, selectors.headlines_of(found, with_names=with_names)


def rows_of(
    shown: Sequence[Attention], headlines: dict[uuid.UUID, Headline], today: dt.date
) -> list[WorklistRow]:
    """The lines of one page of the list."""
    changes = analytics.changes_of([item.patient for item in shown])
    return [
        WorklistRow(
            patient=item.patient,
            headline=headline_words(headlines[item.patient.pk], today),
            alerts=item.alerts,
            last_scan=date_words(item.visits.last) if item.visits else "none",
            scan_age=_age_words(item.visits, today),
            change=_change_words(changes.get(item.patient.pk)),
            processing=_processing(item.visits),
        )
        for item in shown
    ]


def _open_alerts(patients: Sequence[Any]) -> dict[uuid.UUID, OpenAlerts]:
    grouped: dict[uuid.UUID, list[Any]] = {}
    for alert in analytics.open_alerts(patients):
        grouped.setdefault(alert.patient_id, []).append(alert)
    return {patient_id: _summed(found) for patient_id, found in grouped.items()}


def _summed(alerts: list[Any]) -> OpenAlerts:
    worst = min(alerts, key=lambda alert: (SEVERITY_RANK[alert.severity], alert.occurred_on))
    return OpenAlerts(
        count=len(alerts),
        severity=worst.severity,
        label=worst.get_severity_display(),
        title=worst.title,
        oldest=min(alert.occurred_on for alert in alerts),
    )


def _age_words(visits: VisitSummary | None, today: dt.date) -> str:
    return f"{(today - visits.last).days // 7} wk ago" if visits else ""


def _change_words(assessment: Any) -> str:
    """Enhancing volume now against its nadir, % and mL, or why there is no such number."""
    rows = assessment.content.get("rows", []) if assessment is not None else []
    row = next((row for row in rows if (row["region"], row["quantity"]) == ("enhancing", "volume")), None)
    if row is None:
        return "not measured"
    change = row.get("vs_nadir")
    if change is None:
        return "no nadir yet"
    percent = "from 0" if change["percent"] is None else f"{change['percent']:+.0f} %"
    return f"{percent} ({change['absolute']:+.1f} mL)"


def _processing(visits: VisitSummary | None) -> list[tuple[str, str]]:
    """(words, badge) for whatever is not finished, else that all is measured."""
    if visits is None:
        return [("no scan", "neutral")]
    states = dict(visits.states)
    states["failed"] = states.get("failed", 0) + states.pop("parked", 0)
    unfinished = [(name, states.get(name, 0)) for name in UNFINISHED if states.get(name, 0)]
    if not unfinished:
        return [STATE_WORDS["done"]]
    return [(f"{count} {STATE_WORDS[name][0]}", STATE_WORDS[name][1]) for name, count in unfinished]
