"""What people call their series: the words in descriptions, protocols and sequence names, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable


def _any(*patterns: str) -> re.Pattern[str]:
    """Match any pattern as a whole word; ``.*`` in a pattern stands for the rest of a word."""
    inner = "|".join(patterns).replace(".*", "[a-z0-9]*")
    return re.compile(r"(?<![a-z0-9])(?:" + inner + r")(?![a-z0-9])")


LOCALIZER = _any(
    "loc",
    "locali[sz]er",
    "scout",
    "survey",
    "3 ?plane( loc)?",
    "aahead.*",
    "plan ?scan",
    "calibration",
    "cal",
    "asset cal",
)
ASL = _any("p?c?asl", "pseudo ?cont.*", "spin label+ing", "arterial spin.*", "perfusion weighted", "relcbf")
FMRI = _any(
    "fmri",
    "bold",
    "rest(ing)?( ?state)?",
    "rs ?fmri",
    "task",
    "func(tional)?",
    "motor",
    "finger.*",
    "langu?age",
    "mosaic fmri",
)
DSC = _any(
    "dsc", "perf(usion)?", "pwi", "ep2d ?perf", "bolus", "gre ?perf", "perf.*dsc", "fe ?epi", "ep2d perf.*"
)
DCE = _any("dce", "twist( vibe)?", "permeability", "ktrans")
DIFFUSION = _any(
    "dwi",
    "dti",
    "dki",
    "diff(usion)?",
    "diffusie",
    "trace ?w?",
    "tracew",
    "resolve",
    "ep2d ?diff.*",
    "b ?[1-9]\\d{2,3}",
    "noddi",
    "hardi",
    "dwibs",
    "tensor ?b0?",
    "msde",
)
ADC = _any("d?adc", "apparent diff.*", "avg ?adc", "average dc", "adc ?map", "adc 10.*")
DERIVED_MAP = _any(
    "e ?adc",
    "exp(onential)? ?(adc|map|apparent.*)?",
    "eadc",
    "exadc",
    "fa ?map",
    "col(our|or)? ?fa",
    "colfa",
    "fa ?color",
    "fractional ani.*",
    "r?r?cbv.*",
    "r?cbf.*",
    "r?mtt",
    "r?ttp",
    "t ?max",
    "pbp",
    "gbp",
    "k ?trans",
    "ve ?map",
    "vp ?map",
    "iauc.*",
    "negative enhancement.*",
    "isotropic map",
    "t[12]\\*? ?map",
    "r2 ?map",
    "b0 ?map",
    "b1 ?map",
    "field ?map.*",
    "gre field.*",
)
FRACTIONAL_ANISOTROPY = _any("fa")
SUBTRACTION = _any("sub", "subtr?", "subtract(ion|ed)?", "diff(erence)? ?image")
PROJECTION = _any(
    "mip",
    "min ?ip",
    "mips",
    "projection",
    "vrt",
    "3d ?render.*",
    "screen ?save.*",
    "screenshot.*",
    "collage",
    "summary",
)
OTHER_MR = _any(
    "swi",
    "swan",
    "susc.*",
    "t2 ?\\*.*",
    "t2 ?star.*",
    "hemo",
    "haemo",
    "medic",
    "tof",
    "mra",
    "mrv",
    "angio.*",
    "pca?",
    "flow",
    "venc.*",
    "phase ?contrast",
    "fiesta",
    "ciss",
    "trufi",
    "mrs",
    "svs",
    "csi",
    "spectro.*",
    "press",
    "cest",
    "apt ?w?",
    "pd",
    "proton.*",
    "stir",
    "mt",
    "qsm",
    "bravo ?phase",
    "pha",
    "phase",
    "uni ?den",
    "mag ?images?",
    "pha ?images?",
    "inv ?[12]",
)
FLAIR = _any(
    "flair",
    "t2 ?flair.*",
    "dark ?fluid",
    "darkfl",
    "tirm",
    "da ?fl",
    "cube ?flair",
    "space ?flair",
    "flair.*",
    "fluid att.*",
    "brain ?view ?flair",
    "tir2d.*",
)
T2 = _any(
    "t2",
    "t2 ?w(i|eighted)?",
    "t2 ?(tse|fse|frfse|space|cube|blade|propeller|spc|vista)",
    "tse",
    "frfse",
    "haste",
)
T1 = _any(
    "t1",
    "t1 ?w(i|eighted)?",
    "t1 ?(tse|se|space|mpr.*|vibe|fl2d|fl3d|spc|ffe|tfe|tfl|gre|flair)",
    "me ?mp ?rage",
    "mp ?rage",
    "mpr",
    "spgr",
    "fspgr",
    "ir ?fspgr",
    "bravo",
    "vibe",
    "3d ?tfe",
    "tfl",
    "tfl3d.*",
    "flash",
    "fl3d.*",
    "lava",
    "thrive",
    "stealth.*",
    "mp2rage",
    "uni images?",
    "vasc ?brain ?lab",
)
POST = _any(
    "post",
    "post ?gd",
    "post ?gad.*",
    "post ?c.*",
    "gd",
    "gado.*",
    "gad",
    "c\\+",
    "\\+ ?c",
    "\\+ ?gd",
    "\\+ ?gad",
    "ce",
    "t1 ?ce",
    "t1 ?c",
    "t1 ?gd",
    "t1 ?post",
    "t1\\+.*",
    "contrast",
    "km",
    "mit ?km",
    "\\+ ?km",
    "w ?contrast",
    "with ?(gad|contrast|gd).*",
    "enhanced",
    "after.*",
    "delayed",
)
PRE = _any(
    "pre",
    "pre ?contrast",
    "non ?contrast",
    "no ?contrast",
    "without.*",
    "w ?o( ?contrast| ?gd| ?c)?",
    "ohne.*",
    "nativ.*",
    "unenhanced",
    "c-",
    "precontrast",
    "precon",
)


def spaced(texts: Iterable[str]) -> str:
    """Lower-case words separated by single spaces; CamelCase and words glued by `_` or `-` come apart."""
    words = " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text) for text in texts).lower()
    words = words.replace("w/o", " without ").replace("w/", " with ")
    return re.sub(r"\s+", " ", re.sub(r"[^a-z0-9+*. ]", " ", words)).strip()


def found(pattern: re.Pattern[str], words: str) -> str:
    """The words that matched, empty where none did."""
    match = pattern.search(words)
    return match.group(0).strip() if match else ""
