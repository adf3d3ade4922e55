"""Readers of scans, processing and measurements."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from gliomon.common.errors import NotFound
from gliomon.common.runs import RunState
from imaging import storage
from imaging.compute.segmentation.labels import LEGEND, REGION_NAMES, LegendEntry
from imaging.models import (
    ImagingRun,
    Measurement,
    QuarantinedFile,
    Registration,
    Segmentation,
    Series,
    SeriesKind,
    Timepoint,
    UploadRun,
    Volume,
)
from imaging.pipeline.steps import STEP_TITLES
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
    return list(
        ImagingRun.objects.filter(timepoint=timepoint).order_by("-created_at").prefetch_related("steps")
    )


def _measuring_run(outer: str) -> Subquery:
    """The newest run of a timepoint that stored measurements: the last asked for, not the last to finish."""
    rows = Measurement.objects.filter(timepoint=OuterRef(outer)).order_by("-run__created_at")
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
        .order_by("run__created_at", "computed_at")
    )
    newest: dict[uuid.UUID, uuid.UUID] = {row.timepoint_id: row.run_id for row in rows}
    return [row for row in rows if newest[row.timepoint_id] == row.run_id]


def comparability(run_ids: Iterable[uuid.UUID]) -> dict[tuple[uuid.UUID, str], dict[str, Any]]:
    """What must be equal for two measurements to be compared, by (run, quantity).

    Quantities: "volume" (how the lesion was outlined), "adc", "nrcbv" and "k2" (how and on what they were measured).
    """
    runs = list(run_ids)
    found: dict[tuple[uuid.UUID, str], dict[str, Any]] = {}
    for segmentation in Segmentation.objects.filter(run__in=runs):
        found[segmentation.run_id, "volume"] = {
            "method": segmentation.method,
            "method_version": segmentation.version,
        }
    rows = Volume.objects.filter(run__in=runs, space="reference", kind__in=["adc", "rcbv", "k2"])
    volumes = list(rows)
    uids = {uid for row in volumes for uid in row.input_uids}
    scanners = dict(Series.objects.filter(series_uid__in=uids).values_list("series_uid", "scanner"))
    for row in volumes:
        quantity = {"rcbv": "nrcbv"}.get(row.kind, row.kind)
        scanner: dict[str, Any] = next((scanners[uid] for uid in row.input_uids if uid in scanners), {})
        found[row.run_id, quantity] = {
            "method": row.method,
            "normalisation": "contralateral white matter" if row.kind == "rcbv" else None,
            "scanner": scanner.get("model") or None,
            "scanner_software": scanner.get("software") or None,
            "field_strength_t": scanner.get("field_strength_t"),
        }
    return found


def current_volumes(timepoint: Timepoint) -> list[Volume]:
    """The volumes of the visit's newest run that made any, with their segmentation where they are one."""
    newest = Volume.objects.filter(timepoint=timepoint).order_by("-run__created_at").values("run")[:1]
    return list(
        Volume.objects.filter(timepoint=timepoint, run=Subquery(newest))
        .select_related("segmentation")
        .order_by("kind")
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


@dataclasses.dataclass(frozen=True)
class VisitSummary:
    """A patient's imaging visits in one line; `states` counts visits by the state of their newest run."""

    last: dt.date
    states: dict[str, int]


def visit_summaries(patients: Iterable[Patient]) -> dict[uuid.UUID, VisitSummary]:
    """The summary of each patient who has a visit, in one query."""
    newest = ImagingRun.objects.filter(timepoint=OuterRef("pk")).order_by("-created_at").values("state")[:1]
    visits = Timepoint.objects.filter(patient__in=list(patients)).annotate(state=Subquery(newest))
    found: dict[uuid.UUID, VisitSummary] = {}
    for patient_id, day, state in visits.order_by("date").values_list("patient_id", "date", "state"):
        before = found[patient_id].states if patient_id in found else {}
        name = state or "waiting"
        found[patient_id] = VisitSummary(day, {**before, name: before.get(name, 0) + 1})
    return found


def series_one(patient: Patient, series_id: uuid.UUID) -> Series:
    """One series of this patient."""
    rows = Series.objects.filter(study__timepoint__patient=patient, pk=series_id)
    found = rows.select_related("study__timepoint__patient").first()
    if found is None:
        raise NotFound("series_not_found", "this patient has no such series")
    return found


def run_one(patient: Patient, run_id: uuid.UUID) -> ImagingRun:
    """One processing run of this patient."""
    found = (
        ImagingRun.objects.filter(timepoint__patient=patient, pk=run_id)
        .select_related("timepoint__patient")
        .first()
    )
    if found is None:
        raise NotFound("run_not_found", "this patient has no such computation")
    return found


def upload_one(patient: Patient, upload_id: uuid.UUID) -> UploadRun:
    """One upload for this patient."""
    found = UploadRun.objects.filter(patient=patient, pk=upload_id).first()
    if found is None:
        raise NotFound("upload_not_found", "there is no such upload for this patient")
    return found


def unfinished_uploads(patients: QuerySet[Patient]) -> QuerySet[UploadRun]:
    """Uploads that wait, are being taken in, or failed, for the patients given; oldest first."""
    rows = UploadRun.objects.filter(patient__in=patients).exclude(state=RunState.DONE)
    return rows.select_related("patient", "requested_by").order_by("created_at")


def volume_path(volume: Volume) -> Path:
    """Where a stored volume's file lies."""
    path = storage.media_path(volume.file)
    if not path.is_file():
        raise NotFound("volume_file_missing", "the file of this volume is not there")
    return path


# Flags of the steps themselves; those of the arithmetic are told by `imaging.compute.quality`.
_STEP_FLAGS = {
    "alignment_refused": "The series could not be aligned better than the scanner's own position.",
    "scanner_map": "The scanner's own ADC map was taken: no diffusion series could be fitted.",
}


def flag_sentences(flags: Iterable[str]) -> list[str]:
    """Each quality flag as a sentence for people, once."""
    from imaging.compute.quality import explain

    return [_STEP_FLAGS.get(flag) or explain(flag) for flag in dict.fromkeys(flags)]


def step_title(name: str) -> str:
    """What a processing step does, for people."""
    return STEP_TITLES.get(name, name)


def region_name(region: str) -> str:
    """A measured region's name for people."""
    return REGION_NAMES.get(region, region)


def label_legend() -> list[tuple[int, LegendEntry]]:
    """The values of a label volume with their names and colours, in the order of the legend."""
    return [(int(label), entry) for label, entry in LEGEND.items()]


_VOLUME_NAMES = {
    "t1": "T1",
    "t1ce": "T1 post-contrast",
    "t2": "T2",
    "flair": "FLAIR",
    "dwi": "Diffusion",
    "dsc": "Perfusion series",
    "adc": "ADC",
    "adc_scanner": "Scanner's ADC map",
    "rcbv": "nRCBV",
    "rcbv_uncorrected": "nRCBV without leakage correction",
    "k2": "K2 (leakage)",
    "labels": "Lesion outline",
    "nawm": "Normal white matter",
    "brain": "Brain mask",
}


def volume_name(kind: str) -> str:
    """A kind of volume for people."""
    return _VOLUME_NAMES.get(kind, kind)


def series_kinds() -> list[tuple[str, str]]:
    """What a series can be said to be."""
    return [(str(value), str(label)) for value, label in SeriesKind.choices]


def visits_in_order(patient: Patient) -> list[Timepoint]:
    """The imaging visits alone, oldest first."""
    return list(Timepoint.objects.filter(patient=patient).order_by("date"))
