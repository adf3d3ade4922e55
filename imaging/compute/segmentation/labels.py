"""The label map's values, what they mean, how they are drawn, and which regions are counted from them."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
import numpy.typing as npt


class Label(enum.IntEnum):
    """Values of a "labels" volume."""

    BACKGROUND = 0
    NECROSIS = 1
    OEDEMA = 2
    CAVITY = 3
    ENHANCING = 4


@dataclasses.dataclass(frozen=True)
class LegendEntry:
    """How one label or region is named and drawn, everywhere."""

    key: str
    name: str
    colour: str
    meaning: str


LEGEND: dict[Label, LegendEntry] = {
    Label.ENHANCING: LegendEntry(
        "enhancing", "Enhancing tumour", "#D55E00", "Takes up contrast agent; the burden that RANO counts"
    ),
    Label.OEDEMA: LegendEntry(
        "oedema",
        "Oedema / non-enhancing",
        "#56B4E9",
        "FLAIR-bright without enhancement: oedema, infiltration or both",
    ),
    Label.NECROSIS: LegendEntry(
        "necrosis",
        "Necrosis",
        "#F0E442",
        "Dark after contrast, enclosed by enhancing tumour; never counted as burden",
    ),
    Label.CAVITY: LegendEntry(
        "cavity", "Cavity", "#CC79A7", "Fluid like CSF that touches the lesion; never counted as burden"
    ),
}
"""Okabe-Ito colours, told apart with the common colour vision deficiencies (Wong 2011, Nature Methods 8:441,
https://doi.org/10.1038/nmeth.1618). The order is the order of the legend."""

REGION_LABELS: dict[str, tuple[Label, ...]] = {
    "enhancing": (Label.ENHANCING,),
    "necrosis": (Label.NECROSIS,),
    "oedema": (Label.OEDEMA,),
    "cavity": (Label.CAVITY,),
    "whole_lesion": (Label.ENHANCING, Label.NECROSIS, Label.OEDEMA),
}
"""Labels of each region. The whole lesion leaves the cavity out: fluid after surgery is not tumour."""

REGION_NAMES: dict[str, str] = {
    **{entry.key: entry.name for entry in LEGEND.values()},
    "whole_lesion": "Whole lesion (without cavity)",
    "nawm": "Normal-appearing white matter",
    "brain": "Brain",
}

CE_BURDEN: tuple[str, ...] = ("enhancing",)
"""Regions of the contrast-enhancing burden. Necrosis and cavity never count."""
NON_CE_BURDEN: tuple[str, ...] = ("oedema",)
"""Regions of the non-enhancing burden; in a non-enhancing tumour its core carries the oedema label too."""


def region_mask(labels: npt.NDArray[np.integer], region: str) -> npt.NDArray[np.bool_]:
    """Return where `region` is, shape of `labels`; KeyError for a region that labels do not define."""
    return np.isin(labels, [int(label) for label in REGION_LABELS[region]])
