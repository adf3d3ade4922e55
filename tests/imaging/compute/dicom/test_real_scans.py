"""Real scans of several vendors against their NIfTI, bval and a second reader (needs GLIOMON_REAL_DATA)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.dicom.header import InstanceHeader
from imaging.compute.dicom.read import read_diffusion, read_series, read_volume
from imaging.compute.dicom.scan import ScanResult, scan_files
from imaging.compute.dicom.series import recognise
from imaging.compute.volume import Volume

GLIOMA = {
    "pat1_t1": ("t1", (0.976562, 0.976562, 1.0), 192),
    "pat1_t1post": ("t1ce", (0.976562, 0.976562, 1.0), 192),
    "pat1_t2": ("t2", (0.9375, 0.9375, 3.0), 64),
    "pat1_flair": ("flair", (0.9375, 0.9375, 3.0), 60),
}
WITH_TRUTH = [
    "ge/dti/001",
    "ge/dti/001_implicit",
    "ge/dti/002",
    "ge/fmri/001",
    "ge/fmri/001_implicit",
    "generic/compressed_j2k/001",
    "hyperfine/anatomical/001",
    "philips/dti/001",
    "philips/dti/001_implicit",
    "philips/dti/002",
    "philips/dti/002_implicit",
    "siemens/dti_classic/001",
    "siemens/dti_classic/001_implicit",
    "siemens_multiframe/anatomical/001",
]
REFUSED = {
    "gantrytilting/001": "dicom_sheared_slices",
    "notavolume/001": "dicom_not_a_volume",
    "slicecount/001": "dicom_too_few_slices",
    "sliceincrement/001": "dicom_missing_slices",
    "sliceincrement/002": "dicom_missing_slices",
    "sliceorientation/001": "dicom_mixed_orientation",
}


SCANS = ("glioma_study_dicom", "dwi_enhanced_siemens", "vendor_series")


@cache
def scanned(root: Path) -> ScanResult:
    """All real scans, read once."""
    return scan_files([root / name for name in SCANS])


def headers_in(root: Path, *parts: str) -> tuple[InstanceHeader, ...]:
    folder = root.joinpath(*parts)
    return tuple(header for header in scanned(root).instances if folder in Path(header.path).parents)


def canonical(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Samples and affine of a NIfTI image or a volume, reoriented to RAS+."""
    import nibabel

    if isinstance(image, Volume):
        image = nibabel.Nifti1Image(image.array, image.affine)
    turned = nibabel.as_closest_canonical(image)
    return turned.get_fdata(), turned.affine


def assert_same_samples(volume: Volume, path: Path) -> None:
    """Equal samples, geometry within 1e-3 mm; both turned to RAS+."""
    import nibabel

    ours, our_affine = canonical(volume)
    theirs, their_affine = canonical(nibabel.load(path))
    np.testing.assert_allclose(our_affine, their_affine, atol=1e-3)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", GLIOMA)
def test_glioma_study(real_data: Path, tmp_path: Path, name: str) -> None:
    kind, spacing, slices = GLIOMA[name]
    folder = real_data / "glioma_study_dicom" / name
    headers = headers_in(real_data, "glioma_study_dicom", name)
    assert len(headers) == slices
    verdict = recognise(headers)
    assert (verdict.kind, verdict.confidence >= 0.9) == (kind, True)
    volume = read_volume(headers)
    np.testing.assert_allclose(volume.spacing_mm, spacing, atol=1e-3)
    assert_equal_to_simpleitk(volume, headers)
    if importlib.util.find_spec("dcm2niix"):
        convert = [
            sys.executable,
            "-m",
            "dcm2niix",
            "-b",
            "n",
            "-z",
            "n",
            "-f",
            "x",
            "-o",
            str(tmp_path),
            str(folder),
        ]
        subprocess.run(convert, check=True, capture_output=True)
        assert_same_samples(volume, tmp_path / "x.nii")


def assert_equal_to_simpleitk(volume: Volume, headers: tuple[InstanceHeader, ...]) -> None:
    """SimpleITK, given the same slice order, reads the same samples and corners."""
    import SimpleITK as sitk

    ordered = sorted(headers, key=lambda h: h.position[2] if h.position else 0.0)
    image = sitk.ReadImage([header.path for header in ordered])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).transpose(2, 1, 0), volume.array)
    last = [n - 1 for n in volume.shape3]
    lps = np.array(image.TransformIndexToPhysicalPoint([int(n) for n in last]))
    np.testing.assert_allclose((volume.affine @ [*last, 1])[:3], lps * [-1, -1, 1], atol=1e-3)


@pytest.mark.parametrize("name", WITH_TRUTH)
def test_vendor_series(real_data: Path, name: str) -> None:
    folder = real_data / "vendor_series" / name
    volume = read_volume(headers_in(real_data, "vendor_series", name))
    assert_same_samples(volume, folder.with_name(folder.name + "_ground_truth.nii.gz"))
    bval = folder.with_name(folder.name + "_ground_truth.bval")
    if bval.exists() and "fmri" not in name:
        assert volume.b_values == tuple(np.loadtxt(bval, ndmin=1))


@pytest.mark.parametrize("name", ["001", "001_implicit"])
def test_philips_enhanced(real_data: Path, name: str) -> None:
    """The NIfTI given with these files is broken: it holds the last frame of each slice first, then zeros.

    The header puts b = 0 first and three directions of b = 1300 after it at each slice.
    """
    import nibabel

    folder = real_data / "vendor_series/philips_enhanced/dti" / name
    result = read_series(headers_in(real_data, "vendor_series/philips_enhanced/dti", name))
    truth = nibabel.load(folder.with_name(name + "_ground_truth.nii.gz"))
    samples, affine = canonical(truth)
    ours, our_affine = canonical(result.volume)
    np.testing.assert_allclose(our_affine, affine, atol=1e-3)
    assert not samples[..., 1:].any()
    np.testing.assert_allclose(ours[..., 3], samples[..., 0], rtol=1e-6)
    assert result.volume.b_values == tuple(np.loadtxt(folder.with_name(name + "_ground_truth.bval")))
    bvec = np.loadtxt(folder.with_name(name + "_ground_truth.bvec"))
    assert result.directions is not None
    for entry, direction in enumerate(result.directions):
        assert (direction is None) == (np.linalg.norm(bvec[:, entry]) < 0.5)
        if direction is not None:
            np.testing.assert_allclose(np.abs(direction), np.abs(bvec[:, entry]), atol=1e-3)


@pytest.mark.parametrize("name", ["001", "001_implicit"])
def test_philips_enhanced_second_opinion(real_data: Path, tmp_path: Path, name: str) -> None:
    """dcm2niix puts b = 0 last and leaves out one factor; entry by entry the samples are the same."""
    pytest.importorskip("dcm2niix")
    import nibabel

    folder = real_data / "vendor_series/philips_enhanced/dti" / name
    convert = [sys.executable, "-m", "dcm2niix", "-z", "n", "-f", "x", "-o", str(tmp_path), str(folder)]
    subprocess.run(convert, check=True, capture_output=True)
    theirs, _ = canonical(nibabel.load(tmp_path / "x.nii"))
    ours, _ = canonical(read_volume(headers_in(real_data, "vendor_series/philips_enhanced/dti", name)))
    assert np.loadtxt(tmp_path / "x.bval").tolist() == [1300.0, 1300.0, 1300.0, 0.0]
    for entry, same in enumerate([3, 0, 1, 2]):
        factor = theirs[..., same].max() / ours[..., entry].max()
        np.testing.assert_allclose(ours[..., entry] * factor, theirs[..., same], rtol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_for_the_right_reason(real_data: Path, name: str) -> None:
    with pytest.raises(DomainError) as caught:
        read_volume(headers_in(real_data, "vendor_series/failing", name))
    assert caught.value.code == REFUSED[name]


def enhanced(real_data: Path, number: int) -> tuple[InstanceHeader, ...]:
    (folder,) = (real_data / "dwi_enhanced_siemens").glob(f"{number}_*")
    return headers_in(folder.parent.parent, folder.parent.name, folder.name)


@pytest.mark.parametrize(
    ("number", "kind"), [(5, "t1"), (11, "adc"), (12, "dwi"), (16, "dwi"), (25, "other"), (27, "other")]
)
def test_enhanced_siemens_kinds(real_data: Path, number: int, kind: str) -> None:
    assert recognise(enhanced(real_data, number)).kind == kind


def test_enhanced_siemens_diffusion(real_data: Path) -> None:
    volume = read_diffusion([enhanced(real_data, 12), enhanced(real_data, 16)])
    assert volume.b_values == (0.0, 2500.0)
    adc = read_volume(enhanced(real_data, 11))
    assert adc.unit == "mm2/s"
    bright = volume.array[..., 0] > 393
    assert int(bright.sum()) == 40_374
    measured = np.log(volume.array[..., 0][bright] / np.maximum(volume.array[..., 1][bright], 1)) / 2500.0
    assert np.corrcoef(measured, adc.array[bright])[0, 1] > 0.999
    assert np.median(measured) == pytest.approx(714.6e-6, rel=1e-3)
    assert np.median(adc.array[bright]) == pytest.approx(713.0e-6, rel=1e-3)


def test_labelled_blood_keeps_its_clock(real_data: Path) -> None:
    volume = read_volume(enhanced(real_data, 25))
    assert volume.array.shape == (64, 64, 12, 7)
    assert volume.times_s is not None
    np.testing.assert_allclose(np.diff(volume.times_s), 4.8, atol=0.1)


def test_every_file_is_accounted_for(real_data: Path) -> None:
    result = scanned(real_data)
    files = [path for name in SCANS for path in (real_data / name).rglob("*") if path.is_file()]
    assert len(result.instances) + len(result.unreadable) + len(result.repeated) == len(files)
    assert {Path(u.path).suffix for u in result.unreadable} == {".gz", ".bval", ".bvec"}
    assert {u.code for u in result.unreadable} == {"not_dicom"}
