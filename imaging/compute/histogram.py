"""What a region's distribution says beyond its mean: shape, hot spot, shares of low and high blood volume."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]

HOT_SPOT_SHARE = 0.10
"""Highest share of voxels whose mean is the hot spot (project setting; an alternative to drawing small regions)."""
FTB_LOW_MAX = 1.0
"""nrCBV up to which a voxel counts as low: no more blood volume than normal white matter (Hu et al. 2012,
Neuro-Oncology 14:919, https://doi.org/10.1093/neuonc/nos112)."""
FTB_HIGH_MIN = 1.75
"""nrCBV above which a voxel counts as high (Iv et al. 2019, American Journal of Neuroradiology 40:1649,
https://doi.org/10.3174/ajnr.A6211)."""
FTB_MIN_VOXELS = 100
"""Fewer voxels make a share coarser than 1 % and too uncertain to be given (project setting)."""
_NO_SPREAD = 1e-9  # of the largest value; a smaller SD is rounding


@dataclasses.dataclass(frozen=True)
class Shape:
    """Skewness m3 / m2^1.5 and excess kurtosis m4 / m2^2 - 3 (0 for a normal distribution), both without unit."""

    skewness: float
    excess_kurtosis: float


@dataclasses.dataclass(frozen=True)
class TumourBurden:
    """Shares of voxels with low (<= 1.0), middle and high (> 1.75) nrCBV; they sum to 1."""

    low: float
    mid: float
    high: float
    n_voxels: int


def shape_of(values: npt.ArrayLike) -> Shape | None:
    """Skewness and excess kurtosis of the finite values.

    Parameters
    ----------
    values : array_like
        Any shape and unit. Central moments are divided by n (no small-sample correction).

    Returns
    -------
    Shape or None
        None for less than two values and for values without spread.
    """
    finite = _finite(values)
    if finite.size < 2:
        return None
    off = finite - finite.mean()
    m2 = float((off**2).mean())
    if math.sqrt(m2) <= _NO_SPREAD * float(np.abs(finite).max()):
        return None
    return Shape(float((off**3).mean()) / m2**1.5, float((off**4).mean()) / m2**2 - 3.0)


def hot_spot_mean(values: npt.ArrayLike, share: float = HOT_SPOT_SHARE) -> float | None:
    """Mean of the highest `share` of the finite values (rounded up to whole voxels).

    Parameters
    ----------
    values : array_like
        Any shape and unit.
    share : float
        Above 0, at most 1.

    Returns
    -------
    float or None
        In the unit of `values`; None without a finite value.

    Raises
    ------
    DomainError
        `hot_spot_share`.
    """
    if not 0 < share <= 1:
        raise DomainError("hot_spot_share", f"the share must lie above 0 and not above 1, got {share}")
    finite = _finite(values)
    if finite.size == 0:
        return None
    count = min(finite.size, math.ceil(round(share * finite.size, 9)))
    return float(np.partition(finite, finite.size - count)[finite.size - count :].mean())


def fractional_tumour_burden(nrcbv: npt.ArrayLike) -> TumourBurden | None:
    """Shares of low, middle and high blood volume in the enhancing lesion.

    Parameters
    ----------
    nrcbv : array_like
        Leakage-corrected blood volume, normalised to white matter, of the enhancing voxels; any shape.

    Returns
    -------
    TumourBurden or None
        None for less than 100 finite voxels.

    References
    ----------
    Hu LS et al. Neuro Oncol 2012;14:919-930, doi 10.1093/neuonc/nos112 (fractional tumour burden).
    Iv M et al. AJNR 2019;40:1649-1657, doi 10.3174/ajnr.A6211 (thresholds 1.0 and 1.75).
    """
    finite = _finite(nrcbv)
    if finite.size < FTB_MIN_VOXELS:
        return None
    low = float((finite <= FTB_LOW_MAX).mean())
    high = float((finite > FTB_HIGH_MIN).mean())
    mid = float(((finite > FTB_LOW_MAX) & (finite <= FTB_HIGH_MIN)).mean())
    return TumourBurden(low, mid, high, int(finite.size))


def relative_to(mean: float, reference_mean: float | None) -> float | None:
    """Ratio of a mean to that of normal-appearing white matter; None where the latter is missing or not positive."""
    if reference_mean is None or not math.isfinite(reference_mean) or reference_mean <= 0:
        return None
    return mean / reference_mean


def _finite(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]
