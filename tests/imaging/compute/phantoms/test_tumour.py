"""The tumour has the volumes, the layers and the constancy that its state says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.anatomy import VirtualHead
from imaging.compute.phantoms.tumour import (
    CAVITY,
    ENHANCING,
    NECROSIS,
    OEDEMA,
    TumourState,
    place_tumour,
)


def with_cavity(state: TumourState) -> TumourState:
    return dataclasses.replace(state, enhancing_ml=6.0, necrosis_share=0.0, cavity_ml=14.0)


def test_labels_have_the_volumes_of_the_state(head: VirtualHead, state: TumourState) -> None:
    for case in (state, with_cavity(state)):
        lesion = place_tumour(head, case)
        for label in (NECROSIS, OEDEMA, CAVITY, ENHANCING):
            placed = np.count_nonzero(lesion.labels == label) * head.spacing_mm**3 / 1000.0
            assert placed == pytest.approx(case.volume_ml(label), abs=head.spacing_mm**3 / 1000.0)


def test_the_enhancing_rim_encloses_the_necrosis(head: VirtualHead, state: TumourState) -> None:
    labels = place_tumour(head, state).labels
    around = binary_dilation(labels == NECROSIS) & (labels != NECROSIS)
    assert np.isin(labels[around], (ENHANCING,)).mean() > 0.9


def test_enhancement_after_surgery_lies_at_the_cavity(head: VirtualHead, state: TumourState) -> None:
    labels = place_tumour(head, with_cavity(state)).labels
    touching = binary_dilation(labels == CAVITY) & (labels == ENHANCING)
    assert touching.sum() > 0.2 * (labels == ENHANCING).sum()


def test_oedema_prefers_white_matter(head: VirtualHead, state: TumourState) -> None:
    lesion = place_tumour(head, state)
    white = head.share("white")[lesion.box]
    nearby = binary_dilation(lesion.labels > 0, iterations=6) & head.brain[lesion.box]
    assert white[lesion.labels == OEDEMA].mean() > 1.2 * white[nearby].mean()


def test_everything_lies_in_the_brain(head: VirtualHead, state: TumourState) -> None:
    lesion = place_tumour(head, state)
    assert head.brain[lesion.box][lesion.labels > 0].all()
    assert lesion.shares.sum(axis=0).max() <= 1.0 + 1e-5


def test_a_growing_tumour_keeps_its_shape(head: VirtualHead, state: TumourState) -> None:
    """A smaller core of the same seed lies inside the larger one."""
    small = place_tumour(head, dataclasses.replace(state, enhancing_ml=8.0, necrosis_share=0.0)).labels
    large = place_tumour(head, dataclasses.replace(state, enhancing_ml=16.0, necrosis_share=0.0)).labels
    assert (large[small == ENHANCING] == ENHANCING).all()


def test_textures_are_centred_on_the_state(head: VirtualHead, state: TumourState) -> None:
    lesion = place_tumour(head, state)
    inside = lesion.labels == ENHANCING
    assert lesion.rcbv(ENHANCING)[inside].mean() == pytest.approx(state.rcbv_enhancing, rel=1e-4)
    assert lesion.adc(ENHANCING)[inside].mean() == pytest.approx(state.adc_enhancing, rel=0.01)
    assert 0.1 < np.log(lesion.rcbv(ENHANCING)[inside]).std() < 0.3


def test_a_tumour_without_enhancement_is_oedema_alone(head: VirtualHead, state: TumourState) -> None:
    labels = place_tumour(head, dataclasses.replace(state, enhancing_ml=0.0, oedema_ml=20.0)).labels
    assert set(np.unique(labels)) == {0, OEDEMA}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"centre_mm": (120.0, 0.0, 0.0)}, "tumour_outside"),
        ({"centre_mm": (0.0, 90.0, 90.0)}, "tumour_outside"),
        ({"oedema_ml": 5000.0}, "tumour_too_large"),
        ({"enhancing_ml": -1.0}, "tumour_volume"),
        ({"necrosis_share": 0.95}, "necrosis_share"),
        ({"leakage": "both"}, "leakage"),
    ],
)
def test_impossible_tumours_are_refused(
    head: VirtualHead, state: TumourState, change: dict, code: str
) -> None:
    with pytest.raises(DomainError) as caught:
        place_tumour(head, dataclasses.replace(state, **change))
    assert caught.value.code == code
