"""Rigid alignment against a known movement (truth is built in) and against the header of a real study.

Tolerance 0.5 mm mean over the brain: a quarter of the 2 mm that a reader cannot see (docs/decisions/0005).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from gliomon.common.errors import DomainError
from imaging.compute import registration
from imaging.compute.registration import align_rigid, representative
from imaging.compute.volume import Volume

TOLERANCE_MM = 0.5
SHAPE, SPACING_MM = (80, 92, 76), 2.0


def _affine(spacing: tuple[float, float, float]) -> np.ndarray:
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = (80.0, 92.0, -76.0)
    return affine


@pytest.fixture(scope="module")
def fixed() -> Volume:
    """A textured ellipsoid with a dark rim: two tissues, fluid and background."""
    rng = np.random.default_rng(20)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    radius = np.sqrt((grid**2 / np.array([0.72, 0.8, 0.7])[:, None, None, None] ** 2).sum(axis=0))
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2.5)
    tissue = np.select([texture > 0.02, texture > -0.03], [300.0, 210.0], 60.0)
    image = np.where(radius < 1.0, tissue, 0.0)
    return Volume(
        ndimage.gaussian_filter(image, 0.6).astype(np.float32), _affine((2.0, 2.0, 2.0)), "t1ce", "1"
    )


@pytest.fixture(scope="module")
def brain(fixed: Volume) -> Volume:
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(fixed.array > 30, iterations=2))
    return fixed.with_array(inside.astype(np.uint8), kind="brain", unit="1")


def _movement(degrees: tuple[float, float, float], mm: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = mm
    return matrix


def _moved(fixed: Volume, truth: np.ndarray, spacing: tuple[float, float, float]) -> Volume:
    """What a scanner with another contrast would see: fixed point x lies at truth @ x."""
    affine = _affine(spacing)
    shape = tuple(int(n * SPACING_MM / mm) for n, mm in zip(SHAPE, spacing, strict=True))
    to_fixed = np.linalg.inv(fixed.affine) @ np.linalg.inv(truth) @ affine
    source = ndimage.affine_transform(
        fixed.array, to_fixed[:3, :3], to_fixed[:3, 3], output_shape=shape, order=1
    )
    inverted = np.where(source > 30, 420.0 - source, source)
    noise = np.random.default_rng(4).normal(scale=12.0, size=shape)
    return Volume((inverted + noise).astype(np.float32), affine, "t2", "1")


def _mean_error_mm(brain: Volume, matrix: np.ndarray, truth: np.ndarray) -> float:
    index = np.argwhere(brain.array > 0)
    points = np.column_stack([index, np.ones(len(index))]) @ brain.affine.T
    return float(np.linalg.norm((points @ (matrix - truth).T)[:, :3], axis=1).mean())


@pytest.mark.parametrize(
    ("degrees", "mm", "spacing"),
    [((2, -3, 1), (3, -2, 4), (2.0, 2.0, 2.0)), ((-4, 2, 5), (-6, 5, -3), (1.5, 1.5, 4.0))],
)
def test_known_movement_is_recovered(fixed: Volume, brain: Volume, degrees, mm, spacing) -> None:
    truth = _movement(degrees, mm)
    found = align_rigid(_moved(fixed, truth, spacing), fixed, brain_fixed=brain)
    assert _mean_error_mm(brain, np.eye(4), truth) > 4.0
    assert _mean_error_mm(brain, found.matrix, truth) <= TOLERANCE_MM
    assert found.accepted
    assert found.reason == "improved"
    assert found.mi_after > found.mi_before


def test_equal_inputs_give_equal_matrices(fixed: Volume, brain: Volume) -> None:
    moving = _moved(fixed, _movement((1, 1, 1), (2, 0, 1)), (2.0, 2.0, 4.0))
    first, second = (align_rigid(moving, fixed, brain_fixed=brain, threads=1) for _ in range(2))
    np.testing.assert_array_equal(first.matrix, second.matrix)


def test_aligned_series_stays_and_is_not_doubted(fixed: Volume, brain: Volume) -> None:
    found = align_rigid(_moved(fixed, np.eye(4), (2.0, 2.0, 2.0)), fixed, brain_fixed=brain)
    assert found.accepted
    assert _mean_error_mm(brain, found.matrix, np.eye(4)) <= 0.2


def test_without_a_mask_the_foreground_is_used(fixed: Volume, brain: Volume) -> None:
    truth = _movement((0, 3, -2), (4, 4, 0))
    found = align_rigid(_moved(fixed, truth, (2.0, 2.0, 2.0)), fixed)
    assert _mean_error_mm(brain, found.matrix, truth) <= TOLERANCE_MM


def test_movement_beyond_the_limit_is_refused(fixed: Volume, brain: Volume) -> None:
    moving = _moved(fixed, _movement((0, 0, 0), (8, 0, 0)), (2.0, 2.0, 2.0))
    found = align_rigid(moving, fixed, brain_fixed=brain, displacement_limit_mm=5.0)
    assert (found.accepted, found.reason) == (False, "displacement_limit")
    assert found.displacement_mm == pytest.approx(8.0, abs=0.5)
    np.testing.assert_array_equal(found.matrix, np.eye(4))


def test_worse_result_keeps_the_header(fixed: Volume, brain: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = _movement((0, 0, 6), (5, 0, 0))
    monkeypatch.setattr(registration, "_optimise", lambda *_: wrong)
    found = align_rigid(_moved(fixed, np.eye(4), (2.0, 2.0, 2.0)), fixed, brain_fixed=brain)
    assert (found.accepted, found.reason) == (False, "worse_than_header")
    assert found.mi_after < found.mi_before
    np.testing.assert_array_equal(found.matrix, np.eye(4))


def test_failed_optimiser_keeps_the_header(
    fixed: Volume, brain: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_optimise", lambda *_: None)
    found = align_rigid(_moved(fixed, np.eye(4), (2.0, 2.0, 2.0)), fixed, brain_fixed=brain)
    assert (found.accepted, found.reason) == (False, "not_converged")


@pytest.mark.parametrize(
    ("better", "moved", "kept", "reason"),
    [
        (True, 3.0, True, "improved"),
        (True, 31.0, True, "displacement_limit"),
        (True, 3.0, False, "overlap_lost"),
        (False, 0.3, True, "already_aligned"),
        (False, 3.0, True, "worse_than_header"),
    ],
)
def test_gate(better: bool, moved: float, kept: bool, reason: str) -> None:
    assert registration._judge(better, moved, 30.0, kept) == reason
    assert reason in registration.REASONS


def test_series_elsewhere_is_refused(fixed: Volume, brain: Volume) -> None:
    far = _moved(fixed, np.eye(4), (2.0, 2.0, 2.0))
    shifted = Volume(far.array, _movement((0, 0, 0), (500, 0, 0)) @ far.affine, "t2", "1")
    with pytest.raises(DomainError) as caught:
        align_rigid(shifted, fixed, brain_fixed=brain)
    assert caught.value.code == "registration_no_overlap"


def test_bad_inputs_are_refused(fixed: Volume, brain: Volume) -> None:
    constant = fixed.with_array(np.full(SHAPE, 7.0))
    other = Volume(np.ones((4, 4, 4)), np.eye(4), "brain", "1")
    for moving, mask in ((constant, brain), (fixed, other)):
        with pytest.raises(DomainError) as caught:
            align_rigid(moving, fixed, brain_fixed=mask)
        assert caught.value.code == "registration_input"


def test_dynamic_and_diffusion_series_are_represented_by_their_mean() -> None:
    frames = np.zeros((4, 4, 4, 3), dtype=np.int16)
    frames[0, ..., 0], frames[0, ..., 1], frames[0, ..., 2] = 10, 20, 90
    dsc = Volume(frames, np.eye(4), "dsc", "1", times_s=(0.0, 1.5, 3.0))
    dwi = Volume(frames, np.eye(4), "dwi", "1", b_values=(0.0, 0.0, 1000.0))
    assert representative(dsc).array[0, 0, 0] == pytest.approx(40.0)
    assert representative(dwi).array[0, 0, 0] == pytest.approx(15.0)


def test_compiled_code_cannot_write_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    import ctypes

    with registration._native_output_to_stderr():
        ctypes.CDLL(None).printf(b"line search\n")
    os.write(1, b"{}")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("{}", "line search\n")


def test_mutual_information_of_known_tables() -> None:
    assert registration._information(np.eye(4)) == pytest.approx(np.log(4))
    assert registration._information(np.ones((4, 4))) == pytest.approx(0.0, abs=1e-12)


def _real_series(folder: str, kind: str) -> Volume:
    import SimpleITK as sitk

    root = os.environ.get("GLIOMON_REAL_DATA")
    if not root:
        pytest.skip("GLIOMON_REAL_DATA is not set: the real glioma study is not at hand")
    reader = sitk.ImageSeriesReader()
    names = reader.GetGDCMSeriesFileNames(str(Path(root) / "glioma_study_dicom" / folder))
    reader.SetFileNames(names)
    image = reader.Execute()
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    array = sitk.GetArrayFromImage(image).transpose(2, 1, 0).astype(np.float32)
    return Volume(array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps, kind, "1")


@pytest.mark.slow
def test_real_study_is_improved_and_follows_a_shifted_header() -> None:
    """Moving the header of the real T2 by a known amount must move the result by just that."""
    fine, t2 = _real_series("pat1_t1post", "t1ce"), _real_series("pat1_t2", "t2")
    t1ce = Volume(fine.array[::2, ::2, ::2], fine.affine @ np.diag([2.0, 2.0, 2.0, 1.0]), "t1ce", "1")
    plain = align_rigid(t2, t1ce)
    truth = _movement((1.0, -2.0, 2.0), (2.0, -3.0, 3.0))
    moved = align_rigid(Volume(t2.array, truth @ t2.affine, "t2", "1"), t1ce)
    mask = registration._foreground(t1ce.array)
    head = t1ce.with_array(mask.astype(np.uint8), kind="brain", unit="1")
    assert plain.accepted
    assert plain.mi_after > 1.05 * plain.mi_before
    assert plain.displacement_mm < 6.0
    assert _mean_error_mm(head, moved.matrix, truth @ plain.matrix) <= TOLERANCE_MM
