"""Timepoints with measurements, as a finished run would have left them."""

from __future__ import annotations

import datetime as dt
import itertools

from gliomon.common.runs import RunState
from imaging.models import ImagingRun, Measurement, Timepoint
from patients.models import Patient

_COUNTER = itertools.count(1)


def measured(
    patient: Patient,
    date: dt.date,
    *,
    enhancing_ml: float,
    adc: float | None = None,
    nrcbv: float | None = None,
    flags: tuple[str, ...] = (),
    backfilled: bool = False,
) -> Timepoint:
    """A visit whose run has stored an enhancing volume, and mean ADC (mm2/s) and nrCBV where given."""
    timepoint, _ = Timepoint.objects.get_or_create(
        patient=patient, date=date, defaults={"backfilled": backfilled}
    )
    run = ImagingRun.objects.create(
        timepoint=timepoint, effect_key=f"test-{next(_COUNTER)}", state=RunState.DONE
    )
    rows = [
        ("volume", "total", enhancing_ml, "mL"),
        ("adc", "mean", adc, "mm2/s"),
        ("nrcbv", "mean", nrcbv, "1"),
    ]
    for quantity, statistic, value, unit in rows:
        if value is not None:
            Measurement.objects.create(
                run=run,
                timepoint=timepoint,
                region="enhancing",
                quantity=quantity,
                statistic=statistic,
                value=value,
                unit=unit,
                n_voxels=1000,
                flags=list(flags),
                inputs_hash="0" * 64,
                code_version="test",
            )
    return timepoint
