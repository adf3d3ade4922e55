"""Readers of assessments, alerts and cohorts."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from analytics.models import Alert, AlertAct, AlertActKind, Assessment, AssessmentRun, Cohort, CohortSubject
from gliomon.common.errors import NotFound
from gliomon.common.runs import RunState
from patients.models import Patient


def alerts_for(patients: QuerySet[Patient]) -> QuerySet[Alert]:
    """Alerts of the given patients, newest first; `.acknowledged` says whether somebody has taken it."""
    acts = AlertAct.objects.select_related("by").order_by("at")
    acknowledged = AlertAct.objects.filter(alert=OuterRef("pk"), kind=AlertActKind.ACKNOWLEDGED)
    return (
        Alert.objects.filter(patient__in=patients)
        .select_related("patient")
        .annotate(acknowledged=Exists(acknowledged))
        .prefetch_related(Prefetch("acts", queryset=acts))
        .order_by("acknowledged", "-occurred_on", "-created_at")
    )


def alert_of(patients: QuerySet[Patient], alert_id: uuid.UUID) -> Alert:
    """One alert among the given patients."""
    found = alerts_for(patients).filter(pk=alert_id).first()
    if found is None:
        raise NotFound("alert_not_found", "no such alert among the patients you look after")
    return found


def change_of(patient: Patient) -> Assessment | None:
    """The newest change table of a patient, or None when nothing was measured yet."""
    return Assessment.objects.filter(patient=patient, kind="change").order_by("-computed_at").first()


def changes_of(patients: Iterable[Patient]) -> dict[uuid.UUID, Assessment]:
    """The newest change table of each patient that has one."""
    rows = Assessment.objects.filter(patient__in=list(patients), kind="change").order_by("computed_at")
    return {row.patient_id: row for row in rows}


def assessment_pending(patient: Patient) -> bool:
    """Whether an assessment of this patient still waits or works."""
    return AssessmentRun.objects.filter(
        patient=patient, state__in=[RunState.QUEUED, RunState.RUNNING]
    ).exists()


def cohorts() -> QuerySet[Cohort]:
    """All cohorts by name."""
    return Cohort.objects.order_by("name")


def cohort_named(name: str) -> Cohort:
    """One cohort."""
    found = Cohort.objects.filter(name=name).first()
    if found is None:
        raise NotFound("cohort_not_found", f"there is no cohort named {name}")
    return found


def cohort_rows(cohort: Cohort) -> list[dict[str, Any]]:
    """One dict per subject: subject, time_days, event, source_diagnosis and every field, flat."""
    rows = CohortSubject.objects.filter(cohort=cohort).order_by("subject")
    return [
        {
            "subject": subject,
            "time_days": time_days,
            "event": event,
            "source_diagnosis": diagnosis,
            **fields,
        }
        for subject, time_days, event, diagnosis, fields in rows.values_list(
            "subject", "time_days", "event", "source_diagnosis", "fields"
        )
    ]


def open_alerts(patients: Iterable[Patient]) -> QuerySet[Alert]:
    """Alerts that nobody has taken yet, of the given patients, oldest evidence first."""
    acknowledged = AlertAct.objects.filter(alert=OuterRef("pk"), kind=AlertActKind.ACKNOWLEDGED)
    rows = Alert.objects.filter(patient__in=list(patients)).filter(~Exists(acknowledged))
    return rows.order_by("occurred_on", "created_at")
