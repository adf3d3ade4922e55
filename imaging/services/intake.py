"""DICOM files come in here: scanned in a limited child, stored under their hash, sorted into a patient's timepoints."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from gliomon.common.errors import DomainError, PermissionRefused
from imaging import storage
from imaging.compute.dicom.header import InstanceHeader
from imaging.compute.dicom.scan import ScanResult, SeriesGroup, StudyGroup, scan_files
from imaging.compute.dicom.series import recognise
from imaging.models import Instance, QuarantinedFile, Series, Study, Timepoint
from imaging.services.processing import processing_request
from imaging.services.whose_scans import disagreements
from patients.models import AuditAction, Patient, User
from patients.permissions import may
from patients.selectors import surgery_days
from patients.services.audit import audit_write

# Not worth a person's attention: what every export leaves beside its images.
_SILENT_CODES = {"not_dicom", "dicomdir_ignored", "not_image"}


@dataclasses.dataclass
class IntakeReport:
    """What came of an import; every file is counted once."""

    timepoints: list[Timepoint] = dataclasses.field(default_factory=list)
    stored: int = 0
    repeated: int = 0
    ignored: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    quarantined: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Counts and reasons, for the command line and the upload page."""
        return {
            "stored": self.stored,
            "repeated": self.repeated,
            "ignored": [{"file": Path(p).name, "code": c, "reason": r} for p, c, r in self.ignored],
            "quarantined": [{"file": Path(p).name, "code": c, "reason": r} for p, c, r in self.quarantined],
        }


@dataclasses.dataclass(frozen=True)
class _Arrival:
    """A readable instance with its stored bytes."""

    header: InstanceHeader
    sha256: str
    file: str


def study_import(
    *,
    patient: Patient,
    paths: Iterable[Path],
    by: User,
    confirmed: bool = False,
    backfilled: bool = False,
    request_id: str = "",
) -> IntakeReport:
    """Take in files or folders for one patient and ask for the processing of every timepoint that changed.

    The same instance again changes nothing; the same instance UID with other bytes is quarantined. Files whose sex,
    date of birth or patient ID contradict the record are refused unless somebody has `confirmed` whose they are.
    """
    if not may(by, "study.import"):
        raise PermissionRefused("not_allowed", "your role may not import scans")
    scan = scan_files(paths)
    _refuse_unusable(scan)
    doubts = disagreements(patient, scan.instances)
    if doubts and not confirmed:
        raise DomainError(
            "patient_mismatch",
            f"perhaps another patient's scans: {'; '.join(doubts.values())}. Check whose they are; "
            "if they are this patient's, send them again with the confirmation",
        )
    arrivals = [_store(header) for header in scan.instances]
    storage.make_durable()
    with transaction.atomic():
        return _take_in(patient, scan, arrivals, by, backfilled, request_id, sorted(doubts))


def _refuse_unusable(scan: ScanResult) -> None:
    if not scan.instances:
        reasons = sorted({f"{item.code}: {item.reason}" for item in scan.unreadable})[:3]
        raise DomainError(
            "no_dicom_images",
            f"no readable DICOM image among {len(scan.unreadable)} files"
            + (f" ({'; '.join(reasons)})" if reasons else ""),
        )
    owners = {header.patient_id.strip() for header in scan.instances if header.patient_id.strip()}
    if len(owners) > 1:
        raise DomainError(
            "two_patients",
            f"the files carry {len(owners)} different patient IDs; import one patient at a time",
        )


def _store(header: InstanceHeader) -> _Arrival:
    path = Path(header.path)
    digest = storage.sha256_of(path)
    return _Arrival(header, digest, storage.store_dicom(path, digest))


def _take_in(
    patient: Patient,
    scan: ScanResult,
    arrivals: list[_Arrival],
    by: User,
    backfilled: bool,
    request_id: str,
    confirmed_despite: list[str],
) -> IntakeReport:
    report = IntakeReport(repeated=len(scan.repeated))
    _sort_out_unreadable(patient, scan, report)
    fresh = _only_new(patient, arrivals, report)
    touched: dict[Any, Timepoint] = {}
    for study in scan.studies:
        timepoint = _take_in_study(patient, study, fresh, report, backfilled)
        if timepoint is not None:
            touched[timepoint.pk] = timepoint
    report.timepoints = sorted(touched.values(), key=lambda timepoint: timepoint.date)
    for timepoint in report.timepoints:
        processing_request(timepoint=timepoint, by=by)
    audit_write(
        actor=by,
        action=AuditAction.CREATE,
        what="imaging study",
        patient=patient,
        request_id=request_id,
        detail={
            "stored": report.stored,
            "repeated": report.repeated,
            "quarantined": len(report.quarantined),
            "confirmed_despite": confirmed_despite,
        },
    )
    return report


def _sort_out_unreadable(patient: Patient, scan: ScanResult, report: IntakeReport) -> None:
    for item in scan.unreadable:
        if item.code in _SILENT_CODES:
            report.ignored.append((item.path, item.code, item.reason))
        else:
            _quarantine(patient, report, path=item.path, code=item.code, reason=item.reason)


def _quarantine(
    patient: Patient,
    report: IntakeReport,
    *,
    path: str,
    code: str,
    reason: str,
    sop_uid: str = "",
    sha256: str = "",
) -> None:
    report.quarantined.append((path, code, reason))
    QuarantinedFile.objects.create(
        patient=patient, sop_uid=sop_uid, sha256=sha256, code=code, reason=reason[:500]
    )


def _only_new(patient: Patient, arrivals: list[_Arrival], report: IntakeReport) -> dict[str, _Arrival]:
    """Arrivals that are not stored yet, by SOP instance UID."""
    uids = [arrival.header.sop_uid for arrival in arrivals]
    stored = dict(Instance.objects.filter(sop_uid__in=uids).values_list("sop_uid", "sha256"))
    fresh: dict[str, _Arrival] = {}
    for arrival in arrivals:
        known = stored.get(arrival.header.sop_uid)
        if known is None:
            fresh[arrival.header.sop_uid] = arrival
        elif known == arrival.sha256:
            report.repeated += 1
        else:
            _quarantine(
                patient,
                report,
                path=arrival.header.path,
                code="same_uid_other_bytes",
                reason="an image with the same identifier but other content is stored already",
                sop_uid=arrival.header.sop_uid,
                sha256=arrival.sha256,
            )
    return fresh


def _take_in_study(
    patient: Patient, group: StudyGroup, fresh: dict[str, _Arrival], report: IntakeReport, backfilled: bool
) -> Timepoint | None:
    known = Study.objects.filter(study_uid=group.uid).select_related("timepoint").first()
    if known is not None and known.timepoint.patient_id != patient.pk:
        raise DomainError("study_of_other_patient", "this study is stored for another patient already")
    day = _study_day(group)
    if day is None:
        for header in (header for series in group.series for header in series.headers):
            _quarantine(
                patient,
                report,
                path=header.path,
                code="dicom_invalid_study_date",
                reason=f"study date {group.date[:20]!r} is no date",
                sop_uid=header.sop_uid,
            )
        return None
    study = known or Study.objects.create(
        timepoint=_timepoint_for(patient, day, backfilled), study_uid=group.uid, study_date=day
    )
    for series in group.series:
        report.stored += _take_in_series(study, series, fresh)
    return study.timepoint


def _study_day(group: StudyGroup) -> dt.date | None:
    try:
        return dt.datetime.strptime(group.date, "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None


def _timepoint_for(patient: Patient, day: dt.date, backfilled: bool) -> Timepoint:
    """The visit within the window around `day`, nearest first, or a new one.

    Scans before and after an operation are never one visit, however close they lie.
    """
    window = dt.timedelta(days=settings.TIMEPOINT_WINDOW_DAYS)
    surgeries = surgery_days(patient)
    near = [
        timepoint
        for timepoint in Timepoint.objects.select_for_update().filter(
            patient=patient, date__range=(day - window, day + window)
        )
        if not _operated_between(timepoint.date, day, surgeries)
    ]
    found = min(near, key=lambda timepoint: abs(timepoint.date - day), default=None)
    return found or Timepoint.objects.create(patient=patient, date=day, backfilled=backfilled)


def _operated_between(one: dt.date, other: dt.date, surgeries: list[dt.date]) -> bool:
    first, last = sorted((one, other))
    return first != last and any(first <= surgery <= last for surgery in surgeries)


def _take_in_series(study: Study, group: SeriesGroup, fresh: dict[str, _Arrival]) -> int:
    arrivals = [fresh[header.sop_uid] for header in group.headers if header.sop_uid in fresh]
    if not arrivals:
        return 0
    series = Series.objects.filter(series_uid=group.uid).first()
    if series is not None and series.study_id != study.pk:
        raise DomainError(
            "series_in_two_studies", "a series with this identifier belongs to another study already"
        )
    earlier = headers_of(series) if series is not None else []
    described = _describe([*earlier, *(arrival.header for arrival in arrivals)])
    if series is None:
        series = Series.objects.create(study=study, series_uid=group.uid, number=group.number, **described)
    else:
        Series.objects.filter(pk=series.pk).update(**described)
    Instance.objects.bulk_create(
        Instance(
            series=series,
            sop_uid=arrival.header.sop_uid,
            sha256=arrival.sha256,
            file=arrival.file,
            header=dataclasses.replace(arrival.header, path="").to_json(),
        )
        for arrival in arrivals
    )
    return len(arrivals)


def _describe(headers: list[InstanceHeader]) -> dict[str, Any]:
    recognition = recognise(headers)
    first = headers[0]
    return {
        "description": first.description[:200],
        "recognised_kind": recognition.kind,
        "confidence": recognition.confidence,
        "reasons": list(recognition.reasons),
        "scanner": {
            "manufacturer": first.manufacturer,
            "model": first.model,
            "software": first.software,
            "field_strength_t": first.field_strength_t,
            "synthetic": first.is_synthetic,
        },
    }


def headers_of(series: Series) -> list[InstanceHeader]:
    """The stored headers of a series, with paths to the stored bytes."""
    rows = Instance.objects.filter(series=series).order_by("sop_uid").values_list("header", "file")
    return [
        dataclasses.replace(InstanceHeader.from_json(header), path=str(storage.media_path(file)))
        for header, file in rows
    ]


def series_by_kind(timepoint: Timepoint) -> dict[str, list[Series]]:
    """The visit's series by what they are, the most certain and largest first."""
    from django.db.models import Count

    found: dict[str, list[Series]] = defaultdict(list)
    rows = Series.objects.filter(study__timepoint=timepoint).annotate(size=Count("instances"))
    for series in sorted(rows, key=lambda row: (not row.chosen_kind, -row.confidence, -row.size)):
        found[series.kind].append(series)
    return found
