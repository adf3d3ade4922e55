"""Recognise what a series is from its headers, with the reasons and a confidence.

Three kinds of evidence are weighed: what the scanner states (image type, b-values, contrast agent), the physics of the
sequence (TR, TE, TI, number of time points) and the names people gave. Where names and physics disagree, physics wins
with low confidence, so that a person looks.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence

from imaging.compute.dicom import words
from imaging.compute.dicom.header import InstanceHeader

CERTAIN, STRONG, FAIR, WEAK = 0.95, 0.85, 0.7, 0.4
MR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image Storage
}
MAP_TYPES = {
    *("FA", "COLFA", "EADC", "EXP", "EXPONENTIAL", "TENSOR", "VELOCITY", "FIELD_MAP"),
    *(
        "CBV",
        "RCBV",
        "RELCBV",
        "CBF",
        "RCBF",
        "RELCBF",
        "MTT",
        "RELMTT",
        "TTP",
        "TMAX",
        "PBP",
        "GBP",
        "KTRANS",
    ),
    *("FSBM", "PERFUSION_MAP"),
}
DSC_TIME_POINTS = 20  # fewer cannot hold a baseline, a bolus and a tail at 1.5 s
DSC_ECHO_MS = (20.0, 60.0)  # science: T2*-weighted EPI at 1.5-3 T
FLAIR_INVERSION_MS = (1800.0, 3000.0)
LOW_FIELD_INVERSION_MS = 1200.0  # fluid is nulled earlier at low field and short TR
LONG_ECHO_MS = 60.0
SHORT_ECHO_MS = 35.0
T1_REPETITION_MS = 1300.0  # spin echo
T2_REPETITION_MS = 1900.0
GRADIENT_T1_ECHO_MS = 12.0


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What a series is: `kind`, a confidence from 0 to 1 and one sentence per reason."""

    kind: str
    confidence: float
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the rules look at, gathered once from the headers of a series."""

    first: InstanceHeader
    words: str
    types: frozenset[str]
    b_values: tuple[float, ...]
    per_position: int
    positions: int
    orientations: int

    @property
    def echo_ms(self) -> float | None:
        """Echo time, ms; None where absent or 0."""
        return self.first.echo_time_ms or None

    @property
    def repetition_ms(self) -> float | None:
        """Repetition time, ms; None where absent or 0."""
        return self.first.repetition_time_ms or None

    @property
    def inversion_ms(self) -> float | None:
        """Inversion time, ms; None where there is no inversion."""
        return self.first.inversion_time_ms or None


Rule = Callable[[Evidence], Recognition | None]


def recognise(headers: Sequence[InstanceHeader]) -> Recognition:
    """Tell what a series is from its headers.

    Parameters
    ----------
    headers : sequence of InstanceHeader
        All instances of one series.

    Returns
    -------
    Recognition
        kind is one of t1, t1ce, t2, flair, dwi, adc, dsc, other. Confidence is a rank, not a probability: 0.95 where
        the scanner's own statement or name and physics agree, below 0.5 where they contradict each other.
    """
    if not headers:
        return Recognition("other", 0.0, ("The series holds no images.",))
    evidence = gather(headers)
    for rule in _RULES:
        verdict = rule(evidence)
        if verdict is not None:
            return verdict
    return _structural(evidence)


def gather(headers: Sequence[InstanceHeader]) -> Evidence:
    """Collect the evidence of one series."""
    frames = [frame for header in headers for frame in header.frames]
    places = Counter(
        tuple(round(x, 1) for x in frame.position) for frame in frames if frame.position is not None
    )
    tilts = {
        tuple(round(x, 1) for x in frame.orientation) for frame in frames if frame.orientation is not None
    }
    first = headers[0]
    types = {part for header in headers for part in header.image_type}
    types |= {part for frame in frames for part in frame.frame_type}
    mosaic = len(headers) if first.mosaic is not None else 0
    return Evidence(
        first=first,
        words=words.spaced((first.description, first.protocol, first.sequence_name)),
        types=frozenset(types),
        b_values=tuple(sorted({frame.b_value for frame in frames if frame.b_value is not None})),
        per_position=max(mosaic, max(places.values(), default=0)),
        positions=len(places),
        orientations=len(tilts),
    )


def _not_mr(e: Evidence) -> Recognition | None:
    if e.first.modality != "MR":
        return Recognition("other", CERTAIN, (f"Modality is {e.first.modality or 'not stated'}, not MR.",))
    if e.first.sop_class_uid not in MR_CLASSES:
        return Recognition("other", CERTAIN, ("The SOP class is not an MR image.",))
    if e.first.samples_per_pixel != 1:
        return Recognition("other", CERTAIN, ("The images are in colour: a map or a screenshot.",))
    return None


def _localizer(e: Evidence) -> Recognition | None:
    if "LOCALIZER" in e.types:
        return Recognition("other", CERTAIN, ("ImageType says LOCALIZER.",))
    name = words.found(words.LOCALIZER, words.spaced((e.first.description,)))
    if name:
        return Recognition("other", STRONG, (f"The name says '{name}', a localizer or calibration.",))
    if e.orientations > 1:
        return Recognition(
            "other", STRONG, (f"Slices have {e.orientations} orientations, as in a localizer.",)
        )
    return None


def _subtraction(e: Evidence) -> Recognition | None:
    typed = next((t for t in sorted(e.types) if t.startswith("SUBTRACT")), "")
    name = words.found(words.SUBTRACTION, words.spaced((e.first.description,)))
    if typed or name:
        reason = (
            f"ImageType says {typed}, a difference of two images."
            if typed
            else f"The name says '{name}', a difference."
        )
        return Recognition("other", CERTAIN if typed else STRONG, (reason,))
    return None


def _projection(e: Evidence) -> Recognition | None:
    typed = next((t for t in sorted(e.types) if "PROJECTION" in t or t in {"MIP", "MNIP", "SCREEN SAVE"}), "")
    name = words.found(words.PROJECTION, words.spaced((e.first.description,)))
    if typed or name:
        return Recognition(
            "other", STRONG, (f"'{typed or name}' is a projection or picture, not the acquired slices.",)
        )
    return None


def _phase(e: Evidence) -> Recognition | None:
    if ("P" in e.types and "M" not in e.types) or "PHASE" in e.types or "PHASE MAP" in e.types:
        return Recognition("other", STRONG, ("ImageType says these are phase images.",))
    return None


def _asl(e: Evidence) -> Recognition | None:
    if e.first.asl_contrast:
        return Recognition(
            "other", CERTAIN, (f"ArterialSpinLabelingContrast is {e.first.asl_contrast}: ASL, not DSC.",)
        )
    if "ASL" in e.types:
        return Recognition("other", CERTAIN, ("ImageType says ASL: labelled blood, not a contrast bolus.",))
    name = words.found(words.ASL, e.words)
    if name:
        return Recognition(
            "other", STRONG, (f"The name says '{name}': labelled blood, not a contrast bolus.",)
        )
    return None


def _adc(e: Evidence) -> Recognition | None:
    if "ADC" in e.types:
        return Recognition("adc", CERTAIN, ("ImageType says ADC.",))
    described = words.spaced((e.first.description,))
    name = words.found(words.ADC, described)
    if (
        name
        and not words.found(words.DERIVED_MAP, described.replace(name, " "))
        and not re.search(r"e ?adc|exp", described)
    ):
        return Recognition("adc", STRONG, (f"SeriesDescription says '{name}'.",))
    return None


def _derived_map(e: Evidence) -> Recognition | None:
    typed = sorted(e.types & MAP_TYPES)
    if typed:
        return Recognition(
            "other", CERTAIN, (f"ImageType says {typed[0]}: a map that the scanner computed.",)
        )
    described = words.spaced((e.first.description,))
    name = words.found(words.DERIVED_MAP, described)
    if not name and words.found(words.DIFFUSION, e.words):
        name = words.found(words.FRACTIONAL_ANISOTROPY, described)
    if name:
        return Recognition("other", STRONG, (f"SeriesDescription says '{name}': a computed map.",))
    return None


def _diffusion(e: Evidence) -> Recognition | None:
    high = [b for b in e.b_values if b > 0]
    if high:
        listed = ", ".join(f"{b:g}" for b in e.b_values[:6])
        return Recognition("dwi", CERTAIN, (f"b-values in the header: {listed} s/mm2.",))
    typed = sorted(e.types & {"DIFFUSION", "TRACEW", "TENSOR_B0", "DW"})
    if typed or e.first.acquisition_contrast == "DIFFUSION":
        source = f"ImageType says {typed[0]}" if typed else "AcquisitionContrast says DIFFUSION"
        stated = "b = 0 in the header." if e.b_values else "no b-value in the header."
        return Recognition("dwi", STRONG if e.b_values else FAIR, (f"{source}.", f"There is {stated}"))
    name = words.found(words.DIFFUSION, e.words)
    if name and e.first.echo_planar:
        return Recognition(
            "dwi", FAIR, (f"The name says '{name}' and the sequence is echo planar.", _no_b(e))
        )
    return None


def _no_b(e: Evidence) -> str:
    return "The header states b = 0 only." if e.b_values else "The header states no b-value."


def _dynamic(e: Evidence) -> Recognition | None:
    """Series with many images per slice, or named after perfusion or function."""
    named = words.found(words.DSC, e.words)
    if words.found(words.DCE, e.words):
        return Recognition("other", STRONG, ("The name says DCE: T1-weighted permeability, not DSC.",))
    function = words.found(words.FMRI, e.words)
    points = max(e.per_position, e.first.temporal_positions or 0 if e.per_position > 1 else 0)
    if points < DSC_TIME_POINTS:
        return _short_dynamic(e, named, points)
    counted = f"{points} images per slice position."
    if function and not named:
        return Recognition("other", STRONG, (f"The name says '{function}': functional MRI.", counted))
    fits = _dsc_physics(e)
    if named and fits:
        sure = CERTAIN if e.first.contrast_agent else STRONG
        return Recognition("dsc", sure, (f"The name says '{named}'.", counted, fits, _agent(e)))
    if named:
        return Recognition(
            "other", WEAK, (f"The name says '{named}', but the sequence is not that of DSC.", counted)
        )
    if fits and e.first.contrast_agent:
        return Recognition("dsc", 0.6, (counted, fits, _agent(e), "The name does not speak of perfusion."))
    return Recognition("other", FAIR, (counted, "Neither the name nor a contrast agent speaks of a bolus."))


def _short_dynamic(e: Evidence, named: str, points: int) -> Recognition | None:
    if named and e.first.echo_planar:
        reason = f"The name says '{named}', but {points} time points cannot hold a bolus ({DSC_TIME_POINTS} needed)."
        return Recognition("other", WEAK, (reason,))
    if points > 1 and e.first.echo_planar:
        return Recognition("other", FAIR, (f"Echo planar with {points} images per slice and no diffusion.",))
    return None


def _dsc_physics(e: Evidence) -> str:
    """One sentence where sequence and echo time are those of DSC, else empty."""
    low, high = DSC_ECHO_MS
    if (
        e.echo_ms is None
        or not low <= e.echo_ms <= high
        or not (e.first.echo_planar or e.first.gradient_echo)
    ):
        return ""
    return f"{'Echo planar' if e.first.echo_planar else 'Gradient echo'} with TE {e.echo_ms:g} ms fits DSC."


def _agent(e: Evidence) -> str:
    if e.first.contrast_agent:
        return f"ContrastBolusAgent is '{e.first.contrast_agent}'."
    return "ContrastBolusAgent is empty."


def _other_mr(e: Evidence) -> Recognition | None:
    name = words.found(words.OTHER_MR, words.spaced((e.first.description, e.first.protocol)))
    if name:
        return Recognition("other", STRONG, (f"The name says '{name}'.",))
    if e.first.echo_planar:
        return Recognition("other", FAIR, ("Echo planar without diffusion weighting or bolus.",))
    return None


_RULES: tuple[Rule, ...] = (
    _not_mr, _localizer, _asl, _adc, _derived_map, _subtraction, _projection, _phase, _diffusion, _dynamic, _other_mr,
)  # fmt: skip


def _structural(e: Evidence) -> Recognition:
    """T1, T1 after contrast, T2 or FLAIR by name and by physics."""
    named, name_reason = _named_weighting(e)
    shown, physics_reason = _physical_weighting(e)
    reasons = tuple(reason for reason in (name_reason, physics_reason) if reason)
    if not named and not shown:
        return Recognition("other", WEAK, ("Neither the name nor TR, TE and TI tell the weighting.",))
    if (named, shown) == ("t2", "flair"):
        kind, sure = "flair", FAIR
    elif named and shown and named != shown:
        kind, sure = shown, WEAK
        reasons += ("Name and physics disagree.",)
    else:
        kind, sure = shown or named, CERTAIN if named and shown else FAIR if shown else 0.6
    if kind == "t1":
        return _with_contrast(e, sure, reasons)
    return Recognition(kind, sure, reasons)


def _named_weighting(e: Evidence) -> tuple[str, str]:
    t1, t2, flair = (words.found(pattern, e.words) for pattern in (words.T1, words.T2, words.FLAIR))
    if flair and not re.search(r"(?<![a-z0-9])t1", e.words):
        return "flair", f"The name says '{flair}'."
    if t1 and not t2:
        return "t1", f"The name says '{t1}'."
    if t2 and not t1:
        return "t2", f"The name says '{t2}'."
    stated = next(
        (
            kind
            for kind in ("T1", "T2", "FLUID_ATTENUATED")
            if kind in e.types | {e.first.acquisition_contrast}
        ),
        "",
    )
    kinds = {"T1": "t1", "T2": "t2", "FLUID_ATTENUATED": "flair"}
    return kinds.get(stated, ""), f"The header states {stated} contrast." if stated else ""


def _physical_weighting(e: Evidence) -> tuple[str, str]:
    """Weighting from TR, TE and TI; empty where they do not tell."""
    if e.echo_ms is None:
        return "", ""
    timing = f"TR {_ms(e.repetition_ms)}, TE {_ms(e.echo_ms)}, TI {_ms(e.inversion_ms)}"
    kind = _by_inversion(e) or _by_gradient_echo(e) or _by_spin_echo(e)
    return kind, f"{timing}: {_MEANING[kind]}." if kind else ""


_MEANING = {
    "flair": "fluid is nulled and the echo is late",
    "t1": "T1-weighted",
    "t2": "T2-weighted",
}


def _ms(value: float | None) -> str:
    return "not stated" if value is None else f"{value:g} ms"


def _by_inversion(e: Evidence) -> str:
    if e.inversion_ms is None or e.echo_ms is None:
        return ""
    if e.echo_ms >= LONG_ECHO_MS and e.inversion_ms >= LOW_FIELD_INVERSION_MS:
        return "flair"
    if e.echo_ms <= SHORT_ECHO_MS and 300.0 <= e.inversion_ms <= FLAIR_INVERSION_MS[0]:
        return "t1"
    return ""


def _by_gradient_echo(e: Evidence) -> str:
    echo, repetition = e.echo_ms, e.repetition_ms
    if not e.first.gradient_echo and not (echo is not None and echo < 6.0):
        return ""
    short = echo is not None and echo <= GRADIENT_T1_ECHO_MS
    return "t1" if short and (repetition is None or repetition <= 3500.0) else ""


def _by_spin_echo(e: Evidence) -> str:
    echo, repetition = e.echo_ms, e.repetition_ms
    if e.first.gradient_echo or e.inversion_ms is not None or echo is None or repetition is None:
        return ""
    if echo <= SHORT_ECHO_MS and repetition <= T1_REPETITION_MS:
        return "t1"
    return "t2" if echo >= LONG_ECHO_MS and repetition >= T2_REPETITION_MS else ""


def _with_contrast(e: Evidence, sure: float, reasons: tuple[str, ...]) -> Recognition:
    """Before or after contrast: the agent tag and the name, which may contradict each other."""
    named_pre = words.found(words.PRE, e.words)
    named_post = "" if named_pre else words.found(words.POST, e.words)
    agent = e.first.contrast_agent
    if agent and named_post:
        return Recognition("t1ce", sure, (*reasons, _agent(e), f"The name says '{named_post}'."))
    if agent and named_pre:
        reason = f"The name says '{named_pre}' although a contrast agent is stated."
        return Recognition("t1", WEAK, (*reasons, _agent(e), reason))
    if agent:
        return Recognition("t1ce", min(sure, 0.8), (*reasons, _agent(e), "The name does not say so."))
    if named_post:
        return Recognition("t1ce", min(sure, 0.8), (*reasons, f"The name says '{named_post}'.", _agent(e)))
    return Recognition("t1", sure, (*reasons, _agent(e)))
