"""Small worlds of sites, people and patients for tests."""

from __future__ import annotations

import dataclasses
import itertools

from patients.models import CareTeam, Patient, Role, Site, User
from patients.services import people

_COUNTER = itertools.count(1)
PASSWORD = "correct horse battery staple"


def user(
    role: Role, team: CareTeam | None = None, *, site: Site | None = None, username: str | None = None
) -> User:
    """An account with the role, in the team if one is given; password PASSWORD."""
    name = username or f"{role}{next(_COUNTER)}"
    account, _ = people.user_create(
        username=name,
        role=role,
        site=site or (team.site if team else None),
        by=None,
        password=PASSWORD,
        teams=(team,) if team else (),
    )
    return account


def team(site_code: str = "north", name: str = "glioma clinic") -> CareTeam:
    """A care team at a site."""
    return people.care_team_create(site=people.site_create(code=site_code, name=site_code.title()), name=name)


def patient(care_team: CareTeam, *, key: str | None = None, **fields: object) -> Patient:
    """A patient of the team."""
    return people.patient_create(
        key=key or f"TEST-{next(_COUNTER):04d}",
        care_team=care_team,
        by=people.system_user(),
        **fields,  # type: ignore[arg-type]
    )


@dataclasses.dataclass(frozen=True)
class Clinic:
    """One team with a person of every role, and one patient."""

    team: CareTeam
    patient: Patient
    clinician: User
    radiologist: User
    nurse: User
    second_nurse: User
    data_manager: User
    researcher: User
    admin: User


def clinic(site_code: str = "north", name: str = "glioma clinic") -> Clinic:
    """A team with a person of every role and a patient."""
    care_team = team(site_code, name)
    return Clinic(
        team=care_team,
        patient=patient(care_team),
        clinician=user(Role.CLINICIAN, care_team),
        radiologist=user(Role.RADIOLOGIST, care_team),
        nurse=user(Role.NURSE, care_team),
        second_nurse=user(Role.NURSE, care_team),
        data_manager=user(Role.DATA_MANAGER, site=care_team.site),
        researcher=user(Role.RESEARCHER, site=care_team.site),
        admin=user(Role.ADMIN, site=care_team.site),
    )
