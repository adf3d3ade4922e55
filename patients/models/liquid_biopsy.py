"""Blood and CSF: specimens, ctDNA results, their verification, and the nurse's drafts."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from gliomon.common.append_only import AppendOnly
from gliomon.common.record import Record
from patients.models.people import Patient


class Fluid(models.TextChoices):
    PLASMA = "plasma", "plasma"
    CSF = "csf", "CSF"


class Tube(models.TextChoices):
    EDTA = "edta", "EDTA"
    STABILISING = "stabilising", "stabilising (Streck or alike)"
    CSF = "csf", "CSF tube"
    UNKNOWN = "unknown", "not known"


def _decimal(label: str, low: float, high: float, *, digits: int, places: int) -> models.DecimalField:
    return models.DecimalField(
        label,
        max_digits=digits,
        decimal_places=places,
        null=True,
        blank=True,
        validators=[MinValueValidator(low), MaxValueValidator(high)],
    )


def _within(name: str, field: str, low: float, high: float) -> models.CheckConstraint:
    empty_or_inside = models.Q(**{f"{field}__isnull": True}) | models.Q(**{f"{field}__range": (low, high)})
    return models.CheckConstraint(name=name, condition=empty_or_inside)


class Specimen(Record):
    """One tube of plasma or CSF. Ranges: science.md 6.4."""

    fluid = models.CharField(max_length=8, choices=Fluid)
    tube = models.CharField(max_length=12, choices=Tube, default=Tube.UNKNOWN)
    collected_at = models.DateTimeField()
    spun_at = models.DateTimeField("centrifuged at", null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    volume_ml = _decimal("volume, mL", 0.2, 50, digits=5, places=2)
    cfdna_ng_per_ml = _decimal("cfDNA, ng/mL", 0, 5000, digits=8, places=3)
    laboratory = models.CharField(max_length=120)

    class Meta(Record.Meta):
        constraints = [
            *Record.Meta.constraints,
            _within("specimen_volume_range", "volume_ml", 0.2, 50),
            _within("specimen_cfdna_range", "cfdna_ng_per_ml", 0, 5000),
            models.CheckConstraint(
                name="specimen_received_after_collected",
                condition=models.Q(received_at__isnull=True)
                | models.Q(received_at__gte=models.F("collected_at")),
            ),
        ]


class Detection(models.TextChoices):
    """Five different things that must never be merged."""

    DETECTED = "detected", "detected"
    NOT_DETECTED = "not_detected", "not detected"
    BELOW_LOD = "below_lod", "below LoD"
    NOT_EVALUABLE = "not_evaluable", "not evaluable"
    NOT_TESTED = "not_tested", "not tested"


class CtdnaResult(Record):
    """One analyte in one specimen. VAF is in percent (0-100), always."""

    specimen = models.ForeignKey(Specimen, on_delete=models.PROTECT, related_name="results")
    analyte = models.CharField(max_length=120, help_text="Gene and variant, e.g. TERT C228T.")
    detection = models.CharField(max_length=14, choices=Detection)
    vaf_percent = _decimal("VAF, %", 0, 100, digits=9, places=6)
    copies_per_ml = _decimal("mutant copies/mL", 0, 1_000_000, digits=10, places=3)
    lod_percent = _decimal("LoD, %", 0.000001, 10, digits=9, places=6)
    lob_percent = _decimal("LoB, %", 0, 10, digits=9, places=6)
    total_ge = models.PositiveIntegerField(
        "input, genome equivalents",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(10_000_000)],
    )
    assay = models.CharField(max_length=120)
    reported_on = models.DateField(null=True, blank=True)

    class Meta(Record.Meta):
        constraints = [
            *Record.Meta.constraints,
            _within("ctdna_vaf_range", "vaf_percent", 0, 100),
            _within("ctdna_copies_range", "copies_per_ml", 0, 1_000_000),
            _within("ctdna_lod_range", "lod_percent", 0.000001, 10),
            models.CheckConstraint(
                name="ctdna_detected_has_value",
                condition=~models.Q(detection="detected")
                | models.Q(vaf_percent__isnull=False)
                | models.Q(copies_per_ml__isnull=False),
            ),
            models.CheckConstraint(
                name="ctdna_negative_has_lod",
                condition=~models.Q(detection__in=["not_detected", "below_lod"])
                | models.Q(lod_percent__isnull=False),
            ),
            models.CheckConstraint(
                name="ctdna_without_value",
                condition=~models.Q(detection__in=["not_detected", "not_tested", "not_evaluable"])
                | models.Q(vaf_percent__isnull=True, copies_per_ml__isnull=True),
            ),
        ]


class ResultVerification(AppendOnly):
    """A second person has checked a result against the laboratory's report."""

    result = models.OneToOneField(CtdnaResult, on_delete=models.PROTECT, related_name="verification")
    verified_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verified_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(AppendOnly.Meta):
        pass


class ResultDraft(models.Model):
    """The nurse's unfinished entry; mutable, feeds nothing, gone when submitted."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="result_drafts")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    content = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "by"], name="one_draft_per_patient_and_author")
        ]
