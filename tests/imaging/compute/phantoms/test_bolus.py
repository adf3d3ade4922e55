"""The bolus against the check values of the science sheet 9.6 and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.bolus import Bolus, Exchange, dsc_signal, leaked_curve, plasma_curve

TIMES = np.arange(0.0, 90.0, 0.1)
PLAIN = Bolus(arrival_s=20.0, peak_mm=6.0, dispersion_s=0.0, recirculation=0.0)


def signal_of(exchange: Exchange, bolus: Bolus, *, r1: float) -> np.ndarray:
    return dsc_signal(
        TIMES, exchange, bolus, pd=0.7, t1_s=1.4, t2star_s=0.05, tr_s=1.5, te_s=0.03, flip_deg=30.0, r1=r1
    )[0]


def tissue(vp: float, ktrans_per_min: float = 0.0, leakage: str = "t1") -> Exchange:
    return Exchange(np.asarray([vp]), np.asarray([ktrans_per_min / 60.0]), 0.35 / 60.0, leakage)


@pytest.mark.parametrize(("vp", "expected"), [(0.02, 0.731), (0.04, 0.535), (0.10, 0.209)])
def test_signal_drop_of_the_sheet(vp: float, expected: float) -> None:
    """TE 30 ms, 6 mM peak, no recirculation, no T1 effect."""
    signal = signal_of(tissue(vp), PLAIN, r1=0.0)
    assert signal.min() / signal[0] == pytest.approx(expected, abs=0.0006)


def test_gamma_variate_peaks_three_widths_after_arrival() -> None:
    plasma = plasma_curve(TIMES, PLAIN)
    assert plasma.max() == pytest.approx(6.0, abs=1e-3)
    assert TIMES[plasma.argmax()] == pytest.approx(20.0 + 4.5, abs=0.1)
    assert not plasma[TIMES <= 20.0].any()


def test_leaked_contrast_without_back_flux_is_the_area_under_the_plasma_curve() -> None:
    """Area of the gamma variate: peak / (27 w^3 e^-3) x 6 w^4."""
    area = 6.0 / (27 * 1.5**3 * np.exp(-3)) * 6 * 1.5**4
    assert leaked_curve(TIMES, PLAIN, 0.0)[-1] == pytest.approx(area, rel=0.01)


def test_back_flux_empties_the_tissue_at_its_rate() -> None:
    leaked = leaked_curve(TIMES, PLAIN, 0.05)
    late = TIMES > 60.0
    slope = np.polyfit(TIMES[late], np.log(leaked[late]), 1)[0]
    assert slope == pytest.approx(-0.05, rel=0.01)


def test_recirculation_leaves_its_plateau() -> None:
    plasma = plasma_curve(TIMES, Bolus(arrival_s=20.0, peak_mm=6.0, recirculation=0.12))
    assert plasma[-1] == pytest.approx(0.72, rel=0.02)
    assert plasma.max() == pytest.approx(6.0, rel=0.01)


def test_leakage_moves_the_tail_above_or_below_that_of_tight_vessels() -> None:
    t1 = signal_of(tissue(0.05, 0.12, "t1"), Bolus(arrival_s=20.0), r1=4.3)
    t2star = signal_of(tissue(0.05, 0.12, "t2star"), Bolus(arrival_s=20.0), r1=4.3)
    none = signal_of(tissue(0.05), Bolus(arrival_s=20.0), r1=4.3)
    assert t1[-1] / t1[0] > none[-1] / none[0] > t2star[-1] / t2star[0]


def test_negative_kep_is_refused() -> None:
    with pytest.raises(DomainError, match="kep"):
        leaked_curve(TIMES, PLAIN, -0.1)
