"""Quality flags: what makes a number doubtful, found by small rules and told in one sentence each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from imaging.compute.registration import RigidAlignment
from imaging.compute.volume import Volume

FLAGS: dict[str, str] = {
    # the image
    "low_snr": "The image is noisy: its signal is less than 10 times its noise.",
    "thick_slices": "Slices are more than 5 mm apart: small lesions and volumes are uncertain.",
    "brain_not_covered": "The image does not show the whole brain: what lies outside was not measured.",
    # the brain mask
    "brain_given": "The image came without a skull: its non-zero part was taken as the brain.",
    "brain_volume_unusual": "The brain mask is unusually small or large: look at its outline.",
    # the alignment
    "registration_refused": "The series could not be aligned better than the scanner's own position; regions may be "
    "displaced on it.",
    # the labels
    "no_t1ce": "No T1 after contrast: enhancing tumour and necrosis cannot be told from the rest of the lesion.",
    "no_flair": "No FLAIR: oedema and the whole lesion cannot be said.",
    "no_t1": "No T1 before contrast: blood and other tissue that is bright without contrast may count as enhancing.",
    "no_t2": "No T2: a cavity cannot be told from the rest of the lesion.",
    "no_lesion_found": "No lesion was found by thresholds; small or faint ones are missed by this method.",
    # diffusion
    "b_out_of_range": "A b-value above 1500 s/mm2 was used: this ADC must not be compared with ADC from b = 1000.",
    "b_dropped": "B-values above 1500 s/mm2 were left out of the fit.",
    "perfusion_suppressed": "Low b-values were left out: not comparable with ADC from b = 0.",
    "many_out_of_range": "Many voxels had an ADC outside 0.1-3.5e-3 mm2/s and were left out.",
    "no_noise_level": "The noise level is unknown: a bias by noise could not be ruled out.",
    "nawm_adc_implausible": "ADC in normal-appearing white matter lies outside 0.6-1.0e-3 mm2/s: check unit, "
    "b-values and mask.",
    # perfusion
    "short_baseline": "Few points before the bolus: the perfusion baseline is uncertain.",
    "low_drop": "The bolus lowers the signal by little: perfusion values are noisy.",
    "wide_bolus": "The bolus is unusually wide: injection or circulation was slow.",
    "short_tail": "The series ends soon after the bolus: leakage correction is uncertain.",
    "small_reference": "Few voxels without leakage were found: leakage correction is uncertain.",
    "many_weak_voxels": "Many voxels show no clear bolus.",
    # the regions
    "small_region": "Fewer than 50 measured voxels: the number is unreliable.",
    "unimodal": "The ADC shows no second component: ADC_L is the mean of all voxels.",
    "adc_l_too_small": "Fewer than 500 voxels as acquired: the lower ADC component (ADC_L) was not fitted.",
    "ftb_too_small": "Fewer than 100 voxels as acquired: shares of low and high blood volume are not given.",
    "anisotropic_voxels": "The voxels are not cubes: texture must not be compared with that of other voxel sizes.",
    "no_lesion": "No lesion to mirror: normal white matter was taken from both sides.",
    "bilateral_lesion": "The lesion reaches both sides: the reference white matter may be affected.",
    "thin": "Little normal white matter was found: it was taken without a safety margin.",
}
"""Stable flag -> one sentence for people."""

LOW_SNR = 10.0
"""Below this, T1ce minus T1 and thresholds at 2 SD break down (project setting)."""
THICK_SLICE_MM = 5.0
"""Largest slice distance of a volumetric assessment, mm: the consensus protocol for brain tumour imaging asks for
4 mm or less (Ellingson et al. 2015, Neuro-Oncology 17:1188, https://doi.org/10.1093/neuonc/nov095)."""
MIN_COVERAGE = 0.95
"""Share of the brain that a series must show (project setting)."""
NAWM_ADC_MM2_S = (0.6e-3, 1.0e-3)
"""Plausible mean ADC of normal-appearing white matter, mm2/s."""
NOISE_KERNEL = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
"""Second difference along both in-plane axes; its noise gain is 6 (Immerkaer 1996, Computer Vision and Image
Understanding 64:300, https://doi.org/10.1006/cviu.1996.0060)."""


def explain(flag: str) -> str:
    """Return the sentence for a flag; an unknown one is returned as it is rather than hidden."""
    return FLAGS.get(flag, flag)


def signal_to_noise(volume: Volume, brain: Volume) -> float:
    """Estimate the SNR of a structural image inside the brain, on its own grid before resampling.

    Parameters
    ----------
    volume : Volume
        3-D, or 4-D of which the first entry of the last axis is used.
    brain : Volume
        Mask on the same grid.

    Returns
    -------
    float
        Median brain signal over the noise SD; `inf` without noise, NaN for an empty mask. Fine anatomy adds to
        the noise estimate, so this is a lower bound.
    """
    image = volume.array if volume.array.ndim == 3 else volume.array[..., 0]
    inside = np.asarray(brain.array > 0)
    if not inside.any():
        return float("nan")
    residual = ndimage.convolve(np.nan_to_num(image.astype(np.float32)), NOISE_KERNEL[:, :, None])
    noise = 1.4826 * float(np.median(np.abs(residual[inside]))) / 6.0
    signal = float(np.median(image[inside]))
    return signal / noise if noise > 0 else float("inf")


def image_flags(volume: Volume, brain: Volume | None = None) -> tuple[str, ...]:
    """Flags of one structural image; SNR only where a brain mask on its own grid is given."""
    flags = []
    if max(volume.spacing_mm) > THICK_SLICE_MM:
        flags.append("thick_slices")
    if brain is not None and signal_to_noise(volume, brain) < LOW_SNR:
        flags.append("low_snr")
    return tuple(flags)


def brain_coverage(volume: Volume, brain: Volume, matrix: npt.NDArray[np.floating] | None = None) -> float:
    """Share of the brain that lies inside a series' field of view.

    Parameters
    ----------
    volume : Volume
        The series, on its own grid.
    brain : Volume
        Brain mask on any grid.
    matrix : ndarray, shape (4, 4), optional
        From RAS+ mm of `brain` to RAS+ mm of `volume` (`RigidAlignment.matrix`).

    Returns
    -------
    float
        0 to 1; 0 for an empty mask.
    """
    index = np.argwhere(brain.array > 0)
    if len(index) == 0:
        return 0.0
    placed = np.eye(4) if matrix is None else np.asarray(matrix)
    to_voxel = np.linalg.inv(volume.affine) @ placed @ brain.affine
    voxel = index @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    inside = (voxel >= -0.5) & (voxel <= np.array(volume.shape3) - 0.5)
    return float(inside.all(axis=1).mean())


def coverage_flags(
    volume: Volume, brain: Volume, matrix: npt.NDArray[np.floating] | None = None
) -> tuple[str, ...]:
    """Flag a series that misses part of the brain."""
    return () if brain_coverage(volume, brain, matrix) >= MIN_COVERAGE else ("brain_not_covered",)


def registration_flags(alignment: RigidAlignment) -> tuple[str, ...]:
    """Flag a series whose alignment was refused."""
    return () if alignment.accepted else ("registration_refused",)


def nawm_adc_flags(mean_mm2_s: float | None) -> tuple[str, ...]:
    """Flag an implausible mean ADC of normal white matter; None (not measured) raises nothing."""
    if mean_mm2_s is None:
        return ()
    low, high = NAWM_ADC_MM2_S
    return () if low <= mean_mm2_s <= high else ("nawm_adc_implausible",)


def merged(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Join flags of several steps, each once, in the order in which they were raised."""
    return tuple(dict.fromkeys(flag for group in groups for flag in group))
