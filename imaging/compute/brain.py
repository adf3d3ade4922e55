"""Brain mask of one head volume, by the two-step network that ships with the deepbet wheel.

Only the weights of that wheel are used: they are found through the package's metadata, checked by sha256 and
run with `torch.jit`. Method: Fisch et al., "deepbet: Fast brain extraction of T1-weighted MRI using
Convolutional Neural Networks", Computers in Biology and Medicine 179 (2024),
https://doi.org/10.1016/j.compbiomed.2024.108845.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gliomon.common.errors import DomainError
from imaging.compute.device import resolve_device
from imaging.compute.volume import Volume

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]

METHOD_NETWORK = "deepbet"
METHOD_STRIPPED = "already skull-stripped"

WEIGHTS_SHA256 = {
    "bbox_model.pt": "39a7b2b5f799faa1391ea97bfcdc0b9299f20d84f2316a4ff8918dc4685e40aa",
    "model.pt": "de8ee7c69654d0dd3935dc4a5d84571d8ecf4637a6bfc01df399c4c2bc86e0fd",
}
"""sha256 of the two files in the deepbet 1.0.2 wheel that were compared with expert-like masks."""

COARSE_SIDE = 128
"""Voxels per side of the whole head for the localising network (its training size)."""
FINE_SIDE = 256
"""Voxels per side of the head's box for the delineating network (its training size)."""
BOX_MARGIN = 0.1
"""Share of the brain's size added on each side of its box."""
BOX_MIN_SHARE = 0.02
"""A slice belongs to the box when more than this share of it is brain."""
WINDOW_QUANTILES = (0.005, 0.995)
"""Intensity window of the coarse head that both networks were trained with."""
NETWORK_MEAN, NETWORK_SD = 0.449, 0.226
"""Mean and SD that both networks expect of their input."""

PLAUSIBLE_ML = (700.0, 2200.0)
"""Intracranial volume an adult head can have, mL: wider than the 975-1,900 mL seen in healthy adults, so that
resection cavities and hydrocephalus pass (project setting)."""
UNUSUAL_ML = (1000.0, 2000.0)
"""Outside this range the mask is kept but flagged for a look (project setting)."""

STRIPPED_BORDER_ZERO_SHARE = 0.97
"""Skull-stripped images are exactly zero on nearly all of their outermost faces; raw heads reach 0.66-0.94 there
(four series of one scanner), or 1.0 where somebody zeroed the air: hence the volume test besides."""
STRIPPED_ZERO_SHARE = 0.3
"""Least share of exact zeros in the whole grid of a skull-stripped head."""


@dataclasses.dataclass(frozen=True)
class BrainMask:
    """A brain mask and how it came about.

    Attributes
    ----------
    mask : Volume
        Kind "brain", uint8, 1 inside, on the input's grid.
    method : str
        `METHOD_NETWORK` or `METHOD_STRIPPED`.
    version : str
        Hash of the weights that made it ("deepbet-" and 12 hex digits), "1" for the stripped rule.
    seconds : float
        Wall time.
    volume_ml : float
        Volume of the mask, mL.
    flags : tuple of str
        Quality flags, explained in `imaging.compute.quality.FLAGS`.
    """

    mask: Volume
    method: str
    version: str
    seconds: float
    volume_ml: float
    flags: tuple[str, ...] = ()


def extract_brain(volume: Volume, *, device: str = "cpu") -> BrainMask:
    """Find the brain in a structural head volume (T1 or T1ce best; T2 and FLAIR work).

    Parameters
    ----------
    volume : Volume
        3-D, or 4-D of which the first entry of the last axis is used. Any orientation, any spacing.
    device : {"auto", "cpu", "cuda"}
        Where the networks run (`imaging.compute.device.resolve_device`).

    Returns
    -------
    BrainMask
        On the grid of `volume`.

    Raises
    ------
    DomainError
        `brain_extraction_implausible` when no brain of `PLAUSIBLE_ML` is found, `brain_extraction_input` when the
        image is constant, `brain_weights_missing` or `brain_weights_changed` when the weights are not as pinned.
    """
    started = time.perf_counter()
    head = _check_head(volume)
    found, method, version = _stripped_brain(head, volume.voxel_ml), METHOD_STRIPPED, "1"
    if found is None:
        found, method, version = (
            _network_brain(head, volume.affine, device),
            METHOD_NETWORK,
            weights_version(),
        )
    millilitres = float(found.sum()) * volume.voxel_ml
    _check_plausible(millilitres)
    return BrainMask(
        mask=volume.with_array(found.astype(np.uint8), kind="brain", unit="1"),
        method=method,
        version=version,
        seconds=time.perf_counter() - started,
        volume_ml=millilitres,
        flags=_flags(millilitres, method),
    )


def weights_version() -> str:
    """Name of the pinned weights, for provenance: it changes when either file changes."""
    both = "".join(WEIGHTS_SHA256[name] for name in sorted(WEIGHTS_SHA256))
    return "deepbet-" + hashlib.sha256(both.encode()).hexdigest()[:12]


def _check_head(volume: Volume) -> FloatArray:
    head = volume.array if volume.array.ndim == 3 else volume.array[..., 0]
    head = np.nan_to_num(head.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if float(head.min()) == float(head.max()):
        raise DomainError("brain_extraction_input", f"the {volume.kind} image is constant: it shows no head")
    return head


def _check_plausible(millilitres: float) -> None:
    low, high = PLAUSIBLE_ML
    if not low <= millilitres <= high:
        raise DomainError(
            "brain_extraction_implausible",
            f"the brain mask holds {millilitres:.0f} mL, a head has {low:.0f}-{high:.0f} mL; "
            "check that the series shows a whole head",
        )


def _flags(millilitres: float, method: str) -> tuple[str, ...]:
    flags = []
    if not UNUSUAL_ML[0] <= millilitres <= UNUSUAL_ML[1]:
        flags.append("brain_volume_unusual")
    if method == METHOD_STRIPPED:
        flags.append("brain_given")
    return tuple(flags)


def _stripped_brain(head: FloatArray, voxel_ml: float) -> BoolArray | None:
    """The non-zero brain of an image without a skull; None when this is not such an image.

    A head with zeroed air passes the two tests for zeros, but holds more than a brain's volume.
    """
    zero = head == 0
    if zero.mean() < STRIPPED_ZERO_SHARE or _border_zero_share(zero) < STRIPPED_BORDER_ZERO_SHARE:
        return None
    found = _filled(_largest_component(~zero))
    return found if found.sum() * voxel_ml <= PLAUSIBLE_ML[1] else None


def _border_zero_share(zero: BoolArray) -> float:
    faces = [np.take(zero, index, axis=axis).ravel() for axis in range(3) for index in (0, -1)]
    return float(np.concatenate(faces).mean())


def _network_brain(head: FloatArray, affine: npt.NDArray[Any], device: str) -> BoolArray:
    """Brain of a head in any orientation: the networks were trained on RAS+ arrays."""
    order, flips = _ras_order(affine)
    canonical = np.ascontiguousarray(np.flip(head.transpose(order), axis=flips))
    found = _run_networks(canonical, device)
    back = np.flip(found, axis=flips).transpose(tuple(np.argsort(order)))
    return np.ascontiguousarray(back)


def _ras_order(affine: npt.NDArray[Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Axis permutation and the axes to flip afterwards that bring an array closest to RAS+."""
    import nibabel

    orientation = nibabel.io_orientation(affine)
    order = tuple(int(axis) for axis in np.argsort(orientation[:, 0]))
    flips = tuple(world for world, axis in enumerate(order) if orientation[axis, 1] < 0)
    return order, flips


def _run_networks(head: FloatArray, device: str) -> BoolArray:
    import torch

    device = str(resolve_device(device))
    with torch.inference_mode():
        whole = torch.from_numpy(head).to(device)[None, None]
        coarse = _resized(whole, (COARSE_SIDE,) * 3)
        low, high = (float(q) for q in np.quantile(coarse.cpu().numpy(), WINDOW_QUANTILES))
        localised = _brain_channel("bbox_model.pt", _normalised(coarse, low, high), device) > 0.5
        box = _brain_box(_largest_component(localised.cpu().numpy()), head.shape)
        fine = _normalised(_resized(whole[(..., *box)], (FINE_SIDE,) * 3), low, high)
        probability = _brain_channel("model.pt", fine, device)
        shape = tuple(part.stop - part.start for part in box)
        inside = (_resized(probability[None, None], shape)[0, 0] > 0.5).cpu().numpy()
    found = np.zeros(head.shape, dtype=bool)
    found[box] = _filled(_largest_component(inside))
    return found


def _resized(tensor: Any, shape: tuple[int, ...]) -> Any:
    from torch.nn.functional import interpolate

    return interpolate(tensor, shape, mode="nearest-exact")


def _normalised(tensor: Any, low: float, high: float) -> Any:
    windowed = ((tensor - low) / max(high - low, 1e-12)).clamp(0.0, 1.0)
    return (windowed - windowed.mean()) / windowed.std().clamp(min=1e-12) * NETWORK_SD + NETWORK_MEAN


def _brain_channel(name: str, tensor: Any, device: str) -> Any:
    """Brain probability, shape of the input grid, values 0 to 1."""
    return _model(name, device)(tensor)[0, 1]


@functools.lru_cache(maxsize=4)
def _model(name: str, device: str) -> Any:
    import torch

    return torch.jit.load(str(weights_path(name)), map_location=device).eval()


def weights_path(name: str) -> Path:
    """Path of one weights file of the installed deepbet wheel, after its sha256 was checked.

    Raises
    ------
    DomainError
        `brain_weights_missing` or `brain_weights_changed`.
    """
    from importlib import metadata

    try:
        files = metadata.files("deepbet") or []
    except metadata.PackageNotFoundError:
        raise DomainError("brain_weights_missing", "the package deepbet 1.0.2 is not installed") from None
    found = [Path(str(file.locate())) for file in files if file.parts[-2:] == ("models", name)]
    if not found or not found[0].is_file():
        raise DomainError("brain_weights_missing", f"the installed deepbet has no weights file {name}")
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256[name]:
        raise DomainError("brain_weights_changed", f"{name} has sha256 {digest}, not {WEIGHTS_SHA256[name]}")
    return found[0]


def _brain_box(coarse: BoolArray, shape: tuple[int, ...]) -> Box:
    """Box of the localised brain with its margin, in voxels of the full grid."""
    parts = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(coarse.mean(axis=others) > BOX_MIN_SHARE)
        if inside.size == 0:
            raise DomainError("brain_extraction_implausible", "no brain was found in this series")
        scale = shape[axis] / coarse.shape[axis]
        centre = round(float(scale * (inside[-1] + 1 + inside[0]) / 2))
        half = round(float(scale * (inside[-1] + 1 - inside[0]) * (1 + 2 * BOX_MARGIN))) / 2
        parts.append(slice(max(0, int(centre - half)), min(shape[axis], int(centre + half))))
    return parts[0], parts[1], parts[2]


def _largest_component(mask: BoolArray) -> BoolArray:
    labelled, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count == 0:
        return mask
    sizes = np.bincount(labelled.ravel())
    sizes[0] = 0
    return np.asarray(labelled == sizes.argmax())


def _filled(mask: BoolArray) -> BoolArray:
    return np.asarray(ndimage.binary_fill_holes(mask), dtype=bool)
