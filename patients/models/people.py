"""Who: sites, users with one role, care teams, and patients with their identity kept apart."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models

KEY_VALIDATOR = RegexValidator(r"^[A-Z0-9][A-Z0-9._-]{1,31}$", "use 2-32 capital letters, digits, dot, dash")


class Role(models.TextChoices):
    CLINICIAN = "clinician", "MDT clinician"
    RADIOLOGIST = "radiologist", "radiologist"
    NURSE = "nurse", "nurse"
    DATA_MANAGER = "data_manager", "data manager"
    RESEARCHER = "researcher", "researcher"
    ADMIN = "admin", "administrator"
    SYSTEM = "system", "gliomon itself"


class Site(models.Model):
    """A hospital or department; users and patients belong to one."""

    code = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=120)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person with one role at one site. Personal data: name, e-mail."""

    role = models.CharField(max_length=20, choices=Role, default=Role.RESEARCHER)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="users")

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class CareTeam(models.Model):
    """The people who look after a group of patients; clinical scope follows it."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=120)
    members = models.ManyToManyField(User, blank=True, related_name="care_teams")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="careteam_name_once_per_site")]

    def __str__(self) -> str:
        return self.name


class Sex(models.TextChoices):
    FEMALE = "female", "female"
    MALE = "male", "male"
    OTHER = "other", "other"
    UNKNOWN = "unknown", "unknown"


class Patient(models.Model):
    """A pseudonymous patient. `key` is what screens, files and commands use; the name lives in PatientIdentity."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=32, unique=True, validators=[KEY_VALIDATOR])
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    care_team = models.ForeignKey(CareTeam, on_delete=models.PROTECT, related_name="patients")
    sex = models.CharField(max_length=10, choices=Sex, default=Sex.UNKNOWN)
    birth_year = models.PositiveSmallIntegerField(null=True, blank=True)
    is_virtual = models.BooleanField(default=False, help_text="Simulated; never a real person.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                name="patient_birth_year_plausible",
                condition=models.Q(birth_year__isnull=True) | models.Q(birth_year__range=(1890, 2100)),
            )
        ]

    def __str__(self) -> str:
        return self.key


class PatientIdentity(models.Model):
    """Who the patient is. Personal data: all of it; erasure destroys this row and leaves the pseudonymous rest."""

    patient = models.OneToOneField(Patient, on_delete=models.CASCADE, related_name="identity")
    name = models.CharField(max_length=200)
    mrn = models.CharField("hospital number", max_length=64, blank=True)
    birth_date = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "patient identities"

    def __str__(self) -> str:
        return f"identity of {self.patient_id}"
