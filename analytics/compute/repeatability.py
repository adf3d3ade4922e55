"""How much a measurement varies when nothing has changed: published repeatability, and what may be compared."""

from __future__ import annotations

import dataclasses
import math

from scipy.stats import norm

Z95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution


@dataclasses.dataclass(frozen=True)
class Repeatability:
    """Within-subject variation of one quantity.

    Attributes
    ----------
    wcv : float
        Within-subject coefficient of variation, fraction; on the log scale the standard deviation of one value.
    possible, real : tuple of float, or None
        Lower and upper relative change (fraction) beyond which a change is "possible" and "real"; None: derived
        from `wcv` as the 95 % interval on the log scale, without a "possible" band.
    widened_by_scanner : bool
        True: another scanner, software or field strength doubles the band; False: it forbids the comparison.
    source : str
        Where the figures come from.
    """

    wcv: float
    possible: tuple[float, float] | None
    real: tuple[float, float] | None
    widened_by_scanner: bool
    source: str

    def bands(self, widening: float = 1.0) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the ("possible", "real") bands of relative change, widened by a factor on their own scale."""
        if self.real is None:
            band = log_band(self.wcv * widening)
            return band, band
        possible = self.possible or self.real
        return (possible[0] * widening, possible[1] * widening), (
            self.real[0] * widening,
            self.real[1] * widening,
        )


REPEATABILITY: dict[str, Repeatability] = {
    "adc": Repeatability(
        wcv=0.04,
        possible=(-0.08, 0.08),
        real=(-0.11, 0.11),
        widened_by_scanner=True,
        source="QIBA ADC profile: wCV 4 %, RC 11 %; 2024 proposal 8 % (PMC11537247); product rule [E]",
    ),
    "nrcbv": Repeatability(
        wcv=0.31,
        possible=None,
        real=None,
        widened_by_scanner=False,
        source="Prah 2015: wCV 0.31 of NAWM-normalised, leakage-corrected rCBV; product rule [E]",
    ),
    "srcbv": Repeatability(
        wcv=0.18,
        possible=None,
        real=None,
        widened_by_scanner=False,
        source="Prah 2015: wCV 0.18 of standardised, leakage-corrected rCBV; product rule [E]",
    ),
    # Engineering choice [E]: no test-retest figure of our segmentation exists yet. 0.10 gives -24 % to +32 %, so that
    # the RANO 3D threshold of +40 % lies outside of the noise and a rise of a quarter does not.
    "volume": Repeatability(
        wcv=0.10,
        possible=None,
        real=None,
        widened_by_scanner=True,
        source="wCV 0.10, chosen [E] until test-retest figures of the segmentation exist",
    ),
}

VOLUME_FLOOR_ML = 0.5  # mL; a 10 mm sphere is 0.52 mL: below it a lesion is not measurable [E]


def log_band(wcv: float) -> tuple[float, float]:
    """Return the relative changes (fractions) that bound 95 % of pure noise, on the log scale.

    Parameters
    ----------
    wcv : float
        Within-subject coefficient of variation, fraction > 0.
    """
    half = Z95 * math.sqrt(2) * wcv
    return math.expm1(-half), math.expm1(half)


def change_interval(ratio: float, wcv: float) -> tuple[float, float]:
    """Return the 95 % interval of the relative change (fractions) behind an observed ratio > 0."""
    half = Z95 * math.sqrt(2) * wcv
    return math.expm1(math.log(ratio) - half), math.expm1(math.log(ratio) + half)


def probability_of_rise(ratio: float, wcv: float, threshold: float = 0.0) -> float:
    """Return the probability that the true relative change exceeds `threshold`, given an observed ratio > 0.

    A flat prior on the log scale; 0.5 when the observed change equals the threshold.
    """
    return float(norm.cdf((math.log(ratio) - math.log1p(threshold)) / (math.sqrt(2) * wcv)))
