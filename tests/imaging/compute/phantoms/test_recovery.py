"""The product's own ADC and rCBV against the truth of virtual patients; tolerances of the science sheet, section 9."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from imaging.compute.adc import fit_adc
from imaging.compute.perfusion import leakage_corrected_cbv
from imaging.compute.phantoms.anatomy import VirtualHead, build_head
from imaging.compute.phantoms.profiles import FULL
from imaging.compute.phantoms.render import RenderedTimepoint, render_timepoint
from imaging.compute.phantoms.tumour import ENHANCING, TumourState

STATE = TumourState((32.0, -20.0, 32.0), enhancing_ml=14.0, oedema_ml=45.0, texture_seed=5)


@pytest.fixture(scope="module")
def full_head() -> VirtualHead:
    return build_head(seed=3, spacing_mm=FULL.head_spacing_mm)


@pytest.mark.slow
def test_adc_within_two_percent_without_noise(full_head: VirtualHead) -> None:
    made = render_timepoint(full_head, STATE, profile=FULL, seed=7, kinds=("dwi",), noise=0.0)
    dwi = made.volumes["dwi"]
    pure = made.truth.pure(dwi).array > 0
    fitted = fit_adc(dwi.array, dwi.b_values, mask=pure)
    error = np.abs(fitted.adc[pure] / made.truth.sampled("adc", dwi).array[pure] - 1.0)
    assert pure.sum() > 500
    assert np.nanmax(error) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("leakage", ["t1", "t2star"])
@pytest.mark.parametrize("rcbv", [1.2, 2.8])
def test_leakage_correction_brings_rcbv_nearer_to_the_truth(
    full_head: VirtualHead, leakage: str, rcbv: float
) -> None:
    """Rank correlation above 0.95 inside the enhancing tumour with the profile's noise; a smaller error corrected."""
    state = dataclasses.replace(STATE, leakage=leakage, rcbv_enhancing=rcbv)
    made = render_timepoint(full_head, state, profile=FULL, seed=7, kinds=("dsc",))
    corrected, uncorrected, truth = normalised_in_tumour(made)
    assert abs(corrected.mean() - truth.mean()) < abs(uncorrected.mean() - truth.mean())
    assert corrected.mean() == pytest.approx(truth.mean(), rel=0.15)
    assert spearmanr(corrected, truth).statistic > 0.95


def normalised_in_tumour(made: RenderedTimepoint) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """nrCBV corrected, uncorrected and true in the enhancing voxels."""
    dsc = made.volumes["dsc"]
    labels, brain, nawm = (made.truth.sampled(name, dsc).array for name in ("labels", "brain", "nawm"))
    maps = leakage_corrected_cbv(
        dsc.array,
        echo_time_s=0.03,
        repetition_time_s=1.5,
        brain_mask=brain > 0,
        exclude_mask=labels > 0,
    )
    inside = labels == ENHANCING
    measured = [cbv[inside] / np.nanmean(cbv[nawm > 0]) for cbv in (maps.cbv, maps.cbv_uncorrected)]
    return measured[0], measured[1], made.truth.sampled("rcbv", dsc).array[inside]
