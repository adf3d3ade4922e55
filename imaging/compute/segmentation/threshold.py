"""Lesion labels from two thresholds: the baseline that any network has to beat.

FLAIR and post-contrast T1 brighter than the brain's median + 2 robust SD, cleaned by where the tissue lies.
Every rule is a setting of this project; on expert-labelled cases the bare pair of thresholds gave a Dice of 0.83
for the whole tumour and 0.60 for the enhancing part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gliomon.common.errors import DomainError
from imaging.compute.segmentation.labels import Label
from imaging.compute.volume import Volume, same_grid

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
Box = tuple[slice, ...]

METHOD = "robust-threshold"
VERSION = "1"
"""Changes whenever a rule or a number below changes a label."""

INPUTS = ("t1ce", "flair", "t1", "t2")
BRIGHT_SD = 2.0
"""Robust SD above the brain's median from which tissue counts as bright."""
SEED_SD = 3.0
"""A FLAIR lesion must reach this brightness somewhere ..."""
SEED_ML = 0.3
"""... over this volume, mL, ..."""
SEED_SHARE = 0.3
"""... and over this share of itself: bright normal cortex stays near the threshold throughout."""
UPTAKE_SD = 1.5
"""Least rise from T1 to T1ce, in robust SD of the brain: T1-bright blood, fat and melanin do not rise."""
SMOOTHING_MM = 0.8
"""Gaussian sigma against noise before thresholds, mm."""
FLAIR_BORDER_MM = 1.0
"""Shell under the brain's surface in which FLAIR is not believed (skull and partial volume), mm."""
STEM_SHARE = 0.3
"""Below the plane in which the brain's cross-section reaches this share of its largest lie medulla and foramen
magnum, where inflowing blood and CSF are bright on FLAIR; no lesion may lie wholly there."""
SEED_DEPTH_MM = 6.0
"""A FLAIR lesion must be this deep somewhere, mm: bright rims of cortex and skull base are not."""
ENHANCING_BORDER_MM = 3.0
"""Shell in which enhancement is dura, sinus or surface vessel, mm."""
BAY_MM = 5.0
"""Bays of the FLAIR lesion up to twice this wide belong to it when enhancement is looked for, mm."""
ADJACENT_MM = 1.5
"""Enhancement counts inside the filled FLAIR lesion or this close to it, mm."""
ROOM_MM = 15.0
"""Around the FLAIR lesion's box, enhancement and cavities are looked for, mm."""
INSIDE_SHARE = 0.6
"""Share of an enhancing component that lies inside the filled FLAIR lesion: vessels, choroid plexus and falx
mostly pass by."""
CAVITY_ADJACENT_MM = 3.0
"""A cavity's surface touches the lesion when it is this close, mm."""
NECK_MM = 1.5
"""Bridges thinner than twice this between a FLAIR lesion and bright cortex are cut, mm."""
RIM_GAP_MM = 2.0
"""Gaps in an enhancing rim up to twice this are closed before looking for what it encloses, mm."""
MIN_LESION_ML = 1.0
"""Smaller FLAIR components are white-matter hyperintensities or noise, mL."""
MIN_SHARE_OF_LARGEST = 0.05
"""Further FLAIR lesions are kept when they reach this share of the largest."""
MIN_ENHANCING_ML = 0.1
"""Smaller enhancing components are vessels or noise, mL."""
MIN_NECROSIS_ML = 0.1
"""Smaller enclosed gaps are partial volume between enhancing folds and stay oedema, mL."""
FLUID_T2_SD = 2.0
"""Fluid is at least this bright on T2, robust SD."""
FLUID_FLAIR_SD = -0.5
"""Fluid is at most this bright on FLAIR, robust SD."""
CAVITY_NECK_MM = 2.5
"""Bridges thinner than twice this between a cavity and sulci or ventricles are cut, mm."""
MIN_CAVITY_ML = 0.5
"""Smaller fluid is a sulcus, mL."""
CAVITY_CONTACT = 0.5
"""Share of a cavity's surface that touches the lesion; ventricles and sulci touch it with less."""


@dataclasses.dataclass(frozen=True)
class ThresholdSegmentation:
    """Labels and what they rest on.

    Attributes
    ----------
    labels : Volume
        Kind "labels", uint8, values of `imaging.compute.segmentation.labels.Label`.
    method, version : str
        For provenance.
    flags : tuple of str
        Keys of `imaging.compute.quality.FLAGS`.
    inputs_used, inputs_missing : tuple of str
        Series kinds of `INPUTS`.
    regions_known : tuple of str
        Regions that these inputs can tell; a volume of any other region is unknown, not 0.
    """

    labels: Volume
    method: str
    version: str
    flags: tuple[str, ...]
    inputs_used: tuple[str, ...]
    inputs_missing: tuple[str, ...]
    regions_known: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Head:
    """What the rules look at, cut to the brain's box: robust z-scores, depth under the surface in mm."""

    z: dict[str, FloatArray]
    brain: BoolArray
    depth_mm: FloatArray
    above_stem: BoolArray
    spacing_mm: tuple[float, float, float]
    voxel_ml: float


def segment_by_threshold(volumes: Mapping[str, Volume], brain: Volume) -> ThresholdSegmentation:
    """Label enhancing tumour, necrosis, oedema and cavity by thresholds inside the brain.

    Parameters
    ----------
    volumes : mapping of str to Volume
        3-D volumes by kind, all on one grid (usually that of T1ce). FLAIR is required; T1ce is needed for
        enhancement and necrosis, T1 makes them safer, T2 is needed for a cavity. Other kinds are ignored.
    brain : Volume
        Brain mask on the same grid.

    Returns
    -------
    ThresholdSegmentation
        Labels on that grid; `regions_known` says what the given series can tell at all.

    Raises
    ------
    DomainError
        `segmentation_needs_flair` without FLAIR (enhancement alone cannot be told from vessels and dura),
        `segmentation_grid` for volumes on different grids, `segmentation_brain` for an empty brain mask.
    """
    used = tuple(kind for kind in INPUTS if kind in volumes)
    _check(volumes, used, brain)
    box = ndimage.find_objects((brain.array > 0).astype(np.uint8))[0]
    head = _head({kind: volumes[kind] for kind in used}, brain, box)
    labels = np.zeros(brain.shape3, dtype=np.uint8)
    labels[box] = _label(head)
    missing = tuple(kind for kind in INPUTS if kind not in used)
    return ThresholdSegmentation(
        labels=brain.with_array(labels, kind="labels", unit="1"),
        method=METHOD,
        version=VERSION,
        flags=_flags(missing, labels),
        inputs_used=used,
        inputs_missing=missing,
        regions_known=_regions_known(used),
    )


def _check(volumes: Mapping[str, Volume], used: tuple[str, ...], brain: Volume) -> None:
    if "flair" not in used:
        given = ", ".join(used) or "none"
        raise DomainError(
            "segmentation_needs_flair",
            f"a lesion is looked for on FLAIR; given: {given}. From T1ce alone neither oedema nor the whole lesion "
            "can be said, and enhancing tumour cannot be told from vessels and dura",
        )
    if not (brain.array > 0).any():
        raise DomainError("segmentation_brain", "the brain mask is empty")
    for kind in used:
        if not same_grid(volumes[kind], brain):
            raise DomainError("segmentation_grid", f"{kind} {volumes[kind].shape3} is not on the mask's grid")


def _flags(missing: tuple[str, ...], labels: npt.NDArray[Any]) -> tuple[str, ...]:
    flags = [f"no_{kind}" for kind in missing]
    if not labels.any():
        flags.append("no_lesion_found")
    return tuple(flags)


def _regions_known(used: tuple[str, ...]) -> tuple[str, ...]:
    if "t1ce" not in used:
        return ("whole_lesion",)
    cavity = ("cavity",) if "t2" in used else ()
    return ("enhancing", "necrosis", "oedema", *cavity, "whole_lesion")


def _head(volumes: Mapping[str, Volume], brain: Volume, box: Box) -> _Head:
    inside = np.pad(brain.array[box] > 0, 1)
    depth = ndimage.distance_transform_edt(inside, sampling=brain.spacing_mm)[1:-1, 1:-1, 1:-1]
    inside = inside[1:-1, 1:-1, 1:-1]
    sigma = [SMOOTHING_MM / mm for mm in brain.spacing_mm]
    z = {kind: _robust_z(volume.array[box], inside, sigma) for kind, volume in volumes.items()}
    above = _above_stem(inside, brain.affine)
    return _Head(z, inside, depth.astype(np.float32), above, brain.spacing_mm, brain.voxel_ml)


def _above_stem(inside: BoolArray, affine: npt.NDArray[Any]) -> BoolArray:
    """Planes above the lowest one with `STEM_SHARE` of the largest cross-section, along the axis nearest to z."""
    axis = int(np.argmax(np.abs(affine[2, :3]) / np.linalg.norm(affine[:3, :3], axis=0)))
    others = tuple(other for other in range(3) if other != axis)
    large = inside.sum(axis=others) >= STEM_SHARE * inside.sum(axis=others).max()
    upwards = large if affine[2, axis] > 0 else large[::-1]
    above = np.arange(large.size) >= np.argmax(upwards)
    above = above if affine[2, axis] > 0 else above[::-1]
    return np.asarray(np.broadcast_to(np.expand_dims(above, others), inside.shape))


def _robust_z(array: npt.NDArray[Any], inside: BoolArray, sigma: list[float]) -> FloatArray:
    """Distance from the brain's median in robust SD (1.4826 MAD), after light smoothing."""
    smooth = ndimage.gaussian_filter(np.nan_to_num(array.astype(np.float32)), sigma)
    median = np.median(smooth[inside])
    spread = 1.4826 * np.median(np.abs(smooth[inside] - median))
    return np.asarray((smooth - median) / max(float(spread), 1e-6), dtype=np.float32)


def _label(head: _Head) -> npt.NDArray[np.uint8]:
    lesion = _flair_lesion(head)
    labels = np.zeros(lesion.shape, dtype=np.uint8)
    if lesion.any():
        box = _box_around(lesion, head.spacing_mm)
        labels[box] = _label_parts(_cut(head, box), lesion[box])
    return labels


def _label_parts(head: _Head, lesion: BoolArray) -> npt.NDArray[np.uint8]:
    """Divide the FLAIR lesion and what it encloses."""
    enhancing = _enhancing(head, lesion)
    enclosed = _enclosed(head, enhancing)
    labels = np.where(lesion, np.uint8(Label.OEDEMA), np.uint8(Label.BACKGROUND))
    labels[enclosed] = Label.NECROSIS
    labels[_cavity(head, lesion | enclosed | enhancing) & ~enhancing] = Label.CAVITY
    labels[enhancing] = Label.ENHANCING
    return labels


def _box_around(lesion: BoolArray, spacing_mm: tuple[float, float, float]) -> Box:
    """The lesion's box with room for what touches it; all further steps look only here, to save time."""
    found = ndimage.find_objects(lesion.astype(np.uint8))[0]
    room = [int(np.ceil(ROOM_MM / mm)) for mm in spacing_mm]
    return tuple(
        slice(max(0, part.start - pad), part.stop + pad) for part, pad in zip(found, room, strict=True)
    )


def _cut(head: _Head, box: Box) -> _Head:
    return dataclasses.replace(
        head,
        z={kind: scores[box] for kind, scores in head.z.items()},
        brain=head.brain[box],
        depth_mm=head.depth_mm[box],
        above_stem=head.above_stem[box],
    )


def _flair_lesion(head: _Head) -> BoolArray:
    """Bright, deep, large FLAIR components, without the bright cortex that hangs on them by thin bridges."""
    bright = (head.z["flair"] > BRIGHT_SD) & (head.depth_mm > FLAIR_BORDER_MM)
    body = _opened(bright, NECK_MM, head.spacing_mm)
    labelled, count = ndimage.label(body)
    if count == 0:
        return np.zeros_like(bright)
    keep = _plausible_lesions(head, labelled, count)
    chosen = bright & _within(keep[labelled], NECK_MM, head.spacing_mm)
    holes = _filled_slices(chosen) & (head.z["flair"] > FLUID_FLAIR_SD) & head.brain
    return np.asarray(chosen | holes)


def _plausible_lesions(head: _Head, labelled: npt.NDArray[Any], count: int) -> BoolArray:
    """One flag per component number (0 is background)."""
    numbers = np.arange(count + 1)
    millilitres = np.bincount(labelled.ravel(), minlength=count + 1) * head.voxel_ml
    seeds = labelled[head.z["flair"] > SEED_SD]
    seed_ml = np.bincount(seeds, minlength=count + 1) * head.voxel_ml
    deepest = np.asarray(ndimage.maximum(head.depth_mm, labelled, numbers))
    above = np.asarray(ndimage.maximum(head.above_stem, labelled, numbers)) > 0
    keep = (millilitres >= MIN_LESION_ML) & (deepest >= SEED_DEPTH_MM) & above
    keep &= (seed_ml >= SEED_ML) & (seed_ml >= SEED_SHARE * millilitres)
    keep[0] = False
    largest = millilitres[keep].max(initial=0.0)
    return np.asarray(keep & (millilitres >= MIN_SHARE_OF_LARGEST * largest))


def _enhancing(head: _Head, lesion: BoolArray) -> BoolArray:
    """Bright after contrast, risen from T1 where T1 is known, in or beside the FLAIR lesion, off the surface."""
    if "t1ce" not in head.z:
        return np.zeros_like(lesion)
    bright = (head.z["t1ce"] > BRIGHT_SD) & (head.depth_mm > ENHANCING_BORDER_MM)
    if "t1" in head.z:
        bright &= head.z["t1ce"] - head.z["t1"] > UPTAKE_SD
    filled = _filled_slices(_closed(_filled_slices(lesion), BAY_MM, head.spacing_mm))
    bright &= _within(filled, ADJACENT_MM, head.spacing_mm)
    labelled, count = ndimage.label(bright)
    total = np.bincount(labelled.ravel(), minlength=count + 1)
    inside = np.bincount(labelled[filled], minlength=count + 1)
    keep = (total >= MIN_ENHANCING_ML / head.voxel_ml) & (inside >= INSIDE_SHARE * total)
    keep[0] = False
    return np.asarray(keep[labelled])


def _enclosed(head: _Head, enhancing: BoolArray) -> BoolArray:
    """What an enhancing rim surrounds in a plane, or almost surrounds, and is not itself enhancing."""
    if not enhancing.any():
        return enhancing
    grown = _filled_slices(_within(enhancing, RIM_GAP_MM, head.spacing_mm))
    closed = _deeper(grown, RIM_GAP_MM, head.spacing_mm)
    dark = closed & ~enhancing & head.brain & (head.z["t1ce"] < BRIGHT_SD)
    return _large_components(dark, MIN_NECROSIS_ML / head.voxel_ml)


def _cavity(head: _Head, lesion: BoolArray) -> BoolArray:
    """Fluid components that the lesion surrounds for the larger part."""
    if "t2" not in head.z:
        return np.zeros_like(lesion)
    fluid = (head.z["t2"] > FLUID_T2_SD) & (head.z["flair"] < FLUID_FLAIR_SD) & head.brain
    fluid = _opened(fluid, CAVITY_NECK_MM, head.spacing_mm)
    fluid = _large_components(fluid, MIN_CAVITY_ML / head.voxel_ml)
    labelled, count = ndimage.label(fluid)
    keep = np.zeros(count + 1, dtype=bool)
    touching = _within(lesion & ~fluid, CAVITY_ADJACENT_MM, head.spacing_mm)
    surface = fluid & ~ndimage.binary_erosion(fluid)
    total = np.bincount(labelled[surface], minlength=count + 1)
    near = np.bincount(labelled[surface & touching], minlength=count + 1)
    keep[1:] = near[1:] >= CAVITY_CONTACT * total[1:]
    return np.asarray(keep[labelled])


def _within(mask: BoolArray, mm: float, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Voxels of the mask or at most `mm` away from it."""
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= mm)


def _deeper(mask: BoolArray, mm: float, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Voxels of the mask that lie more than `mm` from what is outside it."""
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_mm) > mm)


def _opened(mask: BoolArray, mm: float, spacing_mm: tuple[float, float, float]) -> BoolArray:
    return mask & _within(_deeper(mask, mm, spacing_mm), mm, spacing_mm)


def _closed(mask: BoolArray, mm: float, spacing_mm: tuple[float, float, float]) -> BoolArray:
    return mask | _deeper(_within(mask, mm, spacing_mm), mm, spacing_mm)


def _filled_slices(mask: BoolArray) -> BoolArray:
    """Holes filled in three dimensions and, since rims are open at their poles, in each plane of the last axis."""
    filled = ndimage.binary_fill_holes(mask)
    plane = ndimage.generate_binary_structure(2, 1)[:, :, None]
    return np.asarray(filled | ndimage.binary_fill_holes(mask, structure=plane))


def _large_components(mask: BoolArray, min_voxels: float) -> BoolArray:
    labelled, count = ndimage.label(mask)
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)
    keep = sizes >= min_voxels
    keep[0] = False
    return np.asarray(keep[labelled])
