"""Story: true progression under bevacizumab, with ctDNA rising before the scan shows it."""

from __future__ import annotations

import dataclasses

from analytics.compute.stories_shape import (
    WITHOUT_DSC,
    Outcome,
    Story,
    StoryEvent,
    StoryVisit,
    Surgery,
    SystemicTherapy,
    dexamethasone,
    glioblastoma_workup,
    read,
    specimen,
    status,
    stupp_treatment,
)
from imaging.compute.phantoms.tumour import TumourState

_BEFORE = TumourState(
    centre_mm=(42.0, -22.0, -2.0),
    enhancing_ml=24.0,
    oedema_ml=58.0,
    necrosis_share=0.4,
    adc_enhancing=1.00e-3,
    rcbv_enhancing=3.4,
    ktrans_per_min=0.12,
    leakage="t2star",
    texture_seed=303,
)
_AFTER = dataclasses.replace(_BEFORE, enhancing_ml=6.0, oedema_ml=42.0, necrosis_share=0.1, cavity_ml=18.0)


def _visit(
    day: int,
    label: str,
    enhancing: float,
    oedema: float,
    adc: float,
    rcbv: float,
    leak: tuple[float, float],
) -> StoryVisit:
    """`leak`: Ktrans in 1/min and gadolinium in the post-contrast T1 in mM; bevacizumab lowers both."""
    state = dataclasses.replace(
        _AFTER,
        enhancing_ml=enhancing,
        oedema_ml=oedema,
        cavity_ml=14.0,
        adc_enhancing=adc,
        rcbv_enhancing=rcbv,
        ktrans_per_min=leak[0],
        gadolinium_mm=leak[1],
    )
    return StoryVisit(day, label, state)


PROGRESSION_ON_BEVACIZUMAB = Story(
    key="SYNTH-0003",
    title="Progression on bevacizumab with rising ctDNA",
    summary="Recurrence, then bevacizumab: enhancement falls at first while FLAIR and ctDNA rise; then it grows.",
    sex="M",
    birth_year=1961,
    head_seed=33,
    events=(
        dexamethasone(-6, 12.0, "tumour"),
        status(-2, 80, "unknown"),
        read(-2, "Enhancing necrotic mass in the right temporal lobe."),
        StoryEvent(0, Surgery("subtotal", 75.0, 6.0, "right temporal")),
        *glioblastoma_workup(mgmt="unmethylated", description="Glioblastoma, high proliferation, necrosis"),
        read(1, "Cavity with residual enhancement at its deep wall.", flair="better"),
        dexamethasone(14, 4.0, "tumour"),
        status(33, 80),
        *stupp_treatment(rt_start=35, rt_end=74, adjuvant_end=214),
        dexamethasone(88, 2.0, "tumour"),
        status(102, 80),
        read(102, "First scan after radiotherapy: margin enhancement, baseline."),
        status(158, 80),
        read(158, "Slightly less enhancement."),
        status(214, 80),
        read(
            214, "Growing nodular enhancement with high rCBV and low ADC: recurrence.", flair="sig_increase"
        ),
        StoryEvent(
            214, Outcome("progression", "imaging", "yes", "first progression, tumour board"), known_after=7
        ),
        dexamethasone(216, 4.0, "tumour"),
        StoryEvent(228, SystemicTherapy("bevacizumab", "antiangiogenic", 2, None, "10 mg/kg every 2 weeks")),
        StoryEvent(228, SystemicTherapy("lomustine", "alkylating", 2, 312, "90 mg/m2 every 6 weeks")),
        status(242, 80, "improved"),
        read(242, "Two weeks of bevacizumab: much less enhancement; rCBV not lower.", flair="better"),
        dexamethasone(249, 2.0, "tumour"),
        status(284, 80),
        read(284, "Least enhancement so far; oedema smaller.", flair="better"),
        status(340, 80),
        read(
            340,
            "Enhancement small, but T2/FLAIR signal spreads along the white matter.",
            flair="sig_increase",
        ),
        dexamethasone(354, 4.0, "tumour"),
        status(396, 60, "worse", "tumour"),
        read(
            396,
            "Enhancement has clearly grown again, with more T2/FLAIR signal: progression.",
            flair="sig_increase",
        ),
        dexamethasone(396, 8.0, "tumour"),
        StoryEvent(
            396, Outcome("progression", "imaging", "yes", "progression on bevacizumab"), known_after=6
        ),
    ),
    visits=(
        StoryVisit(-2, "before surgery", _BEFORE),
        StoryVisit(1, "after surgery", _AFTER, WITHOUT_DSC),
        _visit(102, "4 weeks after radiotherapy", 8.0, 38.0, 1.15e-3, 2.0, (0.10, 0.32)),
        _visit(158, "after 2 cycles", 7.4, 36.0, 1.14e-3, 2.1, (0.10, 0.32)),
        _visit(214, "recurrence", 13.0, 58.0, 1.00e-3, 3.0, (0.13, 0.34)),
        _visit(242, "2 weeks of bevacizumab", 6.0, 38.0, 0.98e-3, 3.2, (0.05, 0.26)),
        _visit(284, "8 weeks of bevacizumab", 4.0, 32.0, 0.97e-3, 3.1, (0.04, 0.24)),
        _visit(340, "16 weeks of bevacizumab", 4.4, 56.0, 0.93e-3, 3.4, (0.05, 0.25)),
        _visit(396, "24 weeks of bevacizumab", 8.6, 74.0, 0.90e-3, 3.8, (0.09, 0.30)),
    ),
    specimens=(
        specimen(-2, 0.42, 21.0),
        specimen(102, None, 10.2),
        specimen(158, None, 10.9),
        specimen(214, 0.22, 13.1),
        specimen(242, 0.14, 12.0),
        specimen(284, 0.12, 11.5),
        specimen(319, 0.41, 13.4),
        specimen(340, 0.68, 14.8),
        specimen(341, 11.5, 18.0, fluid="csf", volume_ml=3.0),
        specimen(368, 1.10, 16.5),
    ),
)
