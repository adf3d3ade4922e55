"""Story: response to chemoradiation, then stable."""

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
    centre_mm=(37.0, -24.0, 41.0),
    enhancing_ml=24.0,
    oedema_ml=58.0,
    necrosis_share=0.3,
    rcbv_enhancing=3.2,
    ktrans_per_min=0.10,
    texture_seed=101,
)
_AFTER = dataclasses.replace(
    _BEFORE, enhancing_ml=5.0, oedema_ml=44.0, necrosis_share=0.0, cavity_ml=18.0, adc_enhancing=1.15e-3
)


def _visit(
    day: int, label: str, enhancing: float, oedema: float, cavity: float, adc: float, rcbv: float
) -> StoryVisit:
    state = dataclasses.replace(
        _AFTER,
        enhancing_ml=enhancing,
        oedema_ml=oedema,
        cavity_ml=cavity,
        adc_enhancing=adc,
        rcbv_enhancing=rcbv,
        ktrans_per_min=0.05 + 0.02 * rcbv,
    )
    return StoryVisit(day, label, state)


RESPONSE = Story(
    key="SYNTH-0001",
    title="Response",
    summary="MGMT-methylated glioblastoma: shrinks under chemoradiation and temozolomide, then stays stable.",
    sex="M",
    birth_year=1967,
    head_seed=11,
    events=(
        dexamethasone(-5, 12.0, "tumour"),
        status(-2, 80, "unknown"),
        read(-2, "Rim-enhancing mass in the right parietal lobe with central necrosis and oedema."),
        StoryEvent(0, Surgery("subtotal", 79.2, 5.0, "right parietal")),
        *glioblastoma_workup(
            mgmt="methylated", description="Cellular astrocytic tumour, microvascular proliferation, necrosis"
        ),
        read(
            1, "Cavity with blood-free margin; nodular enhancement left at the medial wall.", flair="better"
        ),
        dexamethasone(7, 4.0, "tumour"),
        dexamethasone(28, 2.0, "tumour"),
        status(33, 90, "improved"),
        *stupp_treatment(rt_start=35, rt_end=74, adjuvant_end=270),
        dexamethasone(81, 0.0, "tumour"),
        status(102, 90),
        read(102, "First scan after radiotherapy. Margin enhancement, to be taken as baseline."),
        status(158, 90),
        read(158, "Less enhancement at the cavity wall.", flair="better"),
        status(214, 90),
        read(214, "Further decrease of enhancement.", flair="better"),
        status(270, 90),
        read(270, "Small residual enhancement.", flair="better"),
        status(326, 90),
        read(326, "Unchanged small residual enhancement: response holds."),
        status(410, 90),
        read(410, "Unchanged."),
        status(494, 90),
        read(494, "Unchanged."),
        StoryEvent(494, Outcome("last_contact", "clinical", "unknown", "alive, working part time")),
    ),
    visits=(
        StoryVisit(-2, "before surgery", _BEFORE),
        StoryVisit(1, "after surgery", _AFTER, WITHOUT_DSC),
        _visit(102, "4 weeks after radiotherapy", 9.0, 40.0, 15.0, 1.15e-3, 2.2),
        _visit(158, "after 2 cycles", 7.0, 34.0, 14.0, 1.22e-3, 1.9),
        _visit(214, "after 4 cycles", 4.6, 27.0, 13.0, 1.30e-3, 1.6),
        _visit(270, "after 6 cycles", 2.5, 21.0, 12.5, 1.36e-3, 1.3),
        _visit(326, "follow-up", 2.4, 19.0, 12.0, 1.38e-3, 1.2),
        _visit(410, "follow-up", 2.4, 18.0, 12.0, 1.38e-3, 1.2),
        _visit(494, "follow-up", 2.4, 18.0, 12.0, 1.40e-3, 1.2),
    ),
    specimens=(
        specimen(-2, 0.24, 19.4),
        specimen(102, None, 9.7),
        specimen(214, None, 8.8),
        specimen(326, None, 8.1),
        specimen(410, None, 8.5),
        specimen(494, None, 8.3, verified=False),
    ),
)
