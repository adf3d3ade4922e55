"""Imaging visits with the state of their processing, newest first."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Any

from frontend.data import run_state, series_words

STATE_BADGES = {
    "measured": "good",
    "running": "info",
    "queued": "info",
    "waiting": "neutral",
    "failed": "bad",
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """A step that did not do its work, with the reason."""

    step: str
    state: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Visit:
    """One visit's line."""

    id: Any
    day: dt.date
    sequences: str
    state: str
    run_id: Any
    done: int
    total: int
    step_now: str
    problems: list[Problem]
    reason: str

    @property
    def badge(self) -> str:
        """The badge's colour class."""
        return STATE_BADGES[self.state]

    @property
    def working(self) -> bool:
        """Whether the numbers will still change by themselves."""
        return self.state in ("running", "queued")


def visits_of(timepoints: Iterable[Any]) -> list[Visit]:
    """The lines, newest first."""
    return [_visit(point) for point in sorted(timepoints, key=lambda point: point.date, reverse=True)]


def _visit(timepoint: Any) -> Visit:
    run = next(iter(timepoint.runs.all()), None)
    steps = list(run.steps.all()) if run is not None else []
    return Visit(
        id=timepoint.pk,
        day=timepoint.date,
        sequences=series_words(timepoint),
        state=run_state(timepoint),
        run_id=run.pk if run is not None else None,
        done=sum(step.state in ("done", "skipped") for step in steps),
        total=len(steps),
        step_now=next((step_words(step.name) for step in steps if step.state == "running"), ""),
        problems=[_problem(step) for step in steps if step.state in ("failed", "skipped")],
        reason=run.error if run is not None else "",
    )


def _problem(step: Any) -> Problem:
    return Problem(step_words(step.name), step.get_state_display(), step.error or "no reason was given")


def step_words(name: str) -> str:
    """A step's name for people."""
    return name.replace("_", " ")
