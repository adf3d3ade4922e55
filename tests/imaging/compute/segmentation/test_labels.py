"""The label map's contract: values are stored in files and must never move."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.compute.segmentation.labels import (
    CE_BURDEN,
    LEGEND,
    NON_CE_BURDEN,
    REGION_LABELS,
    REGION_NAMES,
    Label,
    region_mask,
)


def test_values_are_the_stored_ones() -> None:
    assert {label.name: int(label) for label in Label} == {
        "BACKGROUND": 0,
        "NECROSIS": 1,
        "OEDEMA": 2,
        "CAVITY": 3,
        "ENHANCING": 4,
    }


def test_each_label_has_its_own_colour_and_name() -> None:
    assert set(LEGEND) == set(Label) - {Label.BACKGROUND}
    assert len({entry.colour for entry in LEGEND.values()}) == len(LEGEND)
    assert set(REGION_LABELS) <= set(REGION_NAMES)


def test_regions_are_made_of_the_right_labels() -> None:
    labels = np.arange(5)
    assert region_mask(labels, "whole_lesion").tolist() == [False, True, True, False, True]
    assert region_mask(labels, "enhancing").tolist() == [False, False, False, False, True]
    with pytest.raises(KeyError):
        region_mask(labels, "liver")


def test_necrosis_and_cavity_never_count_as_burden() -> None:
    counted = {label for region in (*CE_BURDEN, *NON_CE_BURDEN) for label in REGION_LABELS[region]}
    assert counted == {Label.ENHANCING, Label.OEDEMA}
