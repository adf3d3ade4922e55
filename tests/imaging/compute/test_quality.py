"""Quality flags on images and numbers whose quality is known."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.compute import quality
from imaging.compute.quality import FLAGS
from imaging.compute.registration import RigidAlignment
from imaging.compute.volume import Volume

SHAPE = (60, 60, 30)
BRAIN = Volume(np.ones(SHAPE, dtype=np.uint8), np.eye(4), "brain", "1")


def _image(snr: float) -> Volume:
    noise = np.random.default_rng(5).normal(size=SHAPE)
    return Volume(200.0 + 200.0 / snr * noise, np.eye(4), "t1", "1")


@pytest.mark.parametrize("snr", [5.0, 20.0, 80.0])
def test_snr_is_recovered(snr: float) -> None:
    """Gaussian noise of known SD on a flat image; 5 % covers the sampling error of 108,000 voxels."""
    assert quality.signal_to_noise(_image(snr), BRAIN) == pytest.approx(snr, rel=0.05)


def test_snr_without_noise_or_without_brain() -> None:
    flat = Volume(np.full(SHAPE, 7.0), np.eye(4), "t1", "1")
    assert quality.signal_to_noise(flat, BRAIN) == float("inf")
    assert np.isnan(quality.signal_to_noise(flat, BRAIN.with_array(np.zeros(SHAPE))))


def test_image_flags() -> None:
    assert quality.image_flags(_image(5.0), BRAIN) == ("low_snr",)
    assert quality.image_flags(_image(20.0), BRAIN) == ()
    thick = Volume(np.ones(SHAPE), np.diag([1.0, 1.0, 6.0, 1.0]), "t2", "1")
    assert quality.image_flags(thick) == ("thick_slices",)


def test_coverage_is_the_share_of_brain_voxels_in_view() -> None:
    upper_half = np.eye(4)
    upper_half[2, 3] = 15.0
    image = Volume(np.ones((60, 60, 15)), upper_half, "dwi", "1")
    assert quality.brain_coverage(image, BRAIN) == pytest.approx(0.5)
    assert quality.coverage_flags(image, BRAIN) == ("brain_not_covered",)
    down = np.eye(4)
    down[2, 3] = 15.0  # brain points lie 15 mm higher in the image's space: now the lower half is in view
    assert quality.brain_coverage(image, BRAIN, down) == pytest.approx(0.5)
    assert quality.coverage_flags(_image(20.0), BRAIN) == ()
    assert quality.brain_coverage(image, BRAIN.with_array(np.zeros(SHAPE))) == 0.0


@pytest.mark.parametrize(
    ("mean", "flags"),
    [
        (None, ()),
        (0.75e-3, ()),
        (0.6e-3, ()),
        (1.0e-3, ()),
        (0.59e-3, ("nawm_adc_implausible",)),
        (750.0, ("nawm_adc_implausible",)),
    ],
)
def test_white_matter_adc(mean: float | None, flags: tuple[str, ...]) -> None:
    assert quality.nawm_adc_flags(mean) == flags


def test_refused_alignment_is_flagged() -> None:
    kept = RigidAlignment(np.eye(4), 0.4, 0.3, 3.0, False, "worse_than_header")
    used = RigidAlignment(np.eye(4), 0.4, 0.6, 3.0, True, "improved")
    assert quality.registration_flags(kept) == ("registration_refused",)
    assert quality.registration_flags(used) == ()


def test_flags_are_joined_once_in_order_and_foreign_ones_pass() -> None:
    assert quality.merged(("b_out_of_range", "low_snr"), (), ("low_snr", "small_region")) == (
        "b_out_of_range",
        "low_snr",
        "small_region",
    )
    assert quality.explain("from_elsewhere") == "from_elsewhere"


def test_every_flag_has_a_sentence() -> None:
    assert all(text.endswith(".") and len(text) > 20 for text in FLAGS.values())
    for flag in ("b_out_of_range", "small_region", "registration_refused", "no_lesion_found", "no_t1ce"):
        assert quality.explain(flag) != flag
