"""From a head and a tumour to the images of one visit."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.anatomy import VirtualHead
from imaging.compute.phantoms.profiles import Acquisition, Profile
from imaging.compute.phantoms.sampling import rigid
from imaging.compute.phantoms.scan import Scan, tissue_signal
from imaging.compute.phantoms.signal import rician
from imaging.compute.phantoms.tissue import HEALTHY
from imaging.compute.phantoms.truth import Truth, truth_of
from imaging.compute.phantoms.tumour import TumourState, place_tumour
from imaging.compute.volume import Volume

FloatArray = npt.NDArray[np.floating[Any]]

SIGNAL_UNIT = "[arb'U]"
WATER_SIGNAL = 4000.0
"""Signal of fully relaxed water before the vendor's scale factor, arbitrary unit."""

MOTION_SD = 0.25
"""SD of the head's shift (mm) and turn (degrees) per axis between sequences; 0.5 mm / 0.5 degrees are 2 SD."""

VISIT_SHIFT_MM = 3.0
VISIT_TURN_DEG = 2.0


@dataclasses.dataclass(frozen=True)
class RenderedTimepoint:
    """The images of one visit, in scanner space, and the truth behind them.

    Attributes
    ----------
    volumes : dict
        One `Volume` per kind of series; "dwi" has b-values, "dsc" has times on the last axis.
    truth : Truth
    profile : Profile
    seed : int
    """

    volumes: dict[str, Volume]
    truth: Truth
    profile: Profile
    seed: int


def render_timepoint(
    head: VirtualHead,
    state: TumourState,
    *,
    profile: Profile,
    seed: int,
    kinds: tuple[str, ...] | None = None,
    noise: float = 1.0,
    bias: float = 0.10,
    motion: float = 1.0,
) -> RenderedTimepoint:
    """Scan a head with a tumour.

    Parameters
    ----------
    head : VirtualHead
    state : TumourState
    profile : Profile
        Sequences with their geometry and timing.
    seed : int
        Draws noise, bias field, head position and the series' scale factors; same seed, same images.
    kinds : tuple of str, optional
        Which sequences were scanned; default all of the profile.
    noise : float
        Factor on the noise of the profile (Rician); 0 for none.
    bias : float
        Half range of the multiplicative bias field (1); 0 for none. Diffusion and DSC share it within a series.
    motion : float
        Factor on the head's displacement between visits (SD 3 mm, 2 degrees) and sequences (0.25 mm, 0.25 degrees).

    Returns
    -------
    RenderedTimepoint

    Raises
    ------
    DomainError
        `kind_unknown` when a kind is not in the profile; the errors of `place_tumour`.
    """
    wanted = _checked_kinds(profile, kinds)
    lesion = place_tumour(head, state)
    visit = _visit_position(seed, motion)
    positions: dict[str, FloatArray] = {}
    volumes: dict[str, Volume] = {}
    for number, acquisition in enumerate(profile.acquisitions):
        rng = np.random.default_rng([seed, 100 + number])
        position = _sequence_position(rng, motion) @ visit
        if acquisition.kind not in wanted:
            continue
        positions[acquisition.kind] = position
        scale = WATER_SIGNAL * rng.uniform(0.7, 1.4)
        scan = Scan(head, lesion, acquisition, np.linalg.inv(position), profile.bolus)
        received = scan.signal() * _bias_field(acquisition, bias, rng)
        sigma = noise * tissue_signal(HEALTHY[0], acquisition) / acquisition.snr
        volumes[acquisition.kind] = _volume(acquisition, rician(received * scale, sigma * scale, rng))
    return RenderedTimepoint(volumes, truth_of(head, lesion, positions, seed), profile, seed)


def _checked_kinds(profile: Profile, kinds: tuple[str, ...] | None) -> tuple[str, ...]:
    wanted = profile.kinds if kinds is None else kinds
    unknown = sorted(set(wanted) - set(profile.kinds))
    if unknown:
        raise DomainError("kind_unknown", f"the profile {profile.name} scans {profile.kinds}, not {unknown}")
    return wanted


def _visit_position(seed: int, motion: float) -> FloatArray:
    rng = np.random.default_rng([seed, 99])
    return _random_rigid(rng, motion * VISIT_TURN_DEG, motion * VISIT_SHIFT_MM)


def _sequence_position(rng: np.random.Generator, motion: float) -> FloatArray:
    return _random_rigid(rng, motion * MOTION_SD, motion * MOTION_SD)


def _random_rigid(rng: np.random.Generator, turn_deg: float, shift_mm: float) -> FloatArray:
    turn = np.clip(rng.standard_normal(3), -2.0, 2.0) * turn_deg
    shift = np.clip(rng.standard_normal(3), -2.0, 2.0) * shift_mm
    return rigid((turn[0], turn[1], turn[2]), (shift[0], shift[1], shift[2]))


def _bias_field(
    acquisition: Acquisition, strength: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Smooth factor round 1 within about +-`strength`: a second-order polynomial over the field of view."""
    axes = [np.linspace(-1.0, 1.0, size, dtype=np.float32) for size in acquisition.shape]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    weights = rng.uniform(-1.0, 1.0, size=6).astype(np.float32)
    terms = (x, y, z, x * y, x * x - 0.5, y * y - 0.5)
    field = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    field = field - field.mean()
    field = np.exp(strength * field / max(float(np.abs(field).max()), 1e-6)).astype(np.float32)
    return field[..., None] if acquisition.n_times or acquisition.b_values else field


def _volume(acquisition: Acquisition, samples: npt.NDArray[np.float32]) -> Volume:
    return Volume(
        array=samples,
        affine=acquisition.grid.affine,
        kind=acquisition.kind,
        unit=SIGNAL_UNIT,
        b_values=acquisition.b_values or None,
        times_s=acquisition.times_s or None,
    )
