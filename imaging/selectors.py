"""Readers of scans, processing and measurements."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from gliomon.common.errors import NotFound
from gliomon.common.runs import RunState
from imaging.models import (
    ImagingRun,
    Measurement,
    QuarantinedFile,
    Registration,
    Segmentation,
    Series,
    Timepoint,
    Volume,
)
from patients.models import Patient


def timepoints_of(patient: Patient) -> list[Timepoint]:
    """The imaging visits of a patient, oldest first, with series, runs and steps, in a fixed number of queries."""
    runs = ImagingRun.objects.order_by("-created_at").prefetch_related("steps")
    series = Series.objects.order_by("number")
    return list(
        Timepoint.objects.filter(patient=patient)
        .order_by("date")
        .prefetch_related(
            Prefetch("runs", queryset=runs),
            Prefetch("studies__series", queryset=series),
        )
    )


def timepoint_of(patient: Patient, timepoint_id: uuid.UUID) -> Timepoint:
    """One imaging visit of this patient."""
    found = Timepoint.objects.filter(patient=patient, pk=timepoint_id).first()
    if found is None:
        raise NotFound("timepoint_not_found", "this patient has no such imaging visit")
    return found


def series_of(timepoint: Timepoint) -> list[Series]:
    """All series of a visit, by number."""
    return list(Series.objects.filter(study__timepoint=timepoint).order_by("number", "series_uid"))


def runs_of(timepoint: Timepoint) -> list[ImagingRun]:
    """The runs of a visit, newest first, with their steps."""
    return list(ImagingRun.objects.filter(timepoint=timepoint).order_by("-created_at").prefetch_related("steps"))


def _measuring_run(outer: str) -> Subquery:
    """The newest run of a timepoint that stored measurements."""
    rows = Measurement.objects.filter(timepoint=OuterRef(outer)).order_by("-computed_at")
    return Subquery(rows.values("run")[:1])


def current_measurements(patients: Iterable[Patient]) -> QuerySet[Measurement]:
    """The measurements that stand now: of each timepoint those of its newest measuring run."""
    return (
        Measurement.objects.filter(timepoint__patient__in=list(patients))
        .filter(run=_measuring_run("timepoint"))
        .select_related("timepoint")
        .order_by("timepoint__date", "region", "quantity", "statistic")
    )


def measurements_as_of(patient: Patient, moment: dt.datetime) -> list[Measurement]:
    """The measurements that stood at `moment` (by when they were computed)."""
    rows = (
        Measurement.objects.filter(timepoint__patient=patient, computed_at__lte=moment)
        .select_related("timepoint")
        .order_by("computed_at")
    )
    newest: dict[uuid.UUID, uuid.UUID] = {row.timepoint_id: row.run_id for row in rows}
    return [row for row in rows if newest[row.timepoint_id] == row.run_id]


def current_volumes(timepoint: Timepoint) -> list[Volume]:
    """The volumes of the visit's newest run that made any, with their segmentation where they are one."""
    newest = Volume.objects.filter(timepoint=timepoint).order_by("-created_at").values("run")[:1]
    return list(
        Volume.objects.filter(timepoint=timepoint, run=Subquery(newest)).select_related("segmentation").order_by("kind")
    )


def volume_of(patient: Patient, volume_id: uuid.UUID) -> Volume:
    """One stored volume of this patient."""
    found = Volume.objects.filter(timepoint__patient=patient, pk=volume_id).first()
    if found is None:
        raise NotFound("volume_not_found", "this patient has no such volume")
    return found


def registrations_of(run: ImagingRun) -> list[Registration]:
    """How the sequences of a run were aligned."""
    return list(Registration.objects.filter(run=run).order_by("moving_kind"))


def segmentation_of(run: ImagingRun) -> Segmentation | None:
    """The run's segmentation, if it made one."""
    return Segmentation.objects.filter(run=run).select_related("volume").first()


def quarantined_of(patient: Patient) -> list[QuarantinedFile]:
    """Files that came for this patient and were not taken in."""
    return list(QuarantinedFile.objects.filter(patient=patient).order_by("-received_at")[:200])


def unfinished_runs(patients: QuerySet[Patient]) -> QuerySet[ImagingRun]:
    """Runs that wait, work or failed, for the patients given."""
    return (
        ImagingRun.objects.filter(timepoint__patient__in=patients)
        .exclude(state=RunState.DONE)
        .select_related("timepoint__patient")
        .prefetch_related("steps")
        .order_by("created_at")
    )
