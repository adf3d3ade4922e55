"""Looking at alerts: scope and audit in one step, so that no screen can have one without the other."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any

from django.db.models import QuerySet

from analytics import selectors
from analytics.models import Alert, AlertAct, AlertActKind, Severity
from analytics.services.change_table import measurement_points
from gliomon.common.errors import NotFound, PermissionRefused
from imaging.selectors import current_measurements
from patients.models import AuditAction, CtdnaResult, Patient, User
from patients.permissions import may
from patients.selectors import patients_visible_to, timeline_of
from patients.services.audit import audit_write
from patients.services.reading import patients_listed

LIST_LIMIT = 100  # alerts on one page; the rest is counted and reached by filters
OPEN, ACKNOWLEDGED, ALL = "open", "acknowledged", "all"
RULE_WORDS = {
    "ctdna_molecular_rise": "ctDNA rise",
    "enhancing_volume_beyond_nadir": "enhancing volume",
}
_BELOW = ("not_detected", "below_lod")


@dataclasses.dataclass(frozen=True)
class AlertFilter:
    """Which alerts to list; an empty word does not filter."""

    status: str = OPEN
    severity: str = ""
    rule: str = ""
    patient: str = ""


@dataclasses.dataclass(frozen=True)
class Act:
    """What somebody, or gliomon, did with an alert."""

    kind: str
    words: str
    by: str
    at: dt.datetime
    note: str


@dataclasses.dataclass(frozen=True)
class AlertLine:
    """One alert of the list."""

    id: str
    patient: str
    is_virtual: bool
    severity: str
    severity_words: str
    rule: str
    rule_words: str
    title: str
    sentence: str
    occurred_on: dt.date
    acknowledged: Act | None
    preliminary: bool
    backfilled: bool
    evidence_changed: bool


@dataclasses.dataclass(frozen=True)
class AlertPage:
    """The alerts that fit the filter: the first hundred, and how many there are."""

    lines: tuple[AlertLine, ...]
    fitting: int
    waiting: int
    everything: int


@dataclasses.dataclass(frozen=True)
class EvidencePoint:
    """One item that the alert rests on; `value` is None where the date is the fact."""

    record_id: str
    label: str
    value: float | None
    unit: str
    on: dt.date
    role: str


@dataclasses.dataclass(frozen=True)
class SeriesPoint:
    """Another value of the same series, drawn for context; `below_lod`: at its limit of detection."""

    on: dt.date
    value: float
    below_lod: bool = False


@dataclasses.dataclass(frozen=True)
class AlertDetail:
    """One alert with all that a person needs to judge it."""

    line: AlertLine
    rule_version: str
    reference: str
    clears_when: str
    evidence: tuple[EvidencePoint, ...]
    series: tuple[SeriesPoint, ...]
    missing: tuple[str, ...]
    limit_percent: float | None
    acts: tuple[Act, ...]
    created_at: dt.datetime
    may_acknowledge: bool


def alerts_list(*, user: User, chosen: AlertFilter, request_id: str = "") -> AlertPage:
    """List alerts of the patients that `user` looks after, open ones first, and write whose were shown."""
    _refuse_unless_may_view(user)
    everything: QuerySet[Any] = selectors.alerts_for(patients_visible_to(user))
    fitting = _fitting(everything, chosen)
    shown = list(fitting[:LIST_LIMIT])
    patients_listed(
        user=user,
        patients={alert.patient_id: alert.patient for alert in shown}.values(),
        what="alerts",
        request_id=request_id,
    )
    return AlertPage(
        lines=tuple(_line(alert) for alert in shown),
        fitting=fitting.count(),
        waiting=everything.filter(acknowledged=False).count(),
        everything=everything.count(),
    )


def alert_open(*, user: User, alert_id: str, request_id: str = "") -> AlertDetail:
    """Return one alert with its evidence and write that `user` looked; outside the user's scope it does not exist."""
    alert = alert_in_scope(user=user, alert_id=alert_id, request_id=request_id)
    audit_write(
        actor=user,
        action=AuditAction.VIEW,
        what="alert",
        patient=alert.patient,
        object_id=alert.pk,
        request_id=request_id,
    )
    return _detail(alert, user)


def alert_in_scope(*, user: User, alert_id: str, request_id: str = "") -> Alert:
    """The alert, if its patient is one that `user` looks after; else NotFound, and the attempt is written."""
    _refuse_unless_may_view(user)
    try:
        return selectors.alert_of(patients_visible_to(user), uuid.UUID(alert_id))
    except (ValueError, NotFound) as error:
        audit_write(
            actor=user,
            action=AuditAction.DENY,
            what="alert",
            object_id=alert_id[:64] if alert_id.isprintable() else "",
            request_id=request_id,
        )
        raise NotFound("alert_not_found", "no such alert among the patients you look after") from error


def _refuse_unless_may_view(user: User) -> None:
    if not may(user, "alert.view"):
        raise PermissionRefused("not_allowed", "your role may not look at alerts")


def _fitting(alerts: QuerySet[Any], chosen: AlertFilter) -> QuerySet[Any]:
    if chosen.status in (OPEN, ACKNOWLEDGED):
        alerts = alerts.filter(acknowledged=chosen.status == ACKNOWLEDGED)
    if chosen.severity:
        alerts = alerts.filter(severity=chosen.severity)
    if chosen.rule:
        alerts = alerts.filter(rule_id=chosen.rule)
    if chosen.patient:
        alerts = alerts.filter(patient__key__icontains=chosen.patient)
    return alerts


def _line(alert: Alert) -> AlertLine:
    acts = list(alert.acts.all())
    taken = next((act for act in acts if act.kind == AlertActKind.ACKNOWLEDGED), None)
    return AlertLine(
        id=str(alert.pk),
        patient=alert.patient.key,
        is_virtual=alert.patient.is_virtual,
        severity=alert.severity,
        severity_words=Severity(alert.severity).label,
        rule=alert.rule_id,
        rule_words=RULE_WORDS.get(alert.rule_id, alert.rule_id),
        title=alert.title,
        sentence=alert.sentence,
        occurred_on=alert.occurred_on,
        acknowledged=_act(taken) if taken else None,
        preliminary=bool(alert.evidence.get("preliminary", False)),
        backfilled=alert.backfilled,
        evidence_changed=any(act.kind == AlertActKind.EVIDENCE_CHANGED for act in acts),
    )


def _act(act: AlertAct) -> Act:
    return Act(act.kind, AlertActKind(act.kind).label, str(act.by) if act.by else "gliomon", act.at, act.note)


def _detail(alert: Alert, user: User) -> AlertDetail:
    evidence = tuple(_point(item) for item in alert.evidence.get("items", ()))
    return AlertDetail(
        line=_line(alert),
        rule_version=alert.rule_version,
        reference=alert.reference,
        clears_when=alert.clears_when,
        evidence=evidence,
        series=_series(alert, evidence),
        missing=tuple(alert.evidence.get("missing", ())),
        limit_percent=alert.evidence.get("limit_percent"),
        acts=tuple(_act(act) for act in alert.acts.all()),
        created_at=alert.created_at,
        may_acknowledge=may(user, "alert.acknowledge"),
    )


def _point(item: dict[str, Any]) -> EvidencePoint:
    return EvidencePoint(
        record_id=item["record_id"],
        label=item["label"],
        value=item["value"],
        unit=item["unit"],
        on=dt.date.fromisoformat(item["date"]),
        role=item["role"],
    )


def _series(alert: Alert, evidence: tuple[EvidencePoint, ...]) -> tuple[SeriesPoint, ...]:
    """The values of the series that the newest item of evidence belongs to, as they stand now."""
    current = next((point.record_id for point in evidence if point.role == "current"), "")
    if alert.rule_id == "enhancing_volume_beyond_nadir":
        return _volumes(alert.patient, current)
    if alert.rule_id == "ctdna_molecular_rise":
        return _fractions(alert.patient, current)
    return ()


def _volumes(patient: Patient, current: str) -> tuple[SeriesPoint, ...]:
    rows = list(current_measurements([patient]).filter(region="enhancing", quantity="volume"))
    points = measurement_points(rows).get(("enhancing", "volume", "total"), [])
    last = next((point for point in points if point.id == current), None)
    if last is None:
        return ()
    same = (
        point
        for point in points
        if point.value is not None
        and (point.method, point.method_version) == (last.method, last.method_version)
    )
    return tuple(SeriesPoint(point.on, float(point.value)) for point in same if point.value is not None)


def _fractions(patient: Patient, current: str) -> tuple[SeriesPoint, ...]:
    """Verified results of the same analyte, fluid, assay and laboratory; unverified ones feed no rule."""
    results = [result for result in timeline_of(patient).results if hasattr(result, "verification")]
    last = next((result for result in results if str(result.pk) == current), None)
    if last is None:
        return ()
    drawn = (_fraction(result) for result in results if _same_series(result, last))
    return tuple(sorted((point for point in drawn if point is not None), key=lambda point: point.on))


def _same_series(one: CtdnaResult, other: CtdnaResult) -> bool:
    return (one.analyte, one.assay, one.specimen.fluid, one.specimen.laboratory) == (
        other.analyte,
        other.assay,
        other.specimen.fluid,
        other.specimen.laboratory,
    )


def _fraction(result: CtdnaResult) -> SeriesPoint | None:
    below = result.detection in _BELOW
    value = result.lod_percent if below else result.vaf_percent
    if value is None or value <= 0:
        return None
    return SeriesPoint(result.specimen.collected_at.date(), float(value), below)
