"""Texture of a region: intensity statistics and grey level co-occurrence, as the IBSI reference manual defines them.

Zwanenburg A et al. Radiology 2020;295:328-338, doi 10.1148/radiol.2020191145.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError
from imaging.compute.volume import Volume, same_grid

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

BIN_NUMBER = 32
"""Grey levels (project setting within the customary 16 to 128). A fixed number of bins removes the arbitrary scale of
MR signal; a fixed width needs a signal that was normalised before."""
MAX_LEVELS = 1024  # a co-occurrence matrix beyond it holds more cells than a lesion has voxels
ANISOTROPIC_RATIO = 1.1  # longest to shortest voxel edge; beyond it the 13 directions are not one distance
_NO_SPREAD = 1e-9

# One of each pair of opposite neighbours at Chebyshev distance 1: 13 directions.
DIRECTIONS: tuple[tuple[int, int, int], ...] = tuple(
    (i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) > (0, 0, 0)
)


@dataclasses.dataclass(frozen=True)
class Texture:
    """Texture of one region.

    Attributes
    ----------
    intensity : dict of str to float
        Statistics of the intensities as they are, in the unit of the image, its square or without unit.
    co_occurrence : dict of str to float
        Features of the merged, symmetric 3-D co-occurrence matrix at distance 1; without unit.
    levels : int
        Grey levels of the discretisation.
    n_voxels : int
        Voxels with a value.
    nan_share : float
        Share of the region's voxels without a value, 0 to 1.
    flags : tuple of str
        "anisotropic_voxels": resample to cubic voxels before comparing.
    """

    intensity: dict[str, float]
    co_occurrence: dict[str, float]
    levels: int
    n_voxels: int
    nan_share: float
    flags: tuple[str, ...]


def region_texture(
    volume: Volume,
    region: Volume,
    *,
    bin_number: int | None = None,
    bin_width: float | None = None,
) -> Texture:
    """Measure intensity statistics and co-occurrence texture of an image in a region.

    Parameters
    ----------
    volume : Volume
        3-D image such as FLAIR, NaN where not measured.
    region : Volume
        Mask on the same grid.
    bin_number : int, optional
        Fixed number of grey levels between the region's minimum and maximum (32 where nothing is given).
    bin_width : float, optional
        Fixed width of a grey level, in the unit of the image, counted from the region's minimum. Not with `bin_number`.

    Returns
    -------
    Texture
        A feature that is undefined (correlation of a single grey level) is left out.

    Raises
    ------
    DomainError
        `texture_grid`, `texture_bins`, `texture_empty` (no voxel, or no two neighbours).
    """
    if volume.array.ndim != 3 or not same_grid(volume, region):
        raise DomainError("texture_grid", f"the image {volume.array.shape} is not on the region's grid")
    inside = np.asarray(region.array > 0)
    valid = inside & np.isfinite(volume.array)
    values = volume.array[valid].astype(np.float64)
    if values.size == 0:
        raise DomainError("texture_empty", "no voxel of the region has a value")
    if bin_number is None and bin_width is None:
        bin_number = BIN_NUMBER
    grey = discretise(values, bin_number=bin_number, bin_width=bin_width)
    levels = int(grey.max()) if bin_number is None else bin_number
    grid = np.zeros(valid.shape, dtype=np.intp)
    grid[valid] = grey
    matrix = co_occurrence_matrix(grid, levels)
    edges = volume.spacing_mm
    return Texture(
        intensity=intensity_features(values),
        co_occurrence=co_occurrence_features(matrix),
        levels=levels,
        n_voxels=int(values.size),
        nan_share=1.0 - values.size / int(inside.sum()),
        flags=("anisotropic_voxels",) if max(edges) > ANISOTROPIC_RATIO * min(edges) else (),
    )


def discretise(
    values: npt.ArrayLike, *, bin_number: int | None = None, bin_width: float | None = None
) -> IntArray:
    """Turn intensities into grey levels 1, 2, ...

    Parameters
    ----------
    values : array_like
        Finite intensities of the region.
    bin_number : int, optional
        floor(N (x - min) / (max - min)) + 1, and N for the maximum itself.
    bin_width : float, optional
        floor((x - min) / width) + 1.

    Returns
    -------
    ndarray of int, same shape
        All 1 for values without spread.

    Raises
    ------
    DomainError
        `texture_bins` unless exactly one of both is given and gives 1 to 1024 levels.
    """
    intensities = np.asarray(values, dtype=np.float64)
    if (bin_number is None) == (bin_width is None):
        raise DomainError("texture_bins", "either bin_number or bin_width must be given")
    low, high = float(intensities.min()), float(intensities.max())
    if bin_number is not None:
        if not 1 <= bin_number <= MAX_LEVELS:
            raise DomainError("texture_bins", f"bin_number must be 1 to {MAX_LEVELS}, got {bin_number}")
        if high == low:
            return np.ones(intensities.shape, dtype=np.intp)
        grey = np.floor(bin_number * ((intensities - low) / (high - low))) + 1
        return np.minimum(grey, bin_number).astype(np.intp)
    if bin_width is None or not bin_width > 0 or (high - low) / bin_width >= MAX_LEVELS:
        text = f"a bin width of {bin_width} over {high - low:.4g} must give 1 to {MAX_LEVELS} levels"
        raise DomainError("texture_bins", text)
    return (np.floor((intensities - low) / bin_width) + 1).astype(np.intp)


def co_occurrence_matrix(grey: IntArray, levels: int) -> npt.NDArray[np.float64]:
    """Probability that two neighbours have grey levels i and j: 13 directions merged, symmetric.

    Parameters
    ----------
    grey : ndarray of int, shape (nx, ny, nz)
        Grey levels 1 to `levels`; 0 outside the region.
    levels : int

    Returns
    -------
    ndarray, shape (levels, levels)
        Sums to 1; row and column 0 belong to grey level 1.

    Raises
    ------
    DomainError
        `texture_bins` for a level above `levels`, `texture_empty` where no two voxels of the region are neighbours.
    """
    if grey.ndim != 3 or int(grey.max(initial=0)) > levels or int(grey.min(initial=0)) < 0:
        raise DomainError("texture_bins", f"a 3-D array with levels 0 to {levels} is wanted")
    counts = np.zeros(levels * levels, dtype=np.int64)
    for direction in DIRECTIONS:
        first, second = _neighbours(grey, direction)
        both = (first > 0) & (second > 0)
        pairs = (first[both] - 1) * levels + second[both] - 1
        counts += np.bincount(pairs, minlength=levels * levels)
    square = counts.reshape(levels, levels)
    square = square + square.T
    if square.sum() == 0:
        raise DomainError("texture_empty", "no two voxels of the region are neighbours")
    return square / float(square.sum())


def _neighbours(grey: IntArray, direction: tuple[int, int, int]) -> tuple[IntArray, IntArray]:
    """Two views of the array, the second shifted by `direction`."""
    first = tuple(
        slice(max(0, -step), size - max(0, step)) for step, size in zip(direction, grey.shape, strict=True)
    )
    second = tuple(
        slice(max(0, step), size - max(0, -step)) for step, size in zip(direction, grey.shape, strict=True)
    )
    return grey[first], grey[second]


def intensity_features(values: npt.ArrayLike) -> dict[str, float]:
    """Intensity-based statistics of finite values (moments divided by n, percentiles by linear interpolation).

    Skewness and kurtosis are left out for values without spread, quotients for a divisor of 0.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    mean, sd = float(x.mean()), float(x.std())
    p10, p25, median, p75, p90 = (float(p) for p in np.percentile(x, [10, 25, 50, 75, 90]))
    robust = x[(x >= p10) & (x <= p90)]
    found = {
        "mean": mean,
        "variance": sd**2,
        "median": median,
        "minimum": float(x.min()),
        "p10": p10,
        "p90": p90,
        "maximum": float(x.max()),
        "interquartile_range": p75 - p25,
        "range": float(np.ptp(x)),
        "mean_absolute_deviation": float(np.abs(x - mean).mean()),
        "robust_mean_absolute_deviation": float(np.abs(robust - robust.mean()).mean()),
        "median_absolute_deviation": float(np.abs(x - median).mean()),
        "energy": float((x**2).sum()),
        "root_mean_square": float(np.sqrt((x**2).mean())),
    }
    if sd > _NO_SPREAD * float(np.abs(x).max()):
        found["skewness"] = float(((x - mean) ** 3).mean()) / sd**3
        found["excess_kurtosis"] = float(((x - mean) ** 4).mean()) / sd**4 - 3.0
    if mean != 0:
        found["coefficient_of_variation"] = sd / mean
    if p75 + p25 != 0:
        found["quartile_coefficient_of_dispersion"] = (p75 - p25) / (p75 + p25)
    return found


def co_occurrence_features(matrix: FloatArray) -> dict[str, float]:
    """The 25 features of a symmetric co-occurrence matrix.

    Parameters
    ----------
    matrix : ndarray, shape (levels, levels)
        From `co_occurrence_matrix`. Entropies are in bits.

    Returns
    -------
    dict of str to float
        Without "correlation" and "information_correlation_1" where only one grey level occurs.
    """
    grey = np.arange(1, matrix.shape[0] + 1, dtype=np.float64)
    i, j = np.meshgrid(grey, grey, indexing="ij")
    mean = float((i * matrix).sum())
    return (
        _joint(matrix, i, j, mean)
        | _of_difference(matrix, np.abs(i - j))
        | _of_sum(matrix, i + j, mean)
        | _information(matrix)
    )


def _joint(p: FloatArray, i: FloatArray, j: FloatArray, mean: float) -> dict[str, float]:
    variance = float(((i - mean) ** 2 * p).sum())
    auto = float((i * j * p).sum())
    found = {
        "joint_maximum": float(p.max()),
        "joint_average": mean,
        "joint_variance": variance,
        "joint_entropy": _entropy(p),
        "angular_second_moment": float((p**2).sum()),
        "autocorrelation": auto,
    }
    if variance > _NO_SPREAD:
        found["correlation"] = (auto - mean**2) / variance
    return found


def _of_difference(p: FloatArray, apart: FloatArray) -> dict[str, float]:
    """Features of |i - j|."""
    levels = p.shape[0]
    k = np.arange(levels, dtype=np.float64)
    marginal = _collected(apart, p, levels)
    average = float((k * marginal).sum())
    return {
        "difference_average": average,
        "difference_variance": float(((k - average) ** 2 * marginal).sum()),
        "difference_entropy": _entropy(marginal),
        "contrast": float((k**2 * marginal).sum()),
        "dissimilarity": average,
        "inverse_difference": float((marginal / (1 + k)).sum()),
        "normalised_inverse_difference": float((marginal / (1 + k / levels)).sum()),
        "inverse_difference_moment": float((marginal / (1 + k**2)).sum()),
        "normalised_inverse_difference_moment": float((marginal / (1 + (k / levels) ** 2)).sum()),
        "inverse_variance": float((marginal[1:] / k[1:] ** 2).sum()),
    }


def _of_sum(p: FloatArray, total: FloatArray, mean: float) -> dict[str, float]:
    """Features of i + j; the cluster features are its central moments."""
    marginal = _collected(total, p, 2 * p.shape[0] + 1)
    off = np.arange(marginal.size, dtype=np.float64) - 2 * mean
    tendency = float((off**2 * marginal).sum())
    return {
        "sum_average": 2 * mean,
        "sum_variance": tendency,
        "sum_entropy": _entropy(marginal),
        "cluster_tendency": tendency,
        "cluster_shade": float((off**3 * marginal).sum()),
        "cluster_prominence": float((off**4 * marginal).sum()),
    }


def _information(p: FloatArray) -> dict[str, float]:
    """Information correlation: how far the joint entropy is from that of independent neighbours."""
    marginal = p.sum(axis=1)
    joint, single = _entropy(p), _entropy(marginal)
    independent = 2 * single  # of a symmetric matrix; equals both cross entropies
    found = {"information_correlation_2": float(np.sqrt(max(0.0, 1 - np.exp(-2 * (independent - joint)))))}
    if single > _NO_SPREAD:
        found["information_correlation_1"] = (joint - independent) / single
    return found


def _collected(keys: FloatArray, p: FloatArray, size: int) -> npt.NDArray[np.float64]:
    """Sum of p by whole number."""
    return np.bincount(keys.astype(np.intp).ravel(), weights=p.ravel(), minlength=size).astype(np.float64)


def _entropy(p: FloatArray) -> float:
    """Shannon entropy in bits."""
    occupied = p[p > 0]
    return float(-(occupied * np.log2(occupied)).sum())
