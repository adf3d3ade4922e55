"""White matter opposite to the lesion, and what is divided by it."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from gliomon.common.errors import DomainError
from imaging.compute.nawm import midsagittal_plane, nawm_contralateral, normalise_cbv

SHAPE = (72, 88, 60)
AFFINE = np.array([[2.0, 0, 0, -71.0], [0, 2.0, 0, -87.0], [0, 0, 2.0, -59.0], [0, 0, 0, 1.0]])
GREY, WHITE, FLUID = 700.0, 1000.0, 250.0


def world(affine: np.ndarray) -> np.ndarray:
    """RAS+ mm of every voxel, shape (nx, ny, nz, 3)."""
    return np.moveaxis(np.indices(SHAPE), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def head(tilt: Rotation | None = None, shift: tuple[float, float, float] = (0, 0, 0), affine=AFFINE):
    """Brain mask, white matter and a T1-like image of a symmetric head, turned about the origin and shifted."""
    place = world(affine) - shift
    if tilt is not None:
        place = tilt.inv().apply(place.reshape(-1, 3)).reshape(place.shape)
    x, y, z = np.moveaxis(place, -1, 0)
    radius = np.sqrt((x / 62) ** 2 + (y / 78) ** 2 + (z / 54) ** 2)
    brain = radius < 1
    folds = 0.08 * np.cos(np.abs(x) / 4) * np.cos(y / 6) * np.cos(z / 5)
    white = (radius + folds < 0.82) & (np.abs(x) > 3)
    fluid = brain & (((np.abs(x) - 12) / 8) ** 2 + (y / 25) ** 2 + (z / 12) ** 2 < 1)
    white &= ~fluid
    image = np.where(brain, GREY, 0.0)
    image[white], image[fluid] = WHITE, FLUID
    return brain, white, image


def ball(centre: tuple[float, float, float], radius: float, affine=AFFINE) -> np.ndarray:
    return np.linalg.norm(world(affine) - centre, axis=-1) < radius


def noisy(image: np.ndarray) -> np.ndarray:
    return image + np.random.default_rng(9).normal(0, 40.0, image.shape)


@pytest.mark.parametrize(("x", "side"), [(30.0, "left"), (-30.0, "right")])
def test_white_matter_of_the_other_side(x, side):
    brain, white, image = head()
    lesion = ball((x, 10, 15), 14) & brain
    image[lesion] = 600.0
    found = nawm_contralateral(brain, lesion, noisy(image), AFFINE)
    assert found.side == side
    assert found.flags == ()
    assert found.n_voxels == found.mask.sum() > 500
    assert white[found.mask].mean() > 0.99
    assert (np.sign(world(AFFINE)[found.mask][:, 0]) == -np.sign(x)).all()


def test_the_same_tissue_whatever_the_order_of_axes():
    brain, _, image = head()
    lesion = ball((30, 10, 15), 14) & brain
    plain = nawm_contralateral(brain, lesion, image, AFFINE)
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = SHAPE[0] - 1
    turned = nawm_contralateral(brain[::-1], lesion[::-1], image[::-1], AFFINE @ flip)
    assert turned.side == plain.side == "left"
    overlap = (turned.mask[::-1] & plain.mask).sum() / plain.n_voxels
    assert overlap > 0.95


@pytest.mark.parametrize(("yaw", "roll", "x"), [(0, 0, 6), (10, 0, 0), (0, -8, 4), (12, 6, -5)])
def test_the_plane_follows_a_tilted_head(yaw, roll, x):
    tilt = Rotation.from_euler("zy", [yaw, roll], degrees=True)
    brain, _, image = head(tilt, (x, 0, 0))
    lesion = ball((x + 30, 10, 15), 12) & brain
    image[lesion] = 300.0
    normal, point = midsagittal_plane(brain, noisy(image), AFFINE, lesion)
    truth = tilt.apply([1.0, 0, 0])
    assert np.degrees(np.arccos(min(float(normal @ truth), 1.0))) < 1.5
    assert abs((point - [x, 0, 0]) @ truth) < 1.0


def test_lesion_with_its_border_midline_surface_and_skull_base_stay_out():
    brain, _, image = head()
    lesion = (ball((30, 10, 15), 14) | ball((-35, -20, 10), 8)) & brain
    found = nawm_contralateral(brain, lesion, image, AFFINE)
    place = world(AFFINE)
    assert not (found.mask & ndimage.binary_dilation(lesion)).any()
    assert (np.abs(place[found.mask][:, 0]) > 7.0).all()
    assert place[found.mask][:, 2].min() >= -12.0
    assert not (found.mask & ~ndimage.binary_erosion(brain, iterations=3)).any()


def test_lesions_on_both_sides_are_flagged_and_no_lesion_gives_both_sides():
    brain, _, image = head()
    both = (ball((30, 10, 15), 12) | ball((-30, 10, 15), 11)) & brain
    assert "bilateral_lesion" in nawm_contralateral(brain, both, image, AFFINE).flags
    none = nawm_contralateral(brain, np.zeros(SHAPE, bool), image, AFFINE)
    assert none.side == "both"
    assert "no_lesion" in none.flags


def test_vessels_after_contrast_and_wrong_diffusion_stay_out():
    brain, white, image = head()
    lesion = ball((30, 10, 15), 14) & brain
    vessel = ball((-30, 20, 20), 5)
    image[vessel] = 2200.0
    adc = np.full(SHAPE, 0.75e-3)
    bad = ball((-30, -20, 20), 8)
    adc[bad] = 1.5e-3
    adc[ball((-30, 0, 20), 5)] = np.nan
    found = nawm_contralateral(brain, lesion, noisy(image), AFFINE, adc=adc)
    assert not (found.mask & (vessel | bad)).any()
    assert (found.mask & ball((-30, 0, 20), 5) & white).any()


def test_white_matter_is_dark_on_t2():
    brain, white, image = head()
    t2 = np.where(brain, 1500.0 - image, 0.0)
    lesion = ball((30, 10, 15), 14) & brain
    t2[lesion] = 1200.0
    found = nawm_contralateral(brain, lesion, noisy(t2), AFFINE, weighting="t2")
    assert white[found.mask].mean() > 0.95


def test_thick_slices_and_a_bias_field():
    affine = AFFINE.copy()
    affine[:3, 2] *= 3.0
    affine[2, 3] = -59.0
    place = world(affine)
    brain, white, image = head(affine=affine)
    lesion = ball((30, 10, 15), 14, affine) & brain
    bias = 1.0 + 0.1 * place[..., 0] / 62 + 0.05 * place[..., 1] / 78
    found = nawm_contralateral(brain, lesion, noisy(image * bias), affine)
    assert found.side == "left"
    assert white[found.mask].mean() > 0.95


def test_a_head_without_enough_white_matter_is_refused():
    brain, _, image = head()
    with pytest.raises(DomainError) as refusal:
        nawm_contralateral(brain, ball((10, 0, 10), 75) & brain, image, AFFINE)
    assert refusal.value.code == "nawm_too_small"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lesion_mask": np.zeros((3, 3, 3), bool)}, "nawm_shape"),
        ({"weighting": "flair"}, "nawm_weighting"),
        ({"brain_mask": np.zeros(SHAPE, bool)}, "nawm_too_small"),
    ],
)
def test_bad_input_is_refused_at_the_door(change, code):
    brain, _, image = head()
    arguments = {"brain_mask": brain, "lesion_mask": np.zeros(SHAPE, bool), **change}
    with pytest.raises(DomainError) as refusal:
        nawm_contralateral(structural=image, affine=AFFINE, **arguments)
    assert refusal.value.code == code


def test_white_matter_of_the_atlas():
    from nilearn import datasets

    template = datasets.load_mni152_template(resolution=2)
    white = datasets.load_mni152_wm_template(resolution=2).get_fdata()
    image = template.get_fdata()
    brain = image > 0.05
    index = np.linalg.inv(template.affine) @ [35, 10, 30, 1]
    lesion = (np.linalg.norm(np.moveaxis(np.indices(image.shape), 0, -1) - index[:3], axis=-1) < 9) & brain
    found = nawm_contralateral(brain, lesion, image, template.affine, weighting="t1")
    assert found.side == "left"
    assert found.n_voxels > 5000
    assert (white[found.mask] > 0.5).mean() > 0.97


def test_normalisation_divides_by_the_trimmed_mean_without_vessels():
    rng = np.random.default_rng(12)
    cbv = rng.normal(2.0, 0.2, (10, 10, 10))
    cbv[9], cbv[0, 0, :5] = 6.0, 60.0  # tumour, vessels inside the region
    cbv[0, 1, 0] = np.nan
    region = np.zeros(cbv.shape, bool)
    region[:5] = True
    found = normalise_cbv(cbv, region)
    assert found.nawm_mean == pytest.approx(2.0, rel=0.01)
    np.testing.assert_allclose(found.cbv[9], 3.0, rtol=0.01)
    assert np.isnan(found.cbv[0, 1, 0])
    # 500 voxels less a NaN and five vessels, of which 80 % remain
    assert found.n_voxels == pytest.approx(0.8 * 494, abs=2)


def test_normalisation_does_not_depend_on_scale():
    cbv = np.random.default_rng(13).normal(2.0, 0.2, (8, 8, 8))
    region = np.ones(cbv.shape, bool)
    np.testing.assert_allclose(normalise_cbv(cbv * 350.0, region).cbv, normalise_cbv(cbv, region).cbv)


@pytest.mark.parametrize(
    ("cbv", "region", "code"),
    [
        (np.ones((5, 5, 5)), np.zeros((5, 5, 5), bool), "nawm_too_small"),
        (np.full((5, 5, 5), np.nan), np.ones((5, 5, 5), bool), "nawm_too_small"),
        (np.full((5, 5, 5), -1.0), np.ones((5, 5, 5), bool), "nawm_not_positive"),
        (np.ones((5, 5, 5)), np.ones((4, 5, 5), bool), "nawm_shape"),
    ],
)
def test_a_scale_from_nothing_is_refused(cbv, region, code):
    with pytest.raises(DomainError) as refusal:
        normalise_cbv(cbv, region)
    assert refusal.value.code == code


def test_unreliable_voxels_do_not_set_the_scale():
    cbv = np.ones((6, 6, 6))
    cbv[:3] = 0.5
    reliable = np.ones(cbv.shape, bool)
    reliable[:3] = False
    assert normalise_cbv(cbv, np.ones(cbv.shape, bool), reliable=reliable).nawm_mean == 1.0
