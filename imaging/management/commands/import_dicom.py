"""`manage.py import_dicom PATH --patient KEY`: take in a folder as scanners and archives leave it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from gliomon.common import runs
from gliomon.common.errors import DomainError, NotFound
from gliomon.common.runs import RunState
from imaging import selectors
from imaging.models import ImagingRun, Timepoint
from imaging.pipeline.process import process
from imaging.services.intake import IntakeReport, study_import
from patients.command import PatientCommand
from patients.models import Patient, User
from patients.selectors import patients_visible_to, teams_of
from patients.services import people

# A run that no worker has taken after this long is computed by the waiting command itself; the claim keeps it single.
_PATIENCE_SECONDS = 10


class Command(PatientCommand):
    help = "Import DICOM files for one patient and compute their numbers."
    action = "study.import"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, nargs="+", help="files or folders, searched in depth")
        parser.add_argument("--patient", required=True, help="the patient's key")
        parser.add_argument("--create", action="store_true", help="create the patient if there is none")
        parser.add_argument("--team", help="care team of a created patient (needed where there are several)")
        parser.add_argument(
            "--confirm-patient",
            action="store_true",
            help="take the files although their sex, date of birth or patient ID contradict the record",
        )
        parser.add_argument("--wait", action="store_true", help="wait until the numbers are there")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        user = self.acting_user(options)
        for path in options["path"]:
            if not path.exists():
                raise NotFound("path_not_found", f"there is no {path}")
        patient = self._patient(user, options)
        report = study_import(
            patient=patient, paths=options["path"], by=user, confirmed=options["confirm_patient"]
        )
        if options["wait"]:
            for timepoint in report.timepoints:
                self._wait(timepoint)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(patient, report), indent=2))
        else:
            self._print(patient, report)

    def _patient(self, user: User, options: dict[str, Any]) -> Patient:
        key = options["patient"]
        found = patients_visible_to(user).filter(key=key).first()
        if found is not None:
            return found
        if not options["create"]:
            raise NotFound("patient_not_found", f"there is no patient {key}; add --create to make one")
        teams = teams_of(user)
        chosen = teams.filter(name=options["team"]) if options["team"] else teams
        if not chosen and not options["team"]:
            site = people.site_create(code="local", name="Local site")
            return people.patient_create(
                key=key, care_team=people.care_team_create(site=site, name="Neuro-oncology"), by=user
            )
        if len(chosen) != 1:
            names = ", ".join(sorted(team.name for team in teams)) or "none"
            raise DomainError(
                "team_unclear", f"say with --team which care team looks after the patient: {names}"
            )
        return people.patient_create(key=key, care_team=chosen[0], by=user)

    def _wait(self, timepoint: Timepoint) -> None:
        started = time.monotonic()
        while (run := selectors.runs_of(timepoint)[0]).state in (RunState.QUEUED, RunState.RUNNING):
            if run.state == RunState.QUEUED and time.monotonic() - started > _PATIENCE_SECONDS:
                self.stderr.write("no worker has taken it; computing here")
                runs.work(ImagingRun, str(run.pk), process)
                continue
            time.sleep(0.5)

    def _print(self, patient: Patient, report: IntakeReport) -> None:
        counts = report.as_json()
        self.stdout.write(
            f"{patient.key}: {counts['stored']} images stored, {counts['repeated']} were there already, "
            f"{len(counts['quarantined'])} quarantined, {len(counts['ignored'])} files ignored"
        )
        for item in counts["quarantined"][:20]:
            self.stdout.write(f"  quarantined {item['file']}: {item['reason']} [{item['code']}]")
        for timepoint in _as_json(patient, report)["timepoints"]:
            self.stdout.write(f"timepoint {timepoint['date']}")
            for series in timepoint["series"]:
                why = "; ".join(series["reason"])
                self.stdout.write(
                    f"  {series['kind']:<6} {series['confidence']:.2f}  {series['description']}  ({why})"
                )
            for step in timepoint["steps"]:
                self.stdout.write(f"  {step['name']:<10} {step['state']} {step['error']}")
            for row in timepoint["measurements"]:
                flags = f"  [{', '.join(row['flags'])}]" if row["flags"] else ""
                self.stdout.write(
                    f"  {row['region']} {row['quantity']} {row['statistic']}: {row['value']:.6g} {row['unit']}{flags}"
                )


def _as_json(patient: Patient, report: IntakeReport) -> dict[str, Any]:
    """The documented shape, with counts of files and the stored volumes beside it."""
    return {
        "patient": patient.key,
        "timepoints": [_timepoint_json(patient, timepoint) for timepoint in report.timepoints],
        "files": report.as_json(),
    }


def _timepoint_json(patient: Patient, timepoint: Timepoint) -> dict[str, Any]:
    run = selectors.runs_of(timepoint)[0]
    return {
        "date": timepoint.date.isoformat(),
        "state": run.state,
        "series": [
            {
                "uid": series.series_uid,
                "kind": series.kind,
                "confidence": series.confidence,
                "reason": "; ".join(series.reasons),
                "description": series.description,
            }
            for series in selectors.series_of(timepoint)
        ],
        "steps": [
            {
                "name": step.name,
                "state": step.state,
                "error": step.error,
                "seconds": step.seconds,
                "detail": step.detail,
            }
            for step in run.steps.all()
        ],
        "measurements": [
            {
                "region": row.region,
                "quantity": row.quantity,
                "statistic": row.statistic,
                "value": row.value,
                "unit": row.unit,
                "flags": row.flags,
            }
            for row in selectors.current_measurements([patient])
            if row.timepoint_id == timepoint.pk
        ],
        "volumes": [
            {"kind": volume.kind, "space": volume.space, "unit": volume.unit, "file": volume.file}
            for volume in selectors.current_volumes(timepoint)
        ],
    }
