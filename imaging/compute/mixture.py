"""Lower of two diffusion components: a mixture of two normal distributions fitted to the ADC of a lesion."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

FloatArray = npt.NDArray[np.floating[Any]]

SD_FLOOR = 0.05e-3  # mm2/s; narrower than any tissue, so a component cannot collapse onto one value
MIN_VOXELS = 500  # fewer leave five parameters undetermined (project setting)
BIN = 1e-6  # mm2/s; the step in which scanners store ADC, a fiftieth of the SD floor
# Percentiles at which the two means start. The first pair is the customary one, the others are the restarts: fixed,
# so that the same voxels always give the same number.
STARTS = ((25.0, 75.0), (10.0, 50.0), (50.0, 90.0), (10.0, 90.0), (5.0, 95.0), (35.0, 65.0))
MAX_STEPS = 3000
# Rise of the log-likelihood per voxel and step at which a start is judged, and at which the best one is finished.
ROUGH, FINE = 1e-7, 1e-10
_PARAMETERS_ONE, _PARAMETERS_TWO = 2, 5
_MIN_WEIGHT = 1e-9  # of a component; keeps the logarithm finite when one dies out


@dataclasses.dataclass(frozen=True)
class LowComponent:
    """Lower component of the ADC distribution.

    Attributes
    ----------
    adc_l : float
        Mean of the lower component in mm2/s; mean of all voxels where one component describes them better.
    share : float or None
        Share of voxels in the lower component (LCP), 0 to 1; None where there is only one component.
    means, sds : tuple of float
        Both components (or the only one), mm2/s, in rising order of the mean.
    bic_gain : float
        BIC of one component minus BIC of two; above 0 two are preferred.
    n_voxels : int
        Voxels of the fit.
    flags : tuple of str
        "unimodal" where one component describes the voxels better.
    """

    adc_l: float
    share: float | None
    means: tuple[float, ...]
    sds: tuple[float, ...]
    bic_gain: float
    n_voxels: int
    flags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Histogram:
    """Mean value and number of voxels of each occupied bin."""

    values: FloatArray
    counts: FloatArray

    @property
    def total(self) -> float:
        return float(self.counts.sum())


@dataclasses.dataclass(frozen=True)
class _Mixture:
    """Two components; `log_likelihood` belongs to the parameters of the step before."""

    weights: FloatArray
    means: FloatArray
    sds: FloatArray
    log_likelihood: float = -math.inf


def low_adc_component(adc: npt.ArrayLike, *, n_independent: float | None = None) -> LowComponent:
    """Fit p(x) = LCP N(mu1, s1) + (1 - LCP) N(mu2, s2) with mu1 < mu2 by expectation-maximisation.

    Parameters
    ----------
    adc : array_like
        ADC of the enhancing lesion in mm2/s, any shape; voxels that are not finite are left out.
    n_independent : float, optional
        Voxels as acquired behind `adc` where it was resampled to a finer grid. Only these count as evidence for a
        second component; all voxels by default.

    Returns
    -------
    LowComponent
        Best of six fixed starts. Voxels are counted in bins of 1e-6 mm2/s, each with the mean of its voxels, so the
        time does not depend on the size of the lesion.

    Raises
    ------
    DomainError
        `adc_l_voxels` for less than 500 finite voxels, `adc_l_unit` for values that cannot be mm2/s.

    References
    ----------
    Pope WB et al. Radiology 2009;252:182-189, doi 10.1148/radiol.2521081534 (ADC_L from a two-normal fit).
    Dempster AP, Laird NM, Rubin DB. J R Stat Soc B 1977;39:1-38, doi 10.1111/j.2517-6161.1977.tb01600.x (EM).
    Schwarz G. Ann Stat 1978;6:461-464, doi 10.1214/aos/1176344136 (BIC).
    """
    values = _checked(adc)
    histogram = _histogram(values)
    mean, sd = float(values.mean()), max(float(values.std()), SD_FLOOR)
    one = _log_likelihood_of_one(histogram, mean, sd)
    two = _best_fit(histogram, _starts(values, sd))
    n = values.size if n_independent is None else min(n_independent, values.size)
    evidence = (two.log_likelihood - one) * n / values.size
    gain = 2 * evidence - (_PARAMETERS_TWO - _PARAMETERS_ONE) * math.log(n)
    if gain <= 0:
        return LowComponent(mean, None, (mean,), (sd,), gain, values.size, ("unimodal",))
    low, high = np.argsort(two.means)
    return LowComponent(
        adc_l=float(two.means[low]),
        share=float(two.weights[low]),
        means=(float(two.means[low]), float(two.means[high])),
        sds=(float(two.sds[low]), float(two.sds[high])),
        bic_gain=gain,
        n_voxels=values.size,
    )


def _checked(adc: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(adc, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if values.size < MIN_VOXELS:
        raise DomainError(
            "adc_l_voxels", f"{values.size} voxels with an ADC came, at least {MIN_VOXELS} are needed"
        )
    if np.abs(values).max() > 0.01:
        raise DomainError("adc_l_unit", f"an ADC of {np.abs(values).max():.4g} cannot be in mm2/s")
    return values


def _histogram(values: npt.NDArray[np.float64]) -> _Histogram:
    _, owner, counts = np.unique(np.round(values / BIN), return_inverse=True, return_counts=True)
    sums = np.bincount(owner.ravel(), weights=values)
    return _Histogram(sums / counts, counts.astype(np.float64))


def _starts(values: npt.NDArray[np.float64], sd: float) -> list[_Mixture]:
    spread = np.full(2, max(sd / 2, SD_FLOOR))
    return [_Mixture(np.full(2, 0.5), np.percentile(values, pair), spread) for pair in STARTS]


def _log_density(values: FloatArray, mean: FloatArray | float, sd: FloatArray | float) -> FloatArray:
    return -0.5 * ((values - mean) / sd) ** 2 - np.log(sd) - 0.5 * math.log(2 * math.pi)


def _log_likelihood_of_one(histogram: _Histogram, mean: float, sd: float) -> float:
    return float(histogram.counts @ _log_density(histogram.values, mean, sd))


def _best_fit(histogram: _Histogram, starts: list[_Mixture]) -> _Mixture:
    """Bring every start near its maximum, then only the best one all the way."""
    near = [_fit(histogram, start, ROUGH) for start in starts]
    return _fit(histogram, max(near, key=lambda found: found.log_likelihood), FINE)


def _fit(histogram: _Histogram, start: _Mixture, tolerance: float) -> _Mixture:
    """Step until the log-likelihood stands still."""
    current = start
    for _ in range(MAX_STEPS):
        following = _step(histogram, current)
        gain = following.log_likelihood - current.log_likelihood
        current = following
        if gain < tolerance * histogram.total:
            break
    return current


def _step(histogram: _Histogram, mixture: _Mixture) -> _Mixture:
    """One expectation and one maximisation."""
    column = histogram.values[:, None]
    joint = np.log(mixture.weights) + _log_density(column, mixture.means, mixture.sds)
    density = np.logaddexp(joint[:, 0], joint[:, 1])
    owned = np.exp(joint - density[:, None]) * histogram.counts[:, None]
    size = np.maximum(owned.sum(axis=0), _MIN_WEIGHT * histogram.total)
    means = (owned * column).sum(axis=0) / size
    variance = (owned * (column - means) ** 2).sum(axis=0) / size
    return _Mixture(
        weights=size / size.sum(),
        means=means,
        sds=np.maximum(np.sqrt(variance), SD_FLOOR),
        log_likelihood=float(histogram.counts @ density),
    )
