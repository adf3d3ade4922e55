"""A processing run as a screen shows it: its steps, how far it is, and why a step did not do its work."""

from __future__ import annotations

import dataclasses
from typing import Any

from imaging import selectors

STATE_WORDS = {
    "queued": ("waiting for a worker", "neutral"),
    "running": ("working", "info"),
    "done": ("done", "good"),
    "failed": ("failed", "bad"),
    "parked": ("stopped: its worker died too often", "bad"),
}
STEP_WORDS = {
    "waiting": ("waiting", "neutral"),
    "running": ("working", "info"),
    "done": ("done", "good"),
    "skipped": ("not possible", "warn"),
    "failed": ("failed", "bad"),
}
WORKING = ("queued", "running")
RETRIABLE = ("failed", "parked")


@dataclasses.dataclass(frozen=True)
class Step:
    """One line of a run."""

    title: str
    words: str
    badge: str
    seconds: float | None
    reason: str
    now: bool


@dataclasses.dataclass(frozen=True)
class RunProgress:
    """A run with its steps; `id` is None where nothing was asked for yet."""

    id: Any
    words: str
    badge: str
    steps: list[Step]
    reason: str
    working: bool
    retriable: bool
    asked_at: Any = None

    @property
    def done(self) -> int:
        """Steps that need no more work."""
        return sum(step.badge in ("good", "warn") for step in self.steps)

    @property
    def total(self) -> int:
        """All steps."""
        return len(self.steps)

    @property
    def step_now(self) -> str:
        """The step that is being done."""
        return next((step.title for step in self.steps if step.now), "")

    @property
    def problems(self) -> list[Step]:
        """Steps that did not do their work."""
        return [step for step in self.steps if step.badge in ("bad", "warn")]


def run_progress(run: Any) -> RunProgress:
    """The view of a run, or of there being none."""
    if run is None:
        return RunProgress(None, "not asked for", "neutral", [], "", False, False)
    words, badge = STATE_WORDS[run.state]
    return RunProgress(
        id=run.pk,
        words=words,
        badge=badge,
        steps=[_step(step, run.state) for step in run.steps.all()],
        reason=run.error,
        working=run.state in WORKING,
        retriable=run.state in RETRIABLE,
        asked_at=run.created_at,
    )


def _step(step: Any, run_state: str) -> Step:
    # A worker that died leaves its step "running"; nobody works on it when the run does not run.
    state = "waiting" if step.state == "running" and run_state != "running" else step.state
    words, badge = STEP_WORDS[state]
    return Step(selectors.step_title(step.name), words, badge, step.seconds, step.error, state == "running")


def newest_run(timepoint: Any) -> Any:
    """The visit's newest run, or None."""
    return next(iter(selectors.runs_of(timepoint)), None)
