"""An imaging visit as a finished run leaves it: series, steps, volumes with files, measurements."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import itertools
from typing import Any

from gliomon.common.runs import RunState
from imaging import storage
from imaging.models import ImagingRun, ImagingStep, Measurement, Series, StepState, Study, Timepoint, Volume
from imaging.pipeline.steps import STEP_NAMES
from patients.models import Patient

_COUNTER = itertools.count(1)
AFFINE = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
UNITS = {"adc": "mm2/s", "labels": "1", "rcbv": "1", "k2": "1/s"}


def visit(
    patient: Patient,
    day: dt.date = dt.date(2025, 3, 4),
    *,
    state: RunState = RunState.DONE,
    kinds: tuple[str, ...] = ("t1ce", "flair", "labels", "adc", "rcbv"),
) -> Timepoint:
    """A visit with one run in `state`; volumes of `kinds` on the reference grid when it is done."""
    number = next(_COUNTER)
    timepoint = Timepoint.objects.create(patient=patient, date=day)
    study = Study.objects.create(timepoint=timepoint, study_uid=f"2.25.{number}", study_date=day)
    for at, kind in enumerate(("t1ce", "flair"), start=1):
        Series.objects.create(
            study=study,
            series_uid=f"2.25.{number}.{at}",
            number=at,
            description=f"scanner's {kind}",
            recognised_kind=kind,
            confidence=0.95,
            reasons=[f"The name says '{kind}'."],
        )
    run = ImagingRun.objects.create(timepoint=timepoint, effect_key=f"visit-{number}", state=state)
    for position, name in enumerate(STEP_NAMES):
        done = state == RunState.DONE
        ImagingStep.objects.create(
            run=run,
            name=name,
            position=position,
            state=StepState.DONE if done else StepState.WAITING,
            seconds=1.5,
        )
    if state == RunState.DONE:
        for kind in kinds:
            volume(run, kind)
    return timepoint


def volume(run: ImagingRun, kind: str, flags: tuple[str, ...] = ()) -> Volume:
    """A stored volume; its file holds no image."""
    content = gzip.compress(f"{kind} of {run.pk}".encode())
    file = storage.volume_file(run.pk, kind, "reference")
    path = storage.media_path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Volume.objects.create(
        run=run,
        timepoint=run.timepoint,
        kind=kind,
        space="reference",
        unit=UNITS.get(kind, "[arb'U]"),
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        shape=[2, 2, 2],
        affine=AFFINE,
        input_uids=["2.25.77"],
        method=f"method of {kind}",
        code_version="0.1.0+abc",
        flags=list(flags),
    )


def measurement(timepoint: Timepoint, quantity: str, value: float, **fields: Any) -> Measurement:
    """A number of the visit's run."""
    values = {"region": "enhancing", "statistic": "mean", "unit": "1", "n_voxels": 1000} | fields
    return Measurement.objects.create(
        run=timepoint.runs.get(),
        timepoint=timepoint,
        quantity=quantity,
        value=value,
        input_uids=["2.25.77"],
        inputs_hash="f" * 64,
        code_version="0.1.0+abc",
        **values,
    )
