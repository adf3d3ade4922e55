"""What happened when: the clinical records of the timeline. `occurred_on` is the date of the event or its start."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from gliomon.common.record import Record


class Cns5Type(models.TextChoices):
    """WHO CNS5 (2021) types that gliomon follows; science.md 10.3."""

    GBM = "gbm_idhwt", "Glioblastoma, IDH-wildtype"
    ASTRO = "astro_idhmut", "Astrocytoma, IDH-mutant"
    OLIGO = "oligo_idhmut_codel", "Oligodendroglioma, IDH-mutant and 1p/19q-codeleted"
    DMG = "dmg_h3k27", "Diffuse midline glioma, H3 K27-altered"
    DHG = "dhg_h3g34", "Diffuse hemispheric glioma, H3 G34-mutant"
    PHGG = "phgg_wt", "Diffuse paediatric-type high-grade glioma, H3- and IDH-wildtype"
    PILOCYTIC = "pilocytic", "Pilocytic astrocytoma"
    HGAP = "hgap", "High-grade astrocytoma with piloid features"
    PXA = "pxa", "Pleomorphic xanthoastrocytoma"
    OTHER = "other", "Other glioma, NOS or NEC"


class Diagnosis(Record):
    """The integrated diagnosis, with grade 1-4 and ICD-O morphology (which alone is not unique)."""

    cns5_type = models.CharField("WHO CNS5 type", max_length=24, choices=Cns5Type)
    grade = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(4)]
    )
    icdo = models.CharField("ICD-O-3.2 morphology", max_length=7, blank=True)
    suffix = models.CharField(max_length=3, blank=True, choices=[("NOS", "NOS"), ("NEC", "NEC")])
    source_label = models.CharField("the source's own wording", max_length=200, blank=True)

    class Meta(Record.Meta):
        verbose_name_plural = "diagnoses"


class HistologyFinding(models.TextChoices):
    VIABLE = "viable_tumour", "viable tumour"
    TREATMENT_EFFECT = "treatment_effect", "treatment effect"
    MIXED = "mixed", "mixed: tumour and treatment effect"
    OTHER = "other", "other"


class Histology(Record):
    """What the pathologist saw in one specimen of tissue."""

    finding = models.CharField(max_length=20, choices=HistologyFinding)
    description = models.CharField(max_length=500, blank=True)

    class Meta(Record.Meta):
        verbose_name_plural = "histologies"


class Marker(models.TextChoices):
    IDH = "idh", "IDH1/2"
    MGMT = "mgmt", "MGMT promoter"
    CODEL = "codel_1p19q", "1p/19q"
    TERT = "tert", "TERT promoter"
    ATRX = "atrx", "ATRX"
    EGFR = "egfr", "EGFR"
    CDKN2A = "cdkn2a_b", "CDKN2A/B"
    H3K27 = "h3_k27", "H3 K27"
    H3G34 = "h3_g34", "H3 G34"
    CHR7_10 = "chr7_10", "+7/-10"
    BRAF = "braf", "BRAF"
    TP53 = "tp53", "TP53"


class MarkerStatus(models.TextChoices):
    MUTANT = "mutant", "mutant"
    WILDTYPE = "wildtype", "wild-type"
    METHYLATED = "methylated", "methylated"
    UNMETHYLATED = "unmethylated", "unmethylated"
    CODELETED = "codeleted", "codeleted"
    INTACT = "intact", "intact"
    AMPLIFIED = "amplified", "amplified"
    DELETED = "deleted", "homozygously deleted"
    LOST = "lost", "expression lost"
    RETAINED = "retained", "expression retained"
    PRESENT = "present", "present"
    ABSENT = "absent", "absent"
    INDETERMINATE = "indeterminate", "indeterminate"


class MarkerSource(models.TextChoices):
    TISSUE = "tissue", "tissue"
    CTDNA = "ctdna", "ctDNA"
    PREDICTED = "predicted", "predicted"


class MolecularMarker(Record):
    """One marker's status; where it was measured is always said."""

    marker = models.CharField(max_length=12, choices=Marker)
    status = models.CharField(max_length=14, choices=MarkerStatus)
    source = models.CharField(max_length=9, choices=MarkerSource, default=MarkerSource.TISSUE)
    method = models.CharField(max_length=120, blank=True)
    variant = models.CharField("variant (HGVS)", max_length=120, blank=True)

    class Meta(Record.Meta):
        pass


class Extent(models.TextChoices):
    BIOPSY = "biopsy", "biopsy only"
    PARTIAL = "partial", "partial resection"
    SUBTOTAL = "subtotal", "subtotal resection"
    GROSS_TOTAL = "gross_total", "gross total resection"
    SUPRAMAXIMAL = "supramaximal", "supramaximal resection"
    UNKNOWN = "unknown", "extent not known"


class Surgery(Record):
    """A resection or biopsy, with its extent."""

    extent = models.CharField(max_length=12, choices=Extent)
    resected_percent = models.DecimalField(
        "enhancing tumour resected, %",
        max_digits=4,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    residual_ml = models.DecimalField(
        "residual enhancing volume, mL",
        max_digits=6,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    location = models.CharField(max_length=120, blank=True)

    class Meta(Record.Meta):
        verbose_name_plural = "surgeries"


class Radiotherapy(Record):
    """A course of radiotherapy; `occurred_on` is its first day."""

    ended_on = models.DateField(null=True, blank=True, help_text="Empty while it is going on.")
    dose_gy = models.DecimalField(
        "total dose, Gy",
        max_digits=5,
        decimal_places=2,
        validators=[MinValueValidator(0), MaxValueValidator(120)],
    )
    fractions = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(60)])
    is_reirradiation = models.BooleanField("re-irradiation", default=False)

    class Meta(Record.Meta):
        verbose_name_plural = "radiotherapy courses"


class DrugFamily(models.TextChoices):
    ALKYLATING = "alkylating", "alkylating"
    ANTIANGIOGENIC = "antiangiogenic", "anti-angiogenic"
    IMMUNOTHERAPY = "immunotherapy", "immunotherapy"
    TARGETED = "targeted", "targeted"
    TTFIELDS = "ttfields", "tumour treating fields"
    OTHER = "other", "other"


class SystemicTherapy(Record):
    """One agent; `occurred_on` is its first day."""

    agent = models.CharField(max_length=80)
    family = models.CharField(max_length=16, choices=DrugFamily)
    line = models.PositiveSmallIntegerField(
        "line of therapy", default=1, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    ended_on = models.DateField(null=True, blank=True, help_text="Empty while it is going on.")
    dose = models.CharField("dose and schedule", max_length=120, blank=True)

    class Meta(Record.Meta):
        verbose_name_plural = "systemic therapies"


class Steroid(models.TextChoices):
    DEXAMETHASONE = "dexamethasone", "dexamethasone"
    PREDNISOLONE = "prednisolone", "prednisolone"
    METHYLPREDNISOLONE = "methylprednisolone", "methylprednisolone"
    HYDROCORTISONE = "hydrocortisone", "hydrocortisone"


# mg of the drug that equal 1 mg of dexamethasone; science.md 1.2.
DEXAMETHASONE_DIVISOR = {
    Steroid.DEXAMETHASONE: 1.0,
    Steroid.PREDNISOLONE: 6.67,
    Steroid.METHYLPREDNISOLONE: 5.33,
    Steroid.HYDROCORTISONE: 26.7,
}


class SteroidReason(models.TextChoices):
    TUMOUR = "tumour", "tumour or its oedema"
    TREATMENT = "treatment_effect", "treatment effect"
    OTHER = "other", "another illness"
    PHYSIOLOGICAL = "physiological", "physiological replacement"
    UNKNOWN = "unknown", "reason not known"


class SteroidDose(Record):
    """The daily dose from `occurred_on` until the next such record; zero means stopped."""

    drug = models.CharField(max_length=20, choices=Steroid, default=Steroid.DEXAMETHASONE)
    dose_mg_per_day = models.DecimalField(
        "dose, mg/day",
        max_digits=6,
        decimal_places=2,
        validators=[MinValueValidator(0), MaxValueValidator(2000)],
    )
    dose_reason = models.CharField("why this dose", max_length=16, choices=SteroidReason)

    class Meta(Record.Meta):
        pass

    @property
    def dexamethasone_mg_per_day(self) -> float:
        """Dexamethasone equivalent, mg/day."""
        return float(self.dose_mg_per_day) / DEXAMETHASONE_DIVISOR[Steroid(self.drug)]


class Attribution(models.TextChoices):
    TUMOUR = "tumour", "tumour"
    OTHER = "other", "something else"
    UNKNOWN = "unknown", "not known"


class ClinicalChange(models.TextChoices):
    IMPROVED = "improved", "improved"
    STABLE = "stable", "stable"
    WORSE = "worse", "worse"
    UNKNOWN = "unknown", "not known"


class ClinicalStatus(Record):
    """How the patient is, and, when worse, what it is attributed to."""

    kps = models.PositiveSmallIntegerField(
        "KPS", null=True, blank=True, choices=[(value, str(value)) for value in range(0, 101, 10)]
    )
    ecog = models.PositiveSmallIntegerField("ECOG", null=True, blank=True, validators=[MaxValueValidator(5)])
    nano = models.PositiveSmallIntegerField("NANO", null=True, blank=True, validators=[MaxValueValidator(23)])
    change = models.CharField(
        "since the last visit", max_length=10, choices=ClinicalChange, default=ClinicalChange.UNKNOWN
    )
    attribution = models.CharField(
        "attributed to", max_length=10, choices=Attribution, default=Attribution.UNKNOWN
    )

    class Meta(Record.Meta):
        verbose_name_plural = "clinical statuses"


class RadiologyRead(Record):
    """What the radiologist reads that no measurement says; `occurred_on` is the date of the scan."""

    non_measurable = models.CharField(
        "non-measurable disease",
        max_length=10,
        choices=[
            ("none", "none"),
            ("absent", "gone"),
            ("stable", "stable"),
            ("worse", "worse"),
            ("unknown", "not read"),
        ],
        default="unknown",
    )
    new_lesion = models.CharField(
        max_length=14,
        choices=[
            ("none", "none"),
            ("measurable", "measurable"),
            ("nonmeasurable", "not measurable"),
            ("unknown", "not read"),
        ],
        default="unknown",
    )
    flair = models.CharField(
        "T2/FLAIR",
        max_length=12,
        choices=[
            ("better", "better"),
            ("stable", "stable"),
            ("sig_increase", "significant increase"),
            ("unknown", "not read"),
        ],
        default="unknown",
    )
    field_location = models.CharField(
        "relative to the 80 % isodose",
        max_length=8,
        choices=[("inside", "inside"), ("outside", "outside"), ("both", "both"), ("unknown", "not known")],
        default="unknown",
    )
    impression = models.CharField(max_length=1000, blank=True)

    class Meta(Record.Meta):
        pass


class OutcomeKind(models.TextChoices):
    PROGRESSION = "progression", "progression"
    PSEUDOPROGRESSION = "pseudoprogression", "pseudoprogression"
    DEATH = "death", "death"
    LAST_CONTACT = "last_contact", "last contact, alive"


class Outcome(Record):
    """An adjudicated outcome, with what the judgement rests on."""

    kind = models.CharField(max_length=18, choices=OutcomeKind)
    basis = models.CharField(
        max_length=12,
        choices=[
            ("histology", "histology"),
            ("imaging", "imaging follow-up"),
            ("clinical", "clinical"),
            ("registry", "registry"),
            ("unknown", "not known"),
        ],
        default="unknown",
    )
    tumour_related = models.CharField(
        max_length=8, choices=[("yes", "yes"), ("no", "no"), ("unknown", "not known")], default="unknown"
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta(Record.Meta):
        pass
