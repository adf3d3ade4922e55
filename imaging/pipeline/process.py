"""A timepoint's run: the steps in order, each with its state; one that fails does not stop those that can go on."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

from gliomon.common.errors import DomainError, RetriableError
from gliomon.common.runs import LostLease
from imaging.models import ImagingRun, ImagingStep, StepState
from imaging.pipeline.diffusion import compute_adc
from imaging.pipeline.lesion import find_normal_white_matter, outline_lesion
from imaging.pipeline.measure import measure_regions
from imaging.pipeline.perfusion import compute_perfusion
from imaging.pipeline.prepare import align_sequences, find_brain
from imaging.pipeline.read import read_series
from imaging.pipeline.steps import STEP_TITLES, STEPS, StepInfo, StepNotPossible
from imaging.pipeline.workspace import Workspace

logger = logging.getLogger(__name__)

ACTIONS: dict[str, Callable[[Workspace], dict[str, Any]]] = {
    "read": read_series,
    "brain": find_brain,
    "align": align_sequences,
    "adc": compute_adc,
    "segment": outline_lesion,
    "nawm": find_normal_white_matter,
    "perfusion": compute_perfusion,
    "measure": measure_regions,
}


def process(run: ImagingRun) -> None:
    """Do every step of the run that is not done yet.

    Raises `DomainError` at the end when steps failed, so that the run says which; what could be measured is stored.
    """
    workspace = Workspace(run)
    steps = {step.name: step for step in run.steps.all()}
    for info in STEPS:
        if steps[info.name].state != StepState.DONE:
            _do_step(workspace, info, steps)
    failed = [name for name, step in steps.items() if step.state == StepState.FAILED]
    if failed:
        titles = ", ".join(STEP_TITLES[name] for name in failed)
        raise DomainError("steps_failed", f"{len(failed)} of {len(STEPS)} steps failed: {titles}")


def _do_step(workspace: Workspace, info: StepInfo, steps: dict[str, ImagingStep]) -> None:
    step = steps[info.name]
    missing = [STEP_TITLES[name] for name in info.needs if steps[name].state != StepState.DONE]
    if missing:
        _close(step, StepState.SKIPPED, "needs_step", f"needs: {', '.join(missing)}")
        return
    _mark(step, state=StepState.RUNNING, error="", error_code="")
    started = time.perf_counter()
    try:
        detail = ACTIONS[info.name](workspace)
        workspace.close_step(step, seconds=time.perf_counter() - started, detail=detail)
        step.state = StepState.DONE
    except (LostLease, RetriableError):
        raise
    except StepNotPossible as reason:
        _close(step, StepState.SKIPPED, "not_possible", str(reason))
    except DomainError as error:
        _close(step, StepState.FAILED, error.code, error.message)
    except Exception as error:
        # Only frames and type are logged: an exception's text may hold what a file contained.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("step %s of run %s failed:\n%s%s", info.name, step.run_id, frames, type(error).__name__)
        _close(step, StepState.FAILED, "unexpected", f"{type(error).__name__}: see the worker's log")
    finally:
        workspace.forget_pending()


def _close(step: ImagingStep, state: StepState, code: str, sentence: str) -> None:
    _mark(step, state=state, error_code=code, error=sentence[:1000])


def _mark(step: ImagingStep, **values: Any) -> None:
    for name, value in values.items():
        setattr(step, name, value)
    # Only the worker that still owns the run may say so.
    ImagingStep.objects.filter(pk=step.pk, run__claim_token=step.run.claim_token).update(**values)
