"""What a demo story is made of: plain dataclasses whose fields bear the names of the patients' records.

Days count from the operation that made the diagnosis (day 0). A field that ends in `_day` stands for the date
field that ends in `_on` of the record.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any, Literal

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.tumour import TumourState

Fluid = Literal["plasma", "csf"]
Detection = Literal["detected", "not_detected", "below_lod", "not_evaluable", "not_tested"]

GE_PER_NG = 303
"""Haploid genome equivalents per ng of cfDNA (3.3 pg each)."""

EXTRACTION_YIELD = 0.5
"""Share of the cfDNA of a sample that reaches the assay."""

ALL_KINDS = ("t1", "flair", "t2", "dwi", "dsc", "t1ce")
WITHOUT_DSC = ("t1", "flair", "t2", "dwi", "t1ce")


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Integrated diagnosis after WHO CNS5."""

    cns5_type: str
    grade: int
    icdo: str


@dataclasses.dataclass(frozen=True)
class Histology:
    """What the pathologist saw."""

    finding: str
    description: str


@dataclasses.dataclass(frozen=True)
class MolecularMarker:
    """One marker's status."""

    marker: str
    status: str
    method: str
    variant: str = ""
    source: str = "tissue"


@dataclasses.dataclass(frozen=True)
class Surgery:
    """Extent: share of the enhancing tumour resected (%) and what is left (mL)."""

    extent: str
    resected_percent: float
    residual_ml: float
    location: str


@dataclasses.dataclass(frozen=True)
class Radiotherapy:
    """A course: total dose in Gy, fractions, and its last day."""

    dose_gy: float
    fractions: int
    ended_day: int | None
    is_reirradiation: bool = False


@dataclasses.dataclass(frozen=True)
class SystemicTherapy:
    """One agent; `ended_day` None while it goes on."""

    agent: str
    family: str
    line: int
    ended_day: int | None
    dose: str


@dataclasses.dataclass(frozen=True)
class SteroidDose:
    """Daily dose in mg from this day on, and why."""

    dose_mg_per_day: float
    dose_reason: str
    drug: str = "dexamethasone"


@dataclasses.dataclass(frozen=True)
class ClinicalStatus:
    """KPS, change since the last visit, and what a change is attributed to."""

    kps: int
    change: str
    attribution: str = "unknown"


@dataclasses.dataclass(frozen=True)
class RadiologyRead:
    """What the radiologist reads that no measurement says."""

    new_lesion: str
    non_measurable: str
    flair: str
    field_location: str
    impression: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """An adjudicated outcome."""

    kind: str
    basis: str
    tumour_related: str
    note: str = ""


Fields = (
    Diagnosis
    | Histology
    | MolecularMarker
    | Surgery
    | Radiotherapy
    | SystemicTherapy
    | SteroidDose
    | ClinicalStatus
    | RadiologyRead
    | Outcome
)

RECORD_KINDS: dict[type, str] = {
    Diagnosis: "diagnosis",
    Histology: "histology",
    MolecularMarker: "marker",
    Surgery: "surgery",
    Radiotherapy: "radiotherapy",
    SystemicTherapy: "therapy",
    SteroidDose: "steroid",
    ClinicalStatus: "status",
    RadiologyRead: "read",
    Outcome: "outcome",
}
"""The record kind (as the patients' services name it) of each dataclass."""


@dataclasses.dataclass(frozen=True)
class StoryEvent:
    """One record: the day it happened, how many days later the clinic knew, and its fields."""

    day: int
    fields: Fields
    known_after: int = 0

    @property
    def kind(self) -> str:
        """Record kind, e.g. "marker"."""
        return RECORD_KINDS[type(self.fields)]

    @property
    def known_day(self) -> int:
        """Day on which the clinic knew."""
        return self.day + self.known_after

    def values(self) -> dict[str, Any]:
        """Return the record's fields; numbers with a decimal point are exact decimals, `ended_day` stays a day."""
        return _exact(self.fields)


@dataclasses.dataclass(frozen=True)
class StoryVisit:
    """One imaging visit: the tumour on that day and the sequences that were scanned."""

    day: int
    label: str
    state: TumourState
    kinds: tuple[str, ...] = ALL_KINDS

    @property
    def is_full(self) -> bool:
        """Whether every sequence was scanned."""
        return set(self.kinds) == set(ALL_KINDS)


@dataclasses.dataclass(frozen=True)
class CtdnaResult:
    """One analyte of one sample; VAF, LoD and LoB in percent. `verified_day` None: not verified."""

    analyte: str
    detection: Detection
    vaf_percent: float | None
    copies_per_ml: float | None
    lod_percent: float
    lob_percent: float
    total_ge: int
    assay: str
    reported_day: int
    verified_day: int | None

    def values(self) -> dict[str, Any]:
        """Return the record's fields without the days; numbers with a decimal point are exact decimals."""
        return _exact(self, without=("reported_day", "verified_day"))


@dataclasses.dataclass(frozen=True)
class Specimen:
    """One tube. Hours count from midnight of its day (collected) and from the collection (spun, received)."""

    day: int
    fluid: Fluid
    tube: str
    collected_hour: float
    spun_after_hours: float
    received_after_hours: float
    volume_ml: float
    cfdna_ng_per_ml: float
    laboratory: str
    results: tuple[CtdnaResult, ...]

    def values(self) -> dict[str, Any]:
        """Return the record's fields without times and results; numbers with a decimal point are exact decimals."""
        return _exact(
            self,
            without=("day", "collected_hour", "spun_after_hours", "received_after_hours", "results"),
        )


@dataclasses.dataclass(frozen=True)
class Story:
    """A virtual patient's course.

    Attributes
    ----------
    key : str
        Patient key; begins with SYNTH.
    title, summary : str
        For the people who look at the demo.
    sex : str
        "M" or "F".
    birth_year : int
    head_seed : int
        Draws the patient's head.
    events, visits, specimens
        In order of days.
    """

    key: str
    title: str
    summary: str
    sex: str
    birth_year: int
    head_seed: int
    events: tuple[StoryEvent, ...]
    visits: tuple[StoryVisit, ...]
    specimens: tuple[Specimen, ...]

    def __post_init__(self) -> None:
        if not self.key.startswith("SYNTH"):
            raise DomainError("story_key", f"a story's patient key begins with SYNTH, got {self.key!r}")
        for days in ([v.day for v in self.visits], [s.day for s in self.specimens]):
            if days != sorted(days):
                raise DomainError(
                    "story_order", f"{self.key}: visits and specimens go in order of days: {days}"
                )

    @property
    def first_day(self) -> int:
        """Earliest day of the story (before day 0 for the preoperative scan)."""
        return min(self._days())

    @property
    def last_day(self) -> int:
        """Latest day on which anything happened or became known."""
        return max(self._days())

    @property
    def full_visits(self) -> tuple[StoryVisit, ...]:
        """Visits with every sequence."""
        return tuple(visit for visit in self.visits if visit.is_full)

    def visit_seed(self, visit: StoryVisit) -> int:
        """Return the seed for scanning a visit, its own and always the same."""
        return self.head_seed * 100_000 + 10_000 + visit.day

    def _days(self) -> list[int]:
        days = [day for event in self.events for day in (event.day, event.known_day)]
        days += [visit.day for visit in self.visits]
        days += [
            day for tube in self.specimens for result in tube.results for day in _result_days(tube, result)
        ]
        return days


def _exact(item: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an item's fields, floats as the decimals they were written as."""
    values = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    return {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in values.items()
        if name not in without
    }


def _result_days(tube: Specimen, result: CtdnaResult) -> tuple[int, ...]:
    return (tube.day, result.reported_day, result.verified_day or result.reported_day)


def specimen(
    day: int,
    vaf_percent: float | None,
    cfdna_ng_per_ml: float,
    *,
    fluid: Fluid = "plasma",
    volume_ml: float = 4.0,
    verified: bool = True,
) -> Specimen:
    """Return a sample tested for the TERT promoter variant with consistent arithmetic.

    Genome equivalents = volume x cfDNA x 303 x yield; copies/mL = VAF/100 x cfDNA x 303. `vaf_percent` None means
    not detected.
    """
    result = CtdnaResult(
        analyte="TERT C228T",
        detection="not_detected" if vaf_percent is None else "detected",
        vaf_percent=vaf_percent,
        copies_per_ml=_copies(vaf_percent, cfdna_ng_per_ml),
        lod_percent=0.1,
        lob_percent=0.03,
        total_ge=round(volume_ml * cfdna_ng_per_ml * GE_PER_NG * EXTRACTION_YIELD),
        assay="ddPCR TERT promoter v2",
        reported_day=day + 6,
        verified_day=day + 7 if verified else None,
    )
    return Specimen(
        day=day,
        fluid=fluid,
        tube="stabilising" if fluid == "plasma" else "csf",
        collected_hour=9.5,
        spun_after_hours=2.0 if fluid == "plasma" else 0.5,
        received_after_hours=26.0,
        volume_ml=volume_ml,
        cfdna_ng_per_ml=cfdna_ng_per_ml,
        laboratory="Virtual Laboratory North",
        results=(result,),
    )


def _copies(vaf_percent: float | None, cfdna_ng_per_ml: float) -> float | None:
    return None if vaf_percent is None else round(vaf_percent / 100.0 * cfdna_ng_per_ml * GE_PER_NG, 3)


def glioblastoma_workup(*, mgmt: str, description: str) -> tuple[StoryEvent, ...]:
    """Return diagnosis, histology and tissue markers of a glioblastoma, IDH-wildtype, known after pathology."""
    markers = (
        MolecularMarker("idh", "wildtype", "IHC and panel sequencing"),
        MolecularMarker("mgmt", mgmt, "pyrosequencing"),
        MolecularMarker("codel_1p19q", "intact", "methylation array"),
        MolecularMarker("tert", "mutant", "panel sequencing", "NM_198253.3:c.-124C>T"),
        MolecularMarker("chr7_10", "present", "methylation array"),
        MolecularMarker("atrx", "retained", "IHC"),
    )
    return (
        StoryEvent(0, Histology("viable_tumour", description), known_after=7),
        *(StoryEvent(0, marker, known_after=12) for marker in markers),
        StoryEvent(0, Diagnosis("gbm_idhwt", 4, "9440/3"), known_after=14),
    )


def stupp_treatment(*, rt_start: int, rt_end: int, adjuvant_end: int) -> tuple[StoryEvent, ...]:
    """Return radiotherapy 60 Gy in 30 fractions with temozolomide, then adjuvant temozolomide."""
    return (
        StoryEvent(rt_start, Radiotherapy(60.0, 30, rt_end)),
        StoryEvent(
            rt_start,
            SystemicTherapy("temozolomide", "alkylating", 1, rt_end, "75 mg/m2 daily with radiotherapy"),
        ),
        StoryEvent(
            rt_end + 28,
            SystemicTherapy(
                "temozolomide", "alkylating", 1, adjuvant_end, "150-200 mg/m2, days 1-5 of 28, up to 6 cycles"
            ),
        ),
    )


def read(
    day: int,
    impression: str,
    *,
    flair: str = "stable",
    new_lesion: str = "none",
    non_measurable: str = "none",
    field_location: str = "inside",
) -> StoryEvent:
    """Return a radiologist's read of the scan of a day, known the day after."""
    return StoryEvent(
        day, RadiologyRead(new_lesion, non_measurable, flair, field_location, impression), known_after=1
    )


def status(day: int, kps: int, change: str = "stable", attribution: str = "unknown") -> StoryEvent:
    """Return a clinical status."""
    return StoryEvent(day, ClinicalStatus(kps, change, attribution))


def dexamethasone(day: int, mg_per_day: float, reason: str) -> StoryEvent:
    """Return a change of the dexamethasone dose."""
    return StoryEvent(day, SteroidDose(mg_per_day, reason))
