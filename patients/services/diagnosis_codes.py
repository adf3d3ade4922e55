"""ICD-O-3.2 morphology codes that go with each WHO CNS5 type and grade; science.md 10.3."""

from __future__ import annotations

import dataclasses

from patients.models.timeline import Cns5Type


@dataclasses.dataclass(frozen=True)
class MorphologyCode:
    """A code that is usual for a type (and a grade, where the grade decides)."""

    cns5_type: str
    grade: int | None
    icdo: str
    name: str


MORPHOLOGY_CODES: tuple[MorphologyCode, ...] = (
    MorphologyCode(Cns5Type.GBM, 4, "9440/3", "glioblastoma, IDH-wildtype"),
    MorphologyCode(Cns5Type.GBM, 4, "9441/3", "giant cell glioblastoma"),
    MorphologyCode(Cns5Type.GBM, 4, "9442/3", "gliosarcoma"),
    MorphologyCode(Cns5Type.ASTRO, 2, "9400/3", "astrocytoma, IDH-mutant, grade 2"),
    MorphologyCode(Cns5Type.ASTRO, 3, "9401/3", "astrocytoma, IDH-mutant, grade 3"),
    MorphologyCode(Cns5Type.ASTRO, 4, "9445/3", "astrocytoma, IDH-mutant, grade 4"),
    MorphologyCode(Cns5Type.OLIGO, 2, "9450/3", "oligodendroglioma, grade 2"),
    MorphologyCode(Cns5Type.OLIGO, 3, "9451/3", "oligodendroglioma, grade 3"),
    MorphologyCode(Cns5Type.DMG, 4, "9385/3", "diffuse midline glioma, H3 K27-altered"),
    MorphologyCode(Cns5Type.DHG, 4, "9385/3", "diffuse hemispheric glioma, H3 G34-mutant"),
    MorphologyCode(Cns5Type.PHGG, 4, "9385/3", "paediatric-type high-grade glioma"),
    MorphologyCode(Cns5Type.PILOCYTIC, 1, "9421/1", "pilocytic astrocytoma"),
    MorphologyCode(Cns5Type.HGAP, None, "9421/3", "high-grade astrocytoma with piloid features"),
    MorphologyCode(Cns5Type.PXA, 2, "9424/3", "pleomorphic xanthoastrocytoma, grade 2"),
    MorphologyCode(Cns5Type.PXA, 3, "9424/3", "pleomorphic xanthoastrocytoma, grade 3"),
    MorphologyCode(Cns5Type.OTHER, 1, "9431/1", "angiocentric glioma"),
    MorphologyCode(Cns5Type.OTHER, 1, "9413/0", "PLNTY"),
    MorphologyCode(Cns5Type.OTHER, 1, "9384/1", "subependymal giant cell astrocytoma"),
    MorphologyCode(Cns5Type.OTHER, 2, "9444/1", "chordoid glioma"),
    MorphologyCode(Cns5Type.OTHER, None, "9430/3", "astroblastoma, MN1-altered"),
)
