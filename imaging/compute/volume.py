"""A volume: samples that never travel without their affine and unit."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class Volume:
    """Samples on a regular grid in patient space.

    Attributes
    ----------
    array : ndarray, shape (nx, ny, nz) or (nx, ny, nz, n)
        Samples. The last axis of a 4-D array is time (DSC) or b-value (DWI).
    affine : ndarray, shape (4, 4)
        Voxel index (i, j, k) to RAS+ millimetres (+x points to the patient's right, as in NIfTI).
    kind : str
        "t1", "t1ce", "t2", "flair", "dwi", "adc", "dsc", "rcbv", "k2", "labels", "brain", ...
    unit : str
        UCUM unit of the samples: "mm2/s" for ADC, "1" for ratios and labels, "[arb'U]" for MR signal.
    b_values : tuple of float or None
        s/mm^2, one per entry of the last axis; diffusion only.
    times_s : tuple of float or None
        Seconds from the first sample, one per entry of the last axis; dynamic series only.
    """

    array: npt.NDArray[Any]
    affine: FloatArray
    kind: str
    unit: str
    b_values: tuple[float, ...] | None = None
    times_s: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_shapes(self)

    @property
    def shape3(self) -> tuple[int, int, int]:
        """Grid size without the last axis of a 4-D volume."""
        nx, ny, nz = self.array.shape[:3]
        return int(nx), int(ny), int(nz)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along i, j and k, in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres (determinant of the affine, so oblique and anisotropic are exact)."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def with_array(
        self, array: npt.NDArray[Any], *, kind: str | None = None, unit: str | None = None
    ) -> Volume:
        """Return other samples on the same grid (3-D results drop b-values and times)."""
        keep = array.ndim == 4 and self.array.ndim == 4 and array.shape[3] == self.array.shape[3]
        return Volume(
            array=array,
            affine=self.affine,
            kind=self.kind if kind is None else kind,
            unit=self.unit if unit is None else unit,
            b_values=self.b_values if keep else None,
            times_s=self.times_s if keep else None,
        )


def _check_shapes(volume: Volume) -> None:
    if volume.array.ndim not in (3, 4):
        raise DomainError("volume_shape", f"a volume has 3 or 4 axes, this array has {volume.array.ndim}")
    if volume.affine.shape != (4, 4) or not np.isfinite(volume.affine).all():
        raise DomainError("volume_affine", f"an affine is a finite 4 x 4 matrix, got {volume.affine.shape}")
    if abs(np.linalg.det(volume.affine[:3, :3])) < 1e-9:
        raise DomainError("volume_affine", "the affine is singular: two voxel axes are parallel")
    for name, values in (("b_values", volume.b_values), ("times_s", volume.times_s)):
        if values is not None and (volume.array.ndim != 4 or len(values) != volume.array.shape[3]):
            raise DomainError(
                "volume_axis", f"{name} has {len(values)} entries for shape {volume.array.shape}"
            )


def same_grid(a: Volume, b: Volume, *, tolerance_mm: float = 1e-3) -> bool:
    """Whether two volumes share grid size and affine within `tolerance_mm`."""
    return a.shape3 == b.shape3 and bool(np.allclose(a.affine, b.affine, atol=tolerance_mm))


def write_nifti(volume: Volume, path: Path) -> str:
    """Write `volume` as NIfTI-1 (.nii.gz) and return the sha256 of the file as hex.

    The gzip header carries no time stamp, so equal volumes give equal files.
    """
    import gzip

    import nibabel

    image = nibabel.Nifti1Image(_storable(volume.array), volume.affine)
    image.header.set_xyzt_units("mm", "sec" if volume.times_s is not None else "unknown")
    image.set_qform(volume.affine, code=1)
    image.set_sform(volume.affine, code=1)
    if volume.times_s is not None and len(volume.times_s) > 1:
        image.header["pixdim"][4] = float(np.median(np.diff(volume.times_s)))
    image.header["descrip"] = f"gliomon {volume.kind} {volume.unit}"[:79].encode()
    data = gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(data)
    temporary.replace(path)
    return hashlib.sha256(data).hexdigest()


def _storable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64:
        return array.astype(np.int32)
    return array


def read_nifti(path: Path, *, kind: str, unit: str) -> Volume:
    """Read a NIfTI file; scaling in its header is applied. `kind` and `unit` are what the caller knows of it."""
    import nibabel

    image: Any = nibabel.load(path)
    header = image.header
    plain = header.get_slope_inter()[0] in (None, 1.0) and not header.get_slope_inter()[1]
    array = np.asanyarray(image.dataobj) if plain else image.get_fdata(dtype=np.float32)
    return Volume(
        array=np.asarray(array), affine=np.asarray(image.affine, dtype=np.float64), kind=kind, unit=unit
    )
