"""Bring a scanner's ADC map to mm2/s, whatever unit it was written in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from gliomon.common.errors import DomainError

# Median ADC of a head with its background cut away lies well inside this range (mm2/s): white matter 0.7e-3, free
# water at 37 degrees 3.0e-3 (Le Bihan 2013, doi 10.1002/jmri.23931).
PLAUSIBLE_MM2_S = (2.5e-4, 3.5e-3)
_SCALES = (1.0, 1e-3, 1e-5, 1e-6)
_MICRO = re.compile(r"(10\s*\^?\s*-6|1e-0?6|x10-6)\s*mm|um\^?2|µm|micro", re.IGNORECASE)
_MILLI = re.compile(r"(10\s*\^?\s*-3|1e-0?3|x10-3)\s*mm", re.IGNORECASE)


def adc_scale(values: npt.NDArray[Any], stated: str) -> float:
    """Factor from the map's unit to mm2/s.

    Parameters
    ----------
    values : ndarray
        Rescaled samples of the map.
    stated : str
        Unit as the header words it, may be empty or say nothing ("US").

    Returns
    -------
    float
        The stated unit where the header names one; otherwise the only power of ten among those that scanners use
        (1, 1e-3, 1e-5, 1e-6) that brings the median of the positive samples into 0.25-3.5 x 10^-3 mm2/s, the one
        nearest to 1 x 10^-3 where several do.

    Raises
    ------
    DomainError
        `adc_unit_unknown` where neither says.
    """
    if _MICRO.search(stated):
        return 1e-6
    if _MILLI.search(stated):
        return 1e-3
    positive = values[values > 0]
    median = float(np.median(positive)) if positive.size else 0.0
    low, high = PLAUSIBLE_MM2_S
    fitting = [scale for scale in _SCALES if low <= median * scale <= high]
    if not fitting:
        raise DomainError(
            "adc_unit_unknown", f"the median of the ADC map is {median:g}: no usual unit makes that tissue"
        )
    return min(fitting, key=lambda scale: abs(np.log10(median * scale / 1e-3)))
