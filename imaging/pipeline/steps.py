"""The ordered steps of a timepoint, their names for people, and what each cannot do without."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class StepInfo:
    """One step. `needs` must be done before it; `title` is what the page says."""

    name: str
    title: str
    needs: tuple[str, ...] = ()


STEPS: tuple[StepInfo, ...] = (
    StepInfo("read", "Read the series"),
    StepInfo("brain", "Find the brain", ("read",)),
    StepInfo("align", "Align the sequences", ("read",)),
    StepInfo("adc", "Compute ADC", ("read",)),
    StepInfo("segment", "Outline the lesion", ("brain", "align")),
    StepInfo("nawm", "Find normal white matter", ("segment",)),
    StepInfo("perfusion", "Compute rCBV with leakage correction", ("brain", "align")),
    StepInfo("measure", "Measure regions", ("read",)),
)
STEP_NAMES = tuple(step.name for step in STEPS)
STEP_TITLES = {step.name: step.title for step in STEPS}


class StepNotPossible(Exception):
    """A step has nothing to work on; the reason is shown, and it is no failure."""
