"""Brain extraction: the gates on made heads, the networks on a real study where one is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute import brain
from imaging.compute.brain import METHOD_NETWORK, METHOD_STRIPPED, extract_brain, weights_path
from imaging.compute.volume import Volume, read_nifti

SHAPE = (64, 72, 60)


def _ball(radius_mm: float, spacing_mm: float = 3.0) -> Volume:
    grid = np.stack(np.meshgrid(*[np.arange(n) - n / 2 + 0.5 for n in SHAPE], indexing="ij"))
    inside = np.sqrt((grid**2).sum(axis=0)) * spacing_mm <= radius_mm
    values = np.where(inside, 100.0 + np.random.default_rng(1).normal(size=SHAPE), 0.0)
    return Volume(values.astype(np.float32), np.diag([spacing_mm] * 3 + [1.0]), "t1ce", "1")


def test_stripped_input_is_its_own_mask() -> None:
    head = _ball(68.0)  # 4/3 pi 68^3 mm3 = 1317 mL
    hollow = head.array.copy()
    hollow[30:34, 34:38, 28:32] = 0.0  # a ventricle without signal belongs to the brain
    found = extract_brain(head.with_array(hollow))
    assert found.method == METHOD_STRIPPED
    assert found.volume_ml == pytest.approx(1317.0, rel=0.02)
    assert found.mask.kind == "brain"
    assert set(np.unique(found.mask.array)) == {0, 1}
    np.testing.assert_array_equal(found.mask.array > 0, head.array != 0)
    assert found.flags == ("brain_given",)


def test_stripped_brain_of_unusual_size_is_flagged_and_an_implausible_one_refused() -> None:
    assert "brain_volume_unusual" in extract_brain(_ball(57.5)).flags  # 796 mL
    with pytest.raises(DomainError) as caught:
        extract_brain(_ball(40.0))  # 268 mL
    assert caught.value.code == "brain_extraction_implausible"


def test_zeroed_air_around_a_whole_head_is_not_taken_for_a_stripped_brain() -> None:
    whole_head = _ball(86.0)  # 2664 mL: more than any brain
    assert brain._stripped_brain(whole_head.array, whole_head.voxel_ml) is None


def test_air_with_noise_is_not_taken_for_a_stripped_brain() -> None:
    head = _ball(68.0)
    noisy = head.array + np.abs(np.random.default_rng(2).normal(size=SHAPE)).astype(np.float32)
    assert brain._stripped_brain(noisy, head.voxel_ml) is None


def test_constant_image_is_refused() -> None:
    with pytest.raises(DomainError) as caught:
        extract_brain(Volume(np.full(SHAPE, 3.0), np.eye(4), "t1", "1"))
    assert caught.value.code == "brain_extraction_input"


@pytest.mark.parametrize("codes", [("R", "A", "S"), ("L", "P", "S"), ("P", "S", "R"), ("I", "L", "A")])
def test_any_orientation_reaches_ras_and_comes_back(codes: tuple[str, str, str], monkeypatch) -> None:
    """The array that the networks get must always be RAS+, and the mask must return to the input's axes."""
    import nibabel
    from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform

    ras = np.random.default_rng(3).normal(size=(5, 6, 7)).astype(np.float32)
    change = ornt_transform(axcodes2ornt(("R", "A", "S")), axcodes2ornt(codes))
    turned = nibabel.apply_orientation(ras, change)
    affine = inv_ornt_aff(change, ras.shape)
    assert nibabel.aff2axcodes(affine) == codes
    seen: list[np.ndarray] = []

    def threshold(head: np.ndarray, device: str) -> np.ndarray:
        seen.append(head)
        return head > 0

    monkeypatch.setattr(brain, "_run_networks", threshold)
    found = brain._network_brain(np.asarray(turned), affine, "cpu")
    np.testing.assert_array_equal(seen[0], ras)
    np.testing.assert_array_equal(found, turned > 0)


def test_box_covers_the_brain_with_its_margin() -> None:
    coarse = np.zeros((16, 16, 16), dtype=bool)
    coarse[4:12, 4:12, 6:10] = True
    box = brain._brain_box(coarse, (160, 160, 80))
    # size 80 x 80 x 20 voxels around (80, 80, 40), 10 % more on each side
    assert box == (slice(32, 128), slice(32, 128), slice(28, 52))


def test_weights_are_found_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights_path("model.pt").is_file()
    monkeypatch.setitem(brain.WEIGHTS_SHA256, "model.pt", "0" * 64)
    with pytest.raises(DomainError) as caught:
        weights_path("model.pt")
    assert caught.value.code == "brain_weights_changed"
    with pytest.raises(DomainError) as caught:
        weights_path("other.pt")
    assert caught.value.code == "brain_weights_missing"


def _real_t1ce() -> Volume:
    import SimpleITK as sitk

    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the real glioma study is not at hand")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(Path(root) / "glioma_study_dicom" / "pat1_t1post")))
    image = reader.Execute()
    affine = np.diag([*(-s for s in image.GetSpacing()[:2]), image.GetSpacing()[2], 1.0])
    return Volume(sitk.GetArrayFromImage(image).transpose(2, 1, 0), affine, "t1ce", "1")


@pytest.mark.slow
def test_real_head_has_a_plausible_brain_that_holds_the_tumour() -> None:
    head = _real_t1ce()
    found = extract_brain(head)
    assert found.method == METHOD_NETWORK
    assert found.version.startswith("deepbet-")
    assert 1450.0 <= found.volume_ml <= 1650.0  # 1550 mL with the package's own code on the same series
    assert found.flags == ()
    assert found.mask.array[87, 186, 131] == 1  # centre of the enhancing ring
    assert found.mask.array[:, :, 190:].sum() == 0  # above the vertex


@pytest.mark.slow
def test_real_stripped_case_is_recognised() -> None:
    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the real skull-stripped case is not at hand")
    folder = Path(root) / "tumour_volumes" / "TCGA-DU-7294" / "raw_bet"
    found = extract_brain(read_nifti(folder / "TCGA-DU-7294_t1c_bet.nii.gz", kind="t1ce", unit="1"))
    assert found.method == METHOD_STRIPPED
    assert found.volume_ml == pytest.approx(1246.0, rel=0.005)
