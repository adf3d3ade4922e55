"""Rendered images give the truth back."""

from __future__ import annotations

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.anatomy import VirtualHead
from imaging.compute.phantoms.profiles import SMALL
from imaging.compute.phantoms.render import RenderedTimepoint, render_timepoint
from imaging.compute.phantoms.tumour import ENHANCING, OEDEMA, TumourState


def test_adc_is_recovered_within_two_percent_in_pure_tissue(noiseless: RenderedTimepoint) -> None:
    """Science sheet 9, validation: ADC to 2 % without noise."""
    dwi = noiseless.volumes["dwi"]
    truth = noiseless.truth.sampled("adc", dwi).array
    pure = noiseless.truth.pure(dwi).array > 0
    fitted = np.log(dwi.array[..., 0][pure] / dwi.array[..., 1][pure]) / 1000.0
    error = np.abs(fitted / truth[pure] - 1.0)
    assert pure.sum() > 100
    assert np.percentile(error, 99) < 0.02


def test_peak_drop_orders_tissues_by_their_blood_volume(noiseless: RenderedTimepoint) -> None:
    """Ratio of the peak dR2* of enhancing tumour to white matter follows vp, up to the T1 effect (15 %)."""
    dsc = noiseless.volumes["dsc"]
    brain = noiseless.truth.sampled("brain", dsc).array > 0
    curves = dsc.array[brain]
    relaxation = -np.log(curves.min(axis=-1) / curves[:, :8].mean(axis=-1))
    nawm = noiseless.truth.sampled("nawm", dsc).array[brain] > 0
    rcbv = noiseless.truth.sampled("rcbv", dsc).array[brain]
    core = (noiseless.truth.sampled("labels", dsc).array[brain] == ENHANCING) & (rcbv > 1.5)
    ratio = relaxation[core] / np.median(relaxation[nawm])
    assert np.median(ratio / rcbv[core]) == pytest.approx(1.0, abs=0.15)
    assert np.corrcoef(ratio, rcbv[core])[0, 1] > 0.9


def test_contrast_makes_the_rim_stand_out(rendered: RenderedTimepoint) -> None:
    """The threshold of median + 2 robust SD inside the brain finds most of the enhancing truth."""
    t1ce = rendered.volumes["t1ce"]
    brain = rendered.truth.sampled("brain", t1ce).array > 0
    rim = rendered.truth.sampled("labels", t1ce).array == ENHANCING
    median = np.median(t1ce.array[brain])
    spread = 1.4826 * np.median(np.abs(t1ce.array[brain] - median))
    bright = (t1ce.array > median + 2 * spread) & brain
    assert (bright & rim).sum() / rim.sum() > 0.9
    assert (bright & ~rim).sum() < 1.5 * rim.sum()


def test_flair_shows_the_oedema_and_hides_the_fluid(rendered: RenderedTimepoint, head: VirtualHead) -> None:
    flair = rendered.volumes["flair"]
    oedema = rendered.truth.sampled("labels", flair).array == OEDEMA
    nawm = rendered.truth.sampled("nawm", flair).array > 0
    fluid = rendered.truth.sampled("adc", flair).array > 2.95e-3
    assert np.median(flair.array[oedema]) > 1.6 * np.median(flair.array[nawm])
    assert np.median(flair.array[fluid]) < 0.5 * np.median(flair.array[nawm])


def test_truth_on_an_image_keeps_the_volumes(rendered: RenderedTimepoint) -> None:
    """Labels carried to the T1ce grid (30 mm3 voxels) keep their volumes within 6 %."""
    for kind in ("t1ce", "flair"):
        labels = rendered.truth.sampled("labels", rendered.volumes[kind])
        for label in (OEDEMA, ENHANCING):
            carried = np.count_nonzero(labels.array == label) * labels.voxel_ml
            assert carried == pytest.approx(rendered.truth.volume_ml(label), rel=0.06)


def test_the_normal_white_matter_is_white_and_on_the_other_side(rendered: RenderedTimepoint) -> None:
    nawm, adc = rendered.truth.nawm, rendered.truth.adc
    inside = np.argwhere(nawm.array > 0)
    x = nawm.affine[0, 0] * inside[:, 0] + nawm.affine[0, 3]
    assert x.max() < 0
    assert len(inside) * nawm.voxel_ml > 5.0
    assert adc.array[nawm.array > 0] == pytest.approx(0.75e-3, rel=0.12)
    assert rendered.truth.rcbv.array[nawm.array > 0].mean() == pytest.approx(1.0, abs=0.03)


def test_noise_has_the_signal_to_noise_of_the_profile(head: VirtualHead, state: TumourState) -> None:
    made = {
        noise: render_timepoint(head, state, profile=SMALL, seed=7, kinds=("t2",), noise=noise, bias=0.0)
        for noise in (0.0, 1.0)
    }
    clean, noisy = made[0.0].volumes["t2"], made[1.0].volumes["t2"]
    nawm = made[0.0].truth.sampled("nawm", clean).array > 0
    sd = float((noisy.array - clean.array)[nawm].std())
    assert np.median(clean.array[nawm]) / sd == pytest.approx(SMALL.of("t2").snr, rel=0.1)


def test_same_seed_same_images_other_seed_other_noise_and_position(
    head: VirtualHead, state: TumourState, rendered: RenderedTimepoint
) -> None:
    again = render_timepoint(head, state, profile=SMALL, seed=7, kinds=("t1", "t1ce"))
    other = render_timepoint(head, state, profile=SMALL, seed=8, kinds=("t1",))
    assert np.array_equal(again.volumes["t1"].array, rendered.volumes["t1"].array)
    assert np.array_equal(again.volumes["t1ce"].array, rendered.volumes["t1ce"].array)
    assert not np.array_equal(other.volumes["t1"].array, rendered.volumes["t1"].array)
    moved = other.truth.head_to_scanner["t1"] - rendered.truth.head_to_scanner["t1"]
    assert np.abs(moved[:3, 3]).max() > 0.1


def test_sequences_of_one_visit_are_within_two_millimetres(rendered: RenderedTimepoint) -> None:
    """Shift SD 0.25 mm and turn SD 0.25 degrees per sequence, both cut at 2 SD."""
    positions = rendered.truth.head_to_scanner
    for kind, position in positions.items():
        between = position @ np.linalg.inv(positions["t1"])
        assert np.abs(between[:3, :3] - np.eye(3)).max() < 0.03, kind
        assert np.linalg.norm(between[:3, 3]) < 2.5, kind


def test_no_motion_means_head_space(head: VirtualHead, state: TumourState) -> None:
    still = render_timepoint(head, state, profile=SMALL, seed=7, kinds=("flair",), motion=0.0)
    assert still.truth.head_to_scanner["flair"] == pytest.approx(np.eye(4))


def test_unknown_sequences_are_refused(head: VirtualHead, state: TumourState) -> None:
    with pytest.raises(DomainError) as caught:
        render_timepoint(head, state, profile=SMALL, seed=1, kinds=("t1", "pet"))
    assert caught.value.code == "kind_unknown"


def test_truth_is_refused_for_a_series_that_was_not_scanned(noiseless: RenderedTimepoint) -> None:
    with pytest.raises(DomainError) as caught:
        noiseless.truth.sampled("labels", noiseless.volumes["dwi"], as_kind="flair")
    assert caught.value.code == "truth_position"
