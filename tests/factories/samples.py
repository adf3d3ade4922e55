"""A ctDNA sample as a nurse enters it, and as the grid posts it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from patients.models import CtdnaResult, Specimen
from patients.services import liquid_biopsy
from tests.factories.people import Clinic

COLLECTED = dt.datetime(2024, 6, 3, 9, 30, tzinfo=dt.UTC)


def tube(**changes: Any) -> dict[str, Any]:
    """The fields of a plausible plasma tube."""
    return {
        "fluid": "plasma",
        "tube": "stabilising",
        "collected_at": COLLECTED,
        "volume_ml": Decimal(4),
        "cfdna_ng_per_ml": Decimal("9.7"),
        "laboratory": "Molecular laboratory",
    } | changes


def result(**changes: Any) -> dict[str, Any]:
    """The fields of a plausible detected result."""
    return {
        "analyte": "TERT C228T",
        "detection": "detected",
        "vaf_percent": Decimal("0.5"),
        "lod_percent": Decimal("0.05"),
        "lob_percent": Decimal("0.01"),
        "total_ge": 6060,
        "assay": "ddPCR v2",
    } | changes


def sample(clinic: Clinic, *results: dict[str, Any], **changes: Any) -> Specimen:
    """A sample entered by the clinic's nurse."""
    return liquid_biopsy.sample_submit(
        patient=clinic.patient, by=clinic.nurse, specimen=tube(**changes), results=list(results) or [result()]
    )


def only_result() -> CtdnaResult:
    """The one result that stands."""
    return CtdnaResult.objects.current().get()


def posted(**changes: str) -> dict[str, str]:
    """What the grid's form sends for one plausible sample with one analyte; `__` stands for the dash."""
    return {
        "rows": "14",
        "sample-fluid": "plasma",
        "sample-tube": "stabilising",
        "sample-collected_at": "2024-06-03T09:30",
        "sample-volume_ml": "4",
        "sample-cfdna_ng_per_ml": "9.7",
        "sample-laboratory": "Molecular laboratory",
        "sample-assay": "ddPCR v2",
        "sample-lod_percent": "0.05",
        "sample-lob_percent": "0.01",
        "sample-total_ge": "6060",
        "r0-analyte": "TERT C228T",
        "r0-detection": "detected",
        "r0-vaf_percent": "0.5",
    } | {name.replace("__", "-"): value for name, value in changes.items()}
