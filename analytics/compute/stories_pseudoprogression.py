"""Story: pseudoprogression after radiotherapy that resolves."""

from __future__ import annotations

import dataclasses

from analytics.compute.stories_shape import (
    WITHOUT_DSC,
    Outcome,
    Story,
    StoryEvent,
    StoryVisit,
    Surgery,
    dexamethasone,
    glioblastoma_workup,
    read,
    specimen,
    status,
    stupp_treatment,
)
from imaging.compute.phantoms.tumour import TumourState

_BEFORE = TumourState(
    centre_mm=(-30.0, 30.0, 22.0),
    enhancing_ml=19.0,
    oedema_ml=55.0,
    necrosis_share=0.4,
    rcbv_enhancing=3.0,
    texture_seed=202,
)
_AFTER = dataclasses.replace(
    _BEFORE, enhancing_ml=3.0, oedema_ml=34.0, necrosis_share=0.0, cavity_ml=22.0, adc_enhancing=1.20e-3
)


def _visit(
    day: int, label: str, enhancing: float, oedema: float, adc: float, rcbv: float, ktrans: float
) -> StoryVisit:
    state = dataclasses.replace(
        _AFTER,
        enhancing_ml=enhancing,
        oedema_ml=oedema,
        cavity_ml=16.0,
        adc_enhancing=adc,
        rcbv_enhancing=rcbv,
        ktrans_per_min=ktrans,
    )
    return StoryVisit(day, label, state)


PSEUDOPROGRESSION = Story(
    key="SYNTH-0002",
    title="Pseudoprogression that resolves",
    summary="Enhancement grows by more than 40 % six weeks after radiotherapy with low rCBV and high ADC, then shrinks.",
    sex="F",
    birth_year=1974,
    head_seed=22,
    events=(
        dexamethasone(-4, 8.0, "tumour"),
        status(-3, 90, "unknown"),
        read(-3, "Necrotic enhancing mass in the left frontal lobe."),
        StoryEvent(0, Surgery("subtotal", 84.2, 3.0, "left frontal")),
        *glioblastoma_workup(
            mgmt="methylated",
            description="Glioblastoma with palisading necrosis and microvascular proliferation",
        ),
        read(2, "Resection cavity; thin residual enhancement.", flair="better"),
        dexamethasone(14, 2.0, "tumour"),
        dexamethasone(28, 0.0, "tumour"),
        status(33, 90),
        *stupp_treatment(rt_start=35, rt_end=74, adjuvant_end=270),
        status(95, 90),
        read(95, "First scan after radiotherapy: margin enhancement, baseline."),
        status(116, 90),
        read(
            116,
            "Clearly more enhancement and oedema within the high-dose field, 6 weeks after radiotherapy. "
            "Low rCBV: treatment effect is possible; short-term control advised.",
            flair="sig_increase",
        ),
        dexamethasone(118, 4.0, "treatment_effect"),
        status(144, 90),
        read(144, "Enhancement not growing further.", flair="stable"),
        dexamethasone(151, 2.0, "treatment_effect"),
        status(172, 90, "improved"),
        read(172, "Distinctly less enhancement and oedema.", flair="better"),
        dexamethasone(180, 0.0, "treatment_effect"),
        status(214, 90),
        read(214, "Further decrease: in keeping with resolved pseudoprogression.", flair="better"),
        status(270, 90),
        read(270, "Small residual enhancement.", flair="better"),
        status(354, 90),
        read(354, "Unchanged."),
        StoryEvent(
            116,
            Outcome("pseudoprogression", "imaging", "no", "no growth for six months without new treatment"),
            known_after=190,
        ),
        StoryEvent(354, Outcome("last_contact", "clinical", "unknown", "alive")),
    ),
    visits=(
        StoryVisit(-3, "before surgery", _BEFORE),
        StoryVisit(2, "after surgery", _AFTER, WITHOUT_DSC),
        _visit(95, "3 weeks after radiotherapy", 6.0, 32.0, 1.22e-3, 1.7, 0.08),
        _visit(116, "6 weeks after radiotherapy", 10.0, 52.0, 1.45e-3, 1.2, 0.16),
        _visit(144, "10 weeks after radiotherapy", 9.4, 48.0, 1.47e-3, 1.15, 0.14),
        _visit(172, "14 weeks after radiotherapy", 5.4, 34.0, 1.46e-3, 1.1, 0.10),
        _visit(214, "20 weeks after radiotherapy", 3.8, 25.0, 1.44e-3, 1.1, 0.08),
        _visit(270, "after 6 cycles", 3.2, 20.0, 1.42e-3, 1.1, 0.07),
        _visit(354, "follow-up", 3.1, 18.0, 1.42e-3, 1.1, 0.06),
    ),
    specimens=(
        specimen(-3, 0.18, 16.2),
        specimen(95, None, 9.1),
        specimen(116, None, 10.4),
        specimen(144, None, 9.8),
        specimen(214, None, 8.4),
        specimen(354, None, 8.0),
    ),
)
