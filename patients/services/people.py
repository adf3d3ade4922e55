"""Sites, accounts, teams and patients come into being here."""

from __future__ import annotations

import datetime as dt
import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from gliomon.common.errors import Conflict, DomainError, PermissionRefused
from patients.models import (
    AuditAction,
    CareTeam,
    Patient,
    PatientIdentity,
    Role,
    Sex,
    Site,
    User,
)
from patients.permissions import may
from patients.services.audit import audit_write

SYSTEM_USERNAME = "system"


def system_user() -> User:
    """The account under which gliomon itself writes; nobody can log in with it."""
    user, created = User.objects.get_or_create(username=SYSTEM_USERNAME, defaults={"role": Role.SYSTEM})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


@transaction.atomic
def site_create(*, code: str, name: str) -> Site:
    """Return the site of this code, new if it was not there."""
    return Site.objects.get_or_create(code=code, defaults={"name": name})[0]


@transaction.atomic
def care_team_create(*, site: Site, name: str) -> CareTeam:
    """Return the care team of this name at the site, new if it was not there."""
    return CareTeam.objects.get_or_create(site=site, name=name)[0]


@transaction.atomic
def user_create(
    *,
    username: str,
    role: Role,
    site: Site | None,
    by: User | None,
    full_name: str = "",
    password: str | None = None,
    teams: tuple[CareTeam, ...] = (),
) -> tuple[User, str]:
    """Create an account and return it with its password (random unless given)."""
    if User.objects.filter(username=username).exists():
        raise Conflict("username_taken", f"there is an account {username} already")
    password = password or secrets.token_urlsafe(12)
    first, _, last = full_name.partition(" ")
    user = User(username=username, role=role, site=site, first_name=first, last_name=last)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError("password_weak", " ".join(error.messages)) from error
    user.set_password(password)
    user.save()
    user.care_teams.set(teams)
    audit_write(actor=by, action=AuditAction.CREATE, what="user", object_id=user.pk, detail={"role": role})
    return user, password


@transaction.atomic
def patient_create(
    *,
    key: str,
    care_team: CareTeam,
    by: User,
    sex: Sex = Sex.UNKNOWN,
    birth_year: int | None = None,
    name: str = "",
    mrn: str = "",
    birth_date: dt.date | None = None,
    is_virtual: bool = False,
) -> Patient:
    """Create a pseudonymous patient, with an identity row when a name is given."""
    _refuse_creation(by, care_team, name=name, mrn=mrn, birth_date=birth_date)
    patient = Patient(
        key=key,
        site=care_team.site,
        care_team=care_team,
        sex=sex,
        birth_year=birth_date.year if birth_date else birth_year,
        is_virtual=is_virtual,
    )
    try:
        patient.full_clean(validate_unique=False)
    except ValidationError as error:
        raise DomainError("patient_invalid", "; ".join(error.messages)) from error
    try:
        with transaction.atomic():
            patient.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("patient_key_taken", f"there is a patient with the key {key} already") from error
    if name:
        PatientIdentity.objects.create(patient=patient, name=name, mrn=mrn, birth_date=birth_date)
    audit_write(actor=by, action=AuditAction.CREATE, what="patient", patient=patient)
    return patient


def _refuse_creation(
    by: User, care_team: CareTeam, *, name: str, mrn: str, birth_date: dt.date | None
) -> None:
    if not may(by, "patient.create"):
        raise PermissionRefused("not_allowed", "your role may not create patients")
    if by.role != Role.SYSTEM and by.site_id != care_team.site_id:
        raise PermissionRefused("not_your_team", "the team belongs to another site")
    if (mrn or birth_date) and not name:
        raise DomainError(
            "name_missing", "a hospital number or a full date of birth is kept only with a name"
        )
    if mrn and PatientIdentity.objects.filter(mrn=mrn, patient__site=care_team.site).exists():
        raise Conflict(
            "mrn_taken", "a patient with this hospital number exists at your site; ask its data manager"
        )
