"""Alerts are raised in the transaction of the assessment that caused them, and acknowledged by people."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction

from analytics.compute.alert_rules import (
    CtdnaPoint,
    Firing,
    RadiotherapyEnd,
    SurgeryPoint,
    VolumePoint,
    ctdna_rise_by_series,
    enhancing_volume_beyond_nadir,
)
from analytics.models import Alert, AlertAct, AlertActKind
from analytics.services.change_table import measurement_points
from gliomon.common.errors import Conflict, PermissionRefused
from imaging.models import Measurement
from patients.models import AuditAction, CtdnaResult, Patient, User
from patients.permissions import may
from patients.selectors import Timeline
from patients.services.audit import audit_write

# What the rule's arithmetic distinguishes: at or above the LoD, below it, or nothing can be said.
_OUTCOMES = {
    "detected": "detected",
    "below_lod": "not_detected",
    "not_detected": "not_detected",
    "not_evaluable": "not_evaluable",
}


def alerts_judge(*, timeline: Timeline, measurements: list[Measurement]) -> list[Alert]:
    """Apply every rule to every day of the history, and raise what was not raised before.

    Each rule sees for each day only what had happened by then, so a history that is loaded late raises the alerts
    that it would have raised, marked as backfilled.
    """
    raised = []
    for found, backfilled in [*_volume_firings(timeline, measurements), *_ctdna_firings(timeline)]:
        alert = alert_raise(patient=timeline.patient, found=found, backfilled=backfilled)
        if alert is not None:
            raised.append(alert)
    _note_changed_evidence(timeline, measurements)
    return raised


def _volume_firings(timeline: Timeline, measurements: list[Measurement]) -> list[tuple[Firing, bool]]:
    late = {str(row.pk): row.timepoint.backfilled for row in measurements}
    points = [
        VolumePoint(point.id, point.on, point.value, point.method, point.method_version)
        for point in measurement_points(measurements).get(("enhancing", "volume", "total"), [])
    ]
    points.sort(key=lambda point: point.scan_on)
    found = []
    for count in range(2, len(points) + 1):
        seen = points[:count]
        answer = enhancing_volume_beyond_nadir(
            seen, radiotherapy_end=_radiotherapy_end(timeline, seen[-1].scan_on)
        )
        if isinstance(answer, Firing):
            found.append((answer, any(late.get(item.record_id, False) for item in answer.evidence)))
    return found


def _radiotherapy_end(timeline: Timeline, day: dt.date) -> RadiotherapyEnd | None:
    """The newest course that had ended by the day."""
    ended = [
        RadiotherapyEnd(str(course.pk), course.ended_on)
        for course in timeline.radiotherapies
        if course.ended_on is not None and course.ended_on <= day
    ]
    return max(ended, key=lambda course: course.on, default=None)


def _ctdna_firings(timeline: Timeline) -> list[tuple[Firing, bool]]:
    late = {str(result.pk): result.backfilled for result in timeline.results}
    points = [_ctdna_point(result) for result in timeline.results if result.detection in _OUTCOMES]
    surgeries = [SurgeryPoint(str(surgery.pk), surgery.occurred_on) for surgery in timeline.surgeries]
    found: dict[str, tuple[Firing, bool]] = {}
    for day in sorted({point.collected_on for point in points}):
        seen = [point for point in points if point.collected_on <= day]
        for answer in ctdna_rise_by_series(seen, surgeries=surgeries):
            if isinstance(answer, Firing):
                backfilled = any(late.get(item.record_id, False) for item in answer.evidence)
                found[answer.evidence_key] = (answer, backfilled)
    return list(found.values())


def _ctdna_point(result: CtdnaResult) -> CtdnaPoint:
    return CtdnaPoint(
        id=str(result.pk),
        collected_on=result.specimen.collected_at.date(),
        analyte=result.analyte,
        matrix=result.specimen.fluid,
        assay=result.assay,
        laboratory=result.specimen.laboratory,
        outcome=_OUTCOMES[result.detection],  # type: ignore[arg-type]
        vaf_percent=float(result.vaf_percent) if result.vaf_percent is not None else None,
        lod_percent=float(result.lod_percent) if result.lod_percent is not None else None,
        verified=hasattr(result, "verification"),
    )


@transaction.atomic
def alert_raise(*, patient: Patient, found: Firing, backfilled: bool = False) -> Alert | None:
    """Write the alert and return it; None where this rule has alerted on this evidence before."""
    newest = max(item.date for item in found.evidence)
    alert, created = Alert.objects.get_or_create(
        patient=patient,
        rule_id=found.rule_id,
        evidence_key=found.evidence_key,
        defaults={
            "rule_version": found.rule_version,
            "severity": found.severity,
            "title": f"{found.title} (preliminary)" if found.preliminary else found.title,
            "sentence": found.sentence[:600],
            "reference": found.reference[:300],
            "clears_when": found.clears_when[:300],
            "occurred_on": newest,
            "evidence": {
                "items": [_evidence(item) for item in found.evidence],
                "missing": list(found.missing),
                "limit_percent": found.limit_percent,
                "preliminary": found.preliminary,
            },
            "backfilled": backfilled,
        },
    )
    return alert if created else None


def _evidence(item: Any) -> dict[str, Any]:
    return dataclasses.asdict(item) | {"date": item.date.isoformat()}


def _note_changed_evidence(timeline: Timeline, measurements: list[Measurement]) -> None:
    """Say on an alert, once, that something it rests on was corrected or recomputed; it is never closed by itself."""
    standing = {str(row.pk) for row in measurements}
    standing |= {str(result.pk) for result in timeline.results}
    standing |= {str(course.pk) for course in timeline.radiotherapies}
    standing |= {str(surgery.pk) for surgery in timeline.surgeries}
    for alert in Alert.objects.filter(patient=timeline.patient):
        gone = [item for item in alert.evidence["items"] if item["record_id"] not in standing]
        already = alert.acts.filter(kind=AlertActKind.EVIDENCE_CHANGED).exists()
        if gone and not already:
            AlertAct.objects.create(
                alert=alert,
                kind=AlertActKind.EVIDENCE_CHANGED,
                note="; ".join(f"{item['label']} of {item['date']} was replaced" for item in gone)[:500],
            )


@transaction.atomic
def alert_acknowledge(*, alert: Alert, by: User, note: str = "", request_id: str = "") -> AlertAct:
    """Take an alert: who, when, and what they want to say about it."""
    if not may(by, "alert.acknowledge"):
        raise PermissionRefused("not_allowed", "your role may not acknowledge alerts")
    try:
        with transaction.atomic():
            act = AlertAct.objects.create(
                alert=alert, kind=AlertActKind.ACKNOWLEDGED, by=by, note=note.strip()[:500]
            )
    except IntegrityError as error:
        raise Conflict("already_acknowledged", "somebody has acknowledged this alert already") from error
    audit_write(
        actor=by,
        action=AuditAction.ACKNOWLEDGE,
        what="alert",
        patient=alert.patient,
        object_id=alert.pk,
        request_id=request_id,
    )
    return act
