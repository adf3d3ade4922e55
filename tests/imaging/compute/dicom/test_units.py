"""Scanner ADC maps reach mm2/s from the stated unit or from their values."""

from __future__ import annotations

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.dicom.units import adc_scale

TISSUE = np.array([0.0, 0.0, 0.7e-3, 0.8e-3, 0.9e-3, 3.0e-3])  # mm2/s


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-5, 1e-6])
def test_unit_from_values(scale: float) -> None:
    assert adc_scale(TISSUE / scale, "US") == scale


@pytest.mark.parametrize(
    ("stated", "scale"), [("10^-6 mm2/s", 1e-6), ("um2/s", 1e-6), ("10^-3 mm2/s", 1e-3), ("1E-3 mm2/s", 1e-3)]
)
def test_stated_unit_wins(stated: str, scale: float) -> None:
    assert adc_scale(TISSUE, stated) == scale


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, 1e9)])
def test_no_plausible_unit(values: np.ndarray) -> None:
    with pytest.raises(DomainError) as caught:
        adc_scale(values, "")
    assert caught.value.code == "adc_unit_unknown"
