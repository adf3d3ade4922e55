"""From labels and maps to a row of numbers: volume of each region, distribution of each map inside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute import mixture
from imaging.compute.histogram import (
    FTB_MIN_VOXELS,
    fractional_tumour_burden,
    hot_spot_mean,
    relative_to,
    shape_of,
)
from imaging.compute.segmentation.labels import REGION_LABELS, region_mask
from imaging.compute.volume import Volume, same_grid

BoolArray = npt.NDArray[np.bool_]

VERSION = "1"
"""Changes whenever a definition below changes a number."""

QUANTITY_OF_MAP: dict[str, tuple[str, str]] = {
    "adc": ("adc", "mm2/s"),
    "rcbv": ("nrcbv", "1"),
    "k2": ("k2", "1/s"),
}
"""Volume kind -> quantity and its UCUM unit. "rcbv" is leakage-corrected and normalised to white matter."""
MAP_REGIONS = ("enhancing", "oedema", "nawm")
PERCENTILES = {"median": 50.0, "p5": 5.0, "p10": 10.0, "p90": 90.0, "p95": 95.0}
SMALL_REGION_VOXELS = 50
"""Fewer valid voxels make a distribution unreliable (science: at least 50 for ADC statistics)."""
WITHOUT_UNIT = "1"


@dataclasses.dataclass(frozen=True)
class RegionMeasurement:
    """One number.

    Attributes
    ----------
    region, quantity, statistic : str
        For example "enhancing", "adc", "p10"; a volume has the statistic "total".
    value : float
        In `unit`.
    unit : str
        UCUM: "mL", "mm2/s", "1", "1/s".
    n_voxels : int
        Voxels with a value (for a volume: all voxels of the region).
    nan_share : float
        Share of the region's voxels in which the map has no value, 0 to 1.
    flags : tuple of str
        Keys of `imaging.compute.quality.FLAGS`.
    """

    region: str
    quantity: str
    statistic: str
    value: float
    unit: str
    n_voxels: int
    nan_share: float
    flags: tuple[str, ...] = ()


def region_measurements(
    labels: Volume,
    maps: Mapping[str, Volume],
    *,
    nawm: Volume | None = None,
    regions_known: tuple[str, ...] | None = None,
    native_voxel_ml: Mapping[str, float] | None = None,
    map_flags: Mapping[str, tuple[str, ...]] | None = None,
) -> list[RegionMeasurement]:
    """Measure every region of a label map.

    Parameters
    ----------
    labels : Volume
        Label values of `imaging.compute.segmentation.labels.Label`, 3-D.
    maps : mapping of str to Volume
        Quantitative maps by kind, on the labels' grid, NaN where nothing was measured. Kinds outside
        `QUANTITY_OF_MAP` are ignored.
    nawm : Volume, optional
        Mask of normal-appearing white matter on the same grid.
    regions_known : tuple of str, optional
        Regions that the segmentation could tell (`ThresholdSegmentation.regions_known`); others get no number,
        not even a volume of 0. All by default.
    native_voxel_ml : mapping of str to float, optional
        Voxel volume in mL in which each map was acquired: a region is small when it holds less than
        `SMALL_REGION_VOXELS` of those, however fine the grid it was drawn on.
    map_flags : mapping of str to tuple of str, optional
        Flags of a map (such as `b_out_of_range`), passed on to each of its numbers.

    Notes
    -----
    Beside the customary statistics: "skewness" and "kurtosis" (excess); for ADC "radc" (mean over that of normal white
    matter) and in the enhancing lesion "adc_l" and "lcp" (`mixture.low_adc_component`); for blood volume "hotspot" and
    in the enhancing lesion "ftb_low", "ftb_mid", "ftb_high". What a region is too small for is left out, and its
    "p5" (ADC) or "hotspot" (blood volume) carries the flag that says so. All ratios have the unit "1".

    Returns
    -------
    list of RegionMeasurement
        Volumes in mL (0 is a value). Statistics of a map only where the region holds at least one measured voxel:
        mean, SD (n - 1), median and percentiles by linear interpolation (Hyndman and Fan 1996, type 7,
        https://doi.org/10.1080/00031305.1996.10473566).

    Raises
    ------
    DomainError
        `features_grid` when a map or mask is on another grid, `features_unit` when a map is not in its unit,
        `features_region` for an unknown region name.
    """
    known = tuple(REGION_LABELS) if regions_known is None else regions_known
    _check(labels, maps, nawm, known)
    masks = {region: region_mask(labels.array, region) for region in known}
    found = [_volume_of(region, mask, labels.voxel_ml) for region, mask in masks.items()]
    if nawm is not None:
        masks["nawm"] = np.asarray(nawm.array > 0)
    for kind in (kind for kind in QUANTITY_OF_MAP if kind in maps):
        native = (native_voxel_ml or {}).get(kind, labels.voxel_ml)
        flags = (map_flags or {}).get(kind, ())
        samples = {
            region: _sample(region, kind, maps[kind], masks[region], native / labels.voxel_ml, flags)
            for region in MAP_REGIONS
            if region in masks
        }
        white = _mean(samples.get("nawm"))
        for sample in samples.values():
            if sample.values.size:
                found += [*_described(sample), *_further(sample, white)]
    return found


def _check(labels: Volume, maps: Mapping[str, Volume], nawm: Volume | None, known: tuple[str, ...]) -> None:
    unknown = [region for region in known if region not in REGION_LABELS]
    if unknown:
        raise DomainError("features_region", f"{', '.join(unknown)}: no such region of a label map")
    others = {**maps, **({} if nawm is None else {"nawm": nawm})}
    for kind, volume in others.items():
        if volume.array.ndim != 3 or not same_grid(volume, labels):
            raise DomainError("features_grid", f"{kind} {volume.array.shape} is not on the labels' grid")
    for kind, (_, unit) in QUANTITY_OF_MAP.items():
        if kind in maps and maps[kind].unit != unit:
            raise DomainError("features_unit", f"{kind} came in {maps[kind].unit!r}, wanted {unit!r}")


def _volume_of(region: str, mask: BoolArray, voxel_ml: float) -> RegionMeasurement:
    count = int(mask.sum())
    return RegionMeasurement(region, "volume", "total", count * voxel_ml, "mL", count, 0.0)


@dataclasses.dataclass(frozen=True)
class _Sample:
    """One map's measured voxels in one region, and how many voxels as acquired they stand for."""

    region: str
    kind: str
    values: npt.NDArray[np.float64]
    missing: float
    n_native: float
    flags: tuple[str, ...]

    def row(
        self, statistic: str, value: float, *, unit: str | None = None, flags: tuple[str, ...] = ()
    ) -> RegionMeasurement:
        quantity, own_unit = QUANTITY_OF_MAP[self.kind]
        raised, count = (*self.flags, *flags), int(self.values.size)
        return RegionMeasurement(
            self.region, quantity, statistic, value, unit or own_unit, count, self.missing, raised
        )


def _sample(
    region: str, kind: str, volume: Volume, mask: BoolArray, voxels_per_native: float, flags: tuple[str, ...]
) -> _Sample:
    values = volume.array[mask].astype(np.float64)
    valid = values[np.isfinite(values)]
    n_native = valid.size / max(voxels_per_native, 1.0)
    raised = (*flags, "small_region") if n_native < SMALL_REGION_VOXELS else tuple(flags)
    missing = 1.0 - valid.size / values.size if values.size else 0.0
    return _Sample(region, kind, valid, missing, n_native, raised)


def _mean(sample: _Sample | None) -> float | None:
    return None if sample is None or sample.values.size == 0 else float(sample.values.mean())


def _described(sample: _Sample) -> Iterator[RegionMeasurement]:
    """The customary statistics; a single voxel has no SD."""
    values = sample.values
    yield sample.row("mean", float(values.mean()))
    for name, percent in PERCENTILES.items():
        flags = _missing_adc_l(sample) if name == "p5" else ()
        yield sample.row(name, float(np.percentile(values, percent, method="linear")), flags=flags)
    if values.size > 1:
        yield sample.row("sd", float(values.std(ddof=1)))


def _further(sample: _Sample, white: float | None) -> Iterator[RegionMeasurement]:
    """What the distribution says beyond that."""
    shape = shape_of(sample.values)
    if shape is not None:
        yield sample.row("skewness", shape.skewness, unit=WITHOUT_UNIT)
        yield sample.row("kurtosis", shape.excess_kurtosis, unit=WITHOUT_UNIT)
    if sample.kind == "adc":
        yield from _of_adc(sample, white)
    if sample.kind == "rcbv":
        yield from _of_blood_volume(sample)


def _of_adc(sample: _Sample, white: float | None) -> Iterator[RegionMeasurement]:
    ratio = relative_to(float(sample.values.mean()), white)
    if ratio is not None and sample.region != "nawm":
        yield sample.row("radc", ratio, unit=WITHOUT_UNIT)
    if sample.region == "enhancing" and not _missing_adc_l(sample):
        found = mixture.low_adc_component(sample.values, n_independent=sample.n_native)
        yield sample.row("adc_l", found.adc_l, flags=found.flags)
        if found.share is not None:
            yield sample.row("lcp", found.share, unit=WITHOUT_UNIT)


def _missing_adc_l(sample: _Sample) -> tuple[str, ...]:
    """The flag of an enhancing lesion that is too small for a mixture."""
    wanted = sample.kind == "adc" and sample.region == "enhancing"
    return ("adc_l_too_small",) if wanted and sample.n_native < mixture.MIN_VOXELS else ()


def _of_blood_volume(sample: _Sample) -> Iterator[RegionMeasurement]:
    enhancing = sample.region == "enhancing"
    burden = (
        fractional_tumour_burden(sample.values) if enhancing and sample.n_native >= FTB_MIN_VOXELS else None
    )
    hot_spot = hot_spot_mean(sample.values)
    if hot_spot is not None:
        flags = ("ftb_too_small",) if enhancing and burden is None else ()
        yield sample.row("hotspot", hot_spot, flags=flags)
    if burden is not None:
        for name, share in (("low", burden.low), ("mid", burden.mid), ("high", burden.high)):
            yield sample.row(f"ftb_{name}", share, unit=WITHOUT_UNIT)
