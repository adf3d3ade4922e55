"""Tissues of the virtual head and their MR properties at 3 T."""

from __future__ import annotations

import dataclasses

VP_NAWM = 0.02
"""Plasma volume fraction of normal-appearing white matter (1), the reference of nrCBV."""

PLASMA_GD_MM = 1.2
"""Gadolinium in plasma about 5 min after a standard dose, mM; tissue without leakage holds vp times this."""


@dataclasses.dataclass(frozen=True)
class Tissue:
    """MR properties of one tissue at 3 T.

    Attributes
    ----------
    name : str
    pd : float
        Proton density relative to free water (1).
    t1_s, t2_s, t2star_s : float
        Relaxation times in seconds.
    adc : float
        Apparent diffusion coefficient, mm2/s.
    vp : float
        Plasma volume fraction (1).
    gd_mm : float
        Gadolinium concentration in the post-contrast T1, mM.
    fat : bool
        Suppressed in echo-planar sequences (spectral fat saturation).
    flow_void : bool
        Gives no signal in spin-echo sequences (fast flowing blood).

    References
    ----------
    Relaxation times: Stanisz et al., Magn Reson Med 2005;54:507, doi:10.1002/mrm.20605, rounded into the
    ranges used for glioma simulation; ADC: white 0.75, grey 0.85, free water at 37 C 3.0 (10^-3 mm2/s).
    """

    name: str
    pd: float
    t1_s: float
    t2_s: float
    t2star_s: float
    adc: float
    vp: float = 0.0
    gd_mm: float = 0.0
    fat: bool = False
    flow_void: bool = False


HEALTHY: tuple[Tissue, ...] = (
    Tissue("white", 0.70, 0.85, 0.070, 0.050, 0.75e-3, VP_NAWM, VP_NAWM * PLASMA_GD_MM),
    Tissue("grey", 0.82, 1.50, 0.095, 0.050, 0.85e-3, 0.04, 0.04 * PLASMA_GD_MM),
    Tissue("csf", 1.00, 4.30, 1.800, 0.500, 3.00e-3),
    Tissue("bone", 0.04, 0.60, 0.010, 0.003, 0.30e-3),
    Tissue("fat", 0.85, 0.38, 0.075, 0.030, 0.10e-3, 0.005, 0.02, fat=True),
    Tissue("muscle", 0.70, 1.40, 0.038, 0.025, 1.40e-3, 0.01, 0.08),
    Tissue("blood", 0.85, 1.90, 0.110, 0.040, 2.00e-3, 0.10, 0.90, flow_void=True),
)
"""Healthy tissues in the order of the first axis of `VirtualHead.fractions`."""

HEALTHY_INDEX: dict[str, int] = {tissue.name: index for index, tissue in enumerate(HEALTHY)}

LESION: tuple[Tissue, ...] = (
    Tissue("necrosis", 0.95, 2.50, 0.300, 0.150, 2.30e-3),
    Tissue("oedema", 0.85, 1.40, 0.160, 0.080, 1.50e-3),
    Tissue("cavity", 1.00, 4.00, 1.500, 0.500, 2.90e-3),
    Tissue("enhancing", 0.85, 1.40, 0.130, 0.060, 1.10e-3),
)
"""Lesion tissues; the position plus one is the label value. ADC, vp and gadolinium come from the tumour state."""
