"""ctDNA results, submitted by one nurse and verified by another."""

from __future__ import annotations

import datetime as dt

from patients.models import CtdnaResult
from patients.services import liquid_biopsy
from tests.factories.people import Clinic


def result(
    clinic: Clinic,
    day: dt.date,
    vaf_percent: str | None,
    *,
    verified: bool = True,
    detection: str = "detected",
    fluid: str = "plasma",
    analyte: str = "TERT C228T",
) -> CtdnaResult:
    """One result of a sample taken at 9:00 UTC on the day; LoD 0.1 %."""
    specimen = liquid_biopsy.specimen_add(
        patient=clinic.patient,
        by=clinic.nurse,
        collected_at=dt.datetime.combine(day, dt.time(9), tzinfo=dt.UTC),
        fluid=fluid,
        laboratory="central",
        volume_ml="4",
        cfdna_ng_per_ml="10",
    )
    stored = liquid_biopsy.result_submit(
        specimen=specimen,
        by=clinic.nurse,
        analyte=analyte,
        detection=detection,
        vaf_percent=vaf_percent,
        lod_percent="0.1",
        total_ge=6000,
        assay="ddPCR",
    )
    if verified:
        liquid_biopsy.result_verify(result=stored, by=clinic.second_nurse)
    return stored
