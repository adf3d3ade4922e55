"""Readers of the clinical record."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from gliomon.common.record import Knowledge
from patients.models import (
    CareTeam,
    ClinicalStatus,
    CtdnaResult,
    Diagnosis,
    Histology,
    MolecularMarker,
    Outcome,
    Patient,
    PatientIdentity,
    RadiologyRead,
    Radiotherapy,
    ResultDraft,
    Role,
    Specimen,
    SteroidDose,
    Surgery,
    SystemicTherapy,
    User,
)

TEAM_ROLES = {Role.CLINICIAN, Role.RADIOLOGIST, Role.NURSE}


def patients_visible_to(user: User) -> QuerySet[Patient]:
    """The patients a user may see: clinical roles those of their teams at their site, data managers their site's.

    Researchers and administrators see no patient; gliomon itself sees all.
    """
    patients = Patient.objects.select_related("site", "care_team")
    if not user.is_active:
        return patients.none()
    if user.role == Role.SYSTEM:
        return patients
    if user.role == Role.DATA_MANAGER:
        return patients.filter(site=user.site)
    if user.role in TEAM_ROLES:
        return patients.filter(site=user.site, care_team__members=user)
    return patients.none()


def identity_of(patient: Patient) -> PatientIdentity | None:
    """The patient's identity row, or None when there is none (pseudonymous, or erased)."""
    return PatientIdentity.objects.filter(patient=patient).first()


def teams_of(user: User) -> QuerySet[CareTeam]:
    """The care teams that a user may put a new patient into."""
    if user.role == Role.SYSTEM:
        return CareTeam.objects.all()
    if user.role == Role.DATA_MANAGER:
        return CareTeam.objects.filter(site=user.site)
    return CareTeam.objects.filter(site=user.site, members=user)


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Everything that was known of a patient at a moment, by kind, in order of occurrence."""

    patient: Patient
    as_of: dt.datetime
    knowledge: Knowledge
    diagnoses: list[Diagnosis]
    histologies: list[Histology]
    markers: list[MolecularMarker]
    surgeries: list[Surgery]
    radiotherapies: list[Radiotherapy]
    therapies: list[SystemicTherapy]
    steroids: list[SteroidDose]
    statuses: list[ClinicalStatus]
    reads: list[RadiologyRead]
    outcomes: list[Outcome]
    specimens: list[Specimen]
    results: list[CtdnaResult]

    @property
    def radiotherapy_end(self) -> dt.date | None:
        """Last day of the first completed course that is not a re-irradiation."""
        ends = [r.ended_on for r in self.radiotherapies if r.ended_on is not None and not r.is_reirradiation]
        return min(ends) if ends else None

    @property
    def death(self) -> dt.date | None:
        """Day of death, if recorded."""
        return next((o.occurred_on for o in self.outcomes if o.kind == "death"), None)

    def marker(self, name: str, source: str = "tissue") -> MolecularMarker | None:
        """The newest status of a marker from one source."""
        found = [m for m in self.markers if m.marker == name and m.source == source]
        return found[-1] if found else None

    def steroid_on(self, day: dt.date) -> SteroidDose | None:
        """The dose in force on a day, or None when nothing was recorded by then."""
        before = [dose for dose in self.steroids if dose.occurred_on <= day]
        return before[-1] if before else None


def timeline_of(
    patient: Patient, *, as_of: dt.datetime | None = None, knowledge: Knowledge = "gliomon"
) -> Timeline:
    """Read the whole record of a patient as it stood at `as_of` (default: now), in a fixed number of queries."""
    moment = as_of or timezone.now()

    def rows(model: Any) -> list[Any]:
        return list(model.objects.as_of(moment, knowledge).filter(patient=patient))

    results = CtdnaResult.objects.as_of(moment, knowledge).filter(patient=patient)
    return Timeline(
        patient=patient,
        as_of=moment,
        knowledge=knowledge,
        diagnoses=rows(Diagnosis),
        histologies=rows(Histology),
        markers=rows(MolecularMarker),
        surgeries=rows(Surgery),
        radiotherapies=rows(Radiotherapy),
        therapies=rows(SystemicTherapy),
        steroids=rows(SteroidDose),
        statuses=rows(ClinicalStatus),
        reads=rows(RadiologyRead),
        outcomes=rows(Outcome),
        specimens=rows(Specimen),
        results=list(results.select_related("specimen", "verification", "verification__verified_by")),
    )


def results_with_history(patient: Patient) -> list[CtdnaResult]:
    """Every ctDNA row of the patient, superseded ones included, oldest first, for the nurse's grid."""
    rows = CtdnaResult.objects.filter(patient=patient, entered_in_error=False)
    return list(
        rows.select_related(
            "specimen", "recorded_by", "verification", "verification__verified_by", "superseded_by"
        )
    )


def specimens_of(patient: Patient) -> list[Specimen]:
    """The patient's tubes that stand, in order of collection."""
    return list(Specimen.objects.current().filter(patient=patient).order_by("collected_at"))


def specimens_retracted(patient: Patient) -> list[Specimen]:
    """The marks that say which tubes were entered in error, why and by whom."""
    rows = Specimen.objects.filter(patient=patient, entered_in_error=True)
    return list(rows.select_related("recorded_by"))


def draft_of(patient: Patient, user: User) -> ResultDraft | None:
    """The user's unfinished entry for this patient."""
    return ResultDraft.objects.filter(patient=patient, by=user).first()


def record_history(record: Any) -> list[Any]:
    """All versions of a record, oldest first."""
    model = type(record)
    versions = [record]
    while versions[0].supersedes_id is not None:
        versions.insert(0, model._base_manager.get(pk=versions[0].supersedes_id))
    while (newer := model._base_manager.filter(supersedes=versions[-1]).first()) is not None:
        versions.append(newer)
    return versions


@dataclasses.dataclass(frozen=True)
class Headline:
    """What is said of a patient in one line; None where nothing is recorded."""

    diagnosis: Diagnosis | None
    markers: dict[str, MolecularMarker]
    line: int | None
    radiotherapy_end: dt.date | None
    outcome: Outcome | None
    name: str

    @property
    def death(self) -> dt.date | None:
        """Day of death, if recorded."""
        return self.outcome.occurred_on if self.outcome and self.outcome.kind == "death" else None


def headlines_of(patients: Iterable[Patient], *, with_names: bool) -> dict[uuid.UUID, Headline]:
    """The headline of each patient in a fixed number of queries; tissue markers only."""
    found = list(patients)

    def rows(model: Any) -> dict[uuid.UUID, list[Any]]:
        grouped: dict[uuid.UUID, list[Any]] = {patient.pk: [] for patient in found}
        for record in model.objects.current().filter(patient__in=found):
            grouped[record.patient_id].append(record)
        return grouped

    diagnoses, markers, therapies = rows(Diagnosis), rows(MolecularMarker), rows(SystemicTherapy)
    courses, outcomes = rows(Radiotherapy), rows(Outcome)
    identities = PatientIdentity.objects.filter(patient__in=found) if with_names else []
    names = {identity.patient_id: identity.name for identity in identities}
    return {
        patient.pk: Headline(
            diagnosis=next(reversed(diagnoses[patient.pk]), None),
            markers={row.marker: row for row in markers[patient.pk] if row.source == "tissue"},
            line=max((row.line for row in therapies[patient.pk]), default=None),
            radiotherapy_end=_first_end(courses[patient.pk]),
            outcome=next(reversed(outcomes[patient.pk]), None),
            name=names.get(patient.pk, ""),
        )
        for patient in found
    }


def _first_end(courses: list[Radiotherapy]) -> dt.date | None:
    ends = [row.ended_on for row in courses if row.ended_on is not None and not row.is_reirradiation]
    return min(ends, default=None)


def only(patient: Patient) -> QuerySet[Patient]:
    """The one patient, for readers that take a set; whoever calls has opened the patient."""
    return Patient.objects.filter(pk=patient.pk)


def surgery_days(patient: Patient) -> list[dt.date]:
    """Days of the patient's operations, as they stand now."""
    return list(Surgery.objects.current().filter(patient=patient).values_list("occurred_on", flat=True))
