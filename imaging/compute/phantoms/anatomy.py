"""The virtual head: MNI152 tissue maps, deformed, dressed with CSF, skull, scalp and face."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.sampling import Grid, smooth_noise
from imaging.compute.phantoms.tissue import HEALTHY, HEALTHY_INDEX

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

HEAD_LOW_MM = (-96.0, -134.0, -82.0)
HEAD_HIGH_MM = (96.0, 116.0, 104.0)
SKULL_MM = 5.5
SCALP_MM = 6.0
CSF_GAP_MM = 1.5
CLOSING_MM = 9.0
DEFORMATION_MM = 2.0


@dataclasses.dataclass(frozen=True)
class VirtualHead:
    """A head on its own grid.

    Attributes
    ----------
    grid : Grid
        Isotropic, RAS+; millimetres are head space (MNI-like:
        x grows to the patient's right, y to the front, z upwards).
    fractions : ndarray, shape (len(HEALTHY), nx, ny, nz), float32
        Share of each healthy tissue in each voxel, in the order of `tissue.HEALTHY`; the rest is air.
    brain : ndarray, shape (nx, ny, nz), bool
        Brain with its ventricles and sulcal CSF.
    texture : ndarray, shape (nx, ny, nz), float32
        Smooth relative signal variation of the tissue, mean 1.
    seed : int
    """

    grid: Grid
    fractions: npt.NDArray[np.float32]
    brain: BoolArray
    texture: npt.NDArray[np.float32]
    seed: int

    @property
    def spacing_mm(self) -> float:
        """Voxel size of the isotropic grid, mm."""
        return float(self.grid.affine[0, 0])

    def share(self, name: str) -> npt.NDArray[np.float32]:
        """Return the share of one healthy tissue, shape (nx, ny, nz)."""
        return self.fractions[HEALTHY_INDEX[name]]

    def points_mm(self) -> FloatArray:
        """Return head coordinates of the voxel centres, shape (3, nx, ny, nz), mm."""
        return _points(self.grid)


def build_head(*, seed: int, spacing_mm: float = 1.5) -> VirtualHead:
    """Build one patient's head from the packaged MNI152 maps.

    Parameters
    ----------
    seed : int
        Draws the deformation (smooth, SD 2 mm, with +-4 % scaling per axis), skull thickness and texture.
    spacing_mm : float
        Grid spacing, 1 to 4 mm.

    Returns
    -------
    VirtualHead

    Raises
    ------
    DomainError
        `head_spacing` outside 1 to 4 mm; `template_missing` when nilearn's maps are not installed.

    References
    ----------
    Fonov et al., NeuroImage 2011;54:313, doi:10.1016/j.neuroimage.2010.07.033 (MNI ICBM152 2009a).
    """
    if not 1.0 <= spacing_mm <= 4.0:
        raise DomainError("head_spacing", f"the head's grid spacing is 1 to 4 mm, got {spacing_mm}")
    rng = np.random.default_rng([seed, 9152])
    grid = _head_grid(spacing_mm)
    points = _points(grid)
    white, grey, brain = _deformed_maps(points, grid, rng)
    shells = _shells(brain, points, spacing_mm, rng)
    fractions = _compose(white, grey, shells)
    texture = 1.0 + 0.02 * smooth_noise(grid.shape, 9.0 / spacing_mm, rng)
    brain &= fractions[HEALTHY_INDEX["blood"]] < 0.3
    return VirtualHead(grid, fractions, brain, texture.astype(np.float32), seed)


def _head_grid(spacing_mm: float) -> Grid:
    low, high = np.asarray(HEAD_LOW_MM), np.asarray(HEAD_HIGH_MM)
    nx, ny, nz = (int(n) for n in np.floor((high - low) / spacing_mm))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low + spacing_mm / 2.0
    return Grid((nx, ny, nz), affine)


def _points(grid: Grid) -> FloatArray:
    axes = [
        grid.affine[axis, 3] + grid.affine[axis, axis] * np.arange(grid.shape[axis], dtype=np.float32)
        for axis in range(3)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)


def _template() -> tuple[dict[str, npt.NDArray[Any]], FloatArray]:
    import importlib.resources

    import nibabel

    folder = importlib.resources.files("nilearn.datasets.data")
    maps: dict[str, npt.NDArray[Any]] = {}
    affine = np.eye(4)
    for name in ("t1", "gm", "wm"):
        resource = folder.joinpath(f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
        if not resource.is_file():
            raise DomainError("template_missing", "nilearn's MNI152 maps are not installed")
        with importlib.resources.as_file(resource) as path:
            image: Any = nibabel.load(path)
            maps[name] = np.asanyarray(image.dataobj)
            affine = np.asarray(image.affine, dtype=float)
    return maps, affine


def _deformed_maps(
    points: FloatArray, grid: Grid, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, BoolArray]:
    from scipy.ndimage import map_coordinates

    maps, affine = _template()
    scale = rng.uniform(0.96, 1.04, size=3)
    period = 45.0 / grid.affine[0, 0]
    moved = [
        points[axis] * scale[axis] + DEFORMATION_MM * smooth_noise(grid.shape, period, rng) - affine[axis, 3]
        for axis in range(3)
    ]
    inside = (maps["t1"] > 0).astype(np.uint8) * 255
    sampled = [
        map_coordinates(values, moved, order=1, output=np.float32, mode="constant") / 255.0
        for values in (maps["wm"], maps["gm"], inside)
    ]
    white, grey = _sharpened(sampled[0], sampled[1])
    return white, grey, _largest(sampled[2] > 0.5)


def _sharpened(white: FloatArray, grey: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Undo some of the averaging of 152 heads: shares move towards pure tissue."""
    rest = np.clip(1.0 - white - grey, 0.0, 1.0)
    powers = [np.square(share) for share in (white, grey, rest)]
    total = powers[0] + powers[1] + powers[2] + 1e-6
    return powers[0] / total, powers[1] / total


def _largest(mask: BoolArray) -> BoolArray:
    from scipy.ndimage import binary_fill_holes, label

    labelled, count = label(mask)
    if count > 1:
        sizes = np.bincount(labelled.ravel())
        sizes[0] = 0
        mask = labelled == sizes.argmax()
    return np.asarray(binary_fill_holes(mask))


@dataclasses.dataclass(frozen=True)
class _Shells:
    """Shares around the brain, each of shape (nx, ny, nz)."""

    inside: FloatArray
    bone: FloatArray
    fat: FloatArray
    muscle: FloatArray
    blood: FloatArray
    eyes: FloatArray


def _shells(brain: BoolArray, points: FloatArray, spacing: float, rng: np.random.Generator) -> _Shells:
    depth = _skull_depth(brain, spacing)
    thickness = 1.0 + 0.12 * smooth_noise(brain.shape, 35.0 / spacing, rng)
    inside = _ramp(-depth, spacing)
    within_skull = _ramp(SKULL_MM * thickness - depth, spacing)
    face = _face(points)
    within_head = np.maximum(_ramp((SKULL_MM + SCALP_MM) * thickness - depth, spacing), _ramp(face, spacing))
    within_fat = np.maximum(
        _ramp((SKULL_MM + SCALP_MM) * thickness - depth - 1.8, spacing), _ramp(face - 1.8, spacing)
    )
    diploe = np.exp(-0.5 * ((depth - SKULL_MM * thickness / 2.0) / 1.3) ** 2) * 0.45
    bone_all = within_skull - np.minimum(inside, within_skull)
    skin = np.clip(within_head - within_fat, 0.0, 1.0)
    outer = np.clip(within_fat - within_skull, 0.0, 1.0)
    meat = _deep_muscle(points, depth, brain.shape, spacing, rng)
    eyes, air = _eyes(points, spacing) * outer, _airways(points, spacing)
    solid = (1.0 - air) * (1.0 - _eyes(points, spacing))
    return _Shells(
        inside=inside,
        bone=bone_all * (1.0 - diploe),
        fat=bone_all * diploe + outer * (1.0 - meat) * solid,
        muscle=skin + outer * meat * solid,
        blood=_sinus(points, depth, inside),
        eyes=eyes,
    )


def _skull_depth(brain: BoolArray, spacing: float) -> FloatArray:
    """Signed distance in mm from the inner table of the skull (negative inside), from the closed brain surface."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    outside = distance_transform_edt(~brain, sampling=spacing)
    closed = distance_transform_edt(outside <= CLOSING_MM, sampling=spacing) > CLOSING_MM - 1e-3
    closed |= brain
    signed = distance_transform_edt(~closed, sampling=spacing) - distance_transform_edt(
        closed, sampling=spacing
    )
    return np.asarray(gaussian_filter(signed.astype(np.float32), 2.0 / spacing)) - np.float32(CSF_GAP_MM)


def _ramp(depth_mm: FloatArray, width_mm: float) -> FloatArray:
    """Share of a voxel that lies inside a surface, from its depth below it."""
    return np.clip(depth_mm / width_mm + 0.5, 0.0, 1.0)


def _ellipsoid(
    points: FloatArray, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> FloatArray:
    """Approximate depth in mm below the surface of an ellipsoid (positive inside)."""
    scaled = [(points[axis] - centre[axis]) / radii[axis] for axis in range(3)]
    norm = np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
    return (1.0 - norm) * min(radii)


def _face(points: FloatArray) -> FloatArray:
    """Depth below the surface of face, jaw and neck."""
    face = _ellipsoid(points, (0.0, 38.0, -58.0), (58.0, 56.0, 72.0))
    nose = _ellipsoid(points, (0.0, 92.0, -56.0), (13.0, 20.0, 24.0))
    neck = _ellipsoid(points, (0.0, -30.0, -110.0), (64.0, 74.0, 95.0))
    return np.maximum(np.maximum(face, nose), neck)


def _deep_muscle(
    points: FloatArray, depth: FloatArray, shape: tuple[int, ...], spacing: float, rng: np.random.Generator
) -> FloatArray:
    """Share of muscle in the soft tissue: none over the vault, patches of it in face, temples and neck."""
    nx, ny, nz = shape
    patches = np.clip(0.55 + 0.6 * smooth_noise((nx, ny, nz), 14.0 / spacing, rng), 0.05, 0.95)
    low = np.clip((-points[2] + 5.0) / 25.0, 0.0, 1.0)
    return patches * np.maximum(low, 0.15 * (depth > 0))


def _eyes(points: FloatArray, spacing: float) -> FloatArray:
    left = _ellipsoid(points, (-31.0, 68.0, -40.0), (12.0, 12.0, 12.0))
    right = _ellipsoid(points, (31.0, 68.0, -40.0), (12.0, 12.0, 12.0))
    return _ramp(np.maximum(left, right), spacing)


def _airways(points: FloatArray, spacing: float) -> FloatArray:
    nose = _ellipsoid(points, (0.0, 62.0, -58.0), (9.0, 30.0, 22.0))
    left = _ellipsoid(points, (-27.0, 58.0, -66.0), (13.0, 15.0, 13.0))
    right = _ellipsoid(points, (27.0, 58.0, -66.0), (13.0, 15.0, 13.0))
    frontal = _ellipsoid(points, (0.0, 83.0, -14.0), (20.0, 5.0, 9.0))
    return _ramp(np.maximum(np.maximum(nose, left), np.maximum(right, frontal)), spacing)


def _sinus(points: FloatArray, depth: FloatArray, inside: FloatArray) -> FloatArray:
    """Superior sagittal sinus: a strand of blood under the vault in the midline."""
    strand = np.exp(-0.5 * (points[0] / 2.2) ** 2) * np.exp(-0.5 * ((depth + 0.8) / 1.5) ** 2)
    return strand * inside * ((points[2] > 0.0) & (points[1] < 60.0))


def _compose(white: FloatArray, grey: FloatArray, shells: _Shells) -> npt.NDArray[np.float32]:
    """Stack the shares; brain tissue first, then blood, and CSF fills the rest of the skull."""
    blood = np.minimum(shells.blood, np.clip(1.0 - white - grey, 0.0, 1.0))
    keep = shells.inside
    csf = np.clip(keep - (white + grey) * keep - blood, 0.0, 1.0) + shells.eyes
    shares = {
        "white": white * keep,
        "grey": grey * keep,
        "csf": csf,
        "bone": shells.bone,
        "fat": shells.fat,
        "muscle": shells.muscle,
        "blood": blood,
    }
    stack = np.stack([shares[tissue.name].astype(np.float32) for tissue in HEALTHY])
    return stack / np.maximum(stack.sum(axis=0), 1.0)
