"""The change table: what was measured, against baseline, nadir and the previous scan."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

from analytics.compute.change import Change, ChangePoint, MeasurementPoint, changes
from imaging import selectors as imaging
from imaging.models import Measurement
from patients.selectors import Timeline


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table."""

    region: str
    quantity: str
    statistic: str
    label: str


ROWS = (
    Row("enhancing", "volume", "total", "Enhancing volume"),
    Row("oedema", "volume", "total", "Oedema / non-enhancing FLAIR volume"),
    Row("enhancing", "adc", "mean", "ADC, mean in enhancing"),
    Row("enhancing", "adc", "p10", "ADC, P10 in enhancing"),
    Row("enhancing", "nrcbv", "mean", "nRCBV, mean in enhancing"),
    Row("enhancing", "nrcbv", "p95", "nRCBV, P95 in enhancing"),
    Row("enhancing", "k2", "median", "K2, median in enhancing"),
)


def change_content(timeline: Timeline, measurements: list[Measurement]) -> dict[str, Any]:
    """The table as JSON: rows with baseline, nadir, previous and now, each change with its judgement."""
    series = measurement_points(measurements)
    rows, reason = [], ""
    for row in ROWS:
        points = series.get((row.region, row.quantity, row.statistic), [])
        if points:
            judged = changes(points, radiotherapy_end=timeline.radiotherapy_end)
            reason = reason or judged[-1].reference_reason
            rows.append(_row(row, judged))
    return {"rows": rows, "reference_reason": reason}


def measurement_points(
    measurements: list[Measurement],
) -> dict[tuple[str, str, str], list[MeasurementPoint]]:
    """Measurements as points of series, with what must be equal for them to be compared."""
    context = imaging.comparability({measurement.run_id for measurement in measurements})
    found: dict[tuple[str, str, str], list[MeasurementPoint]] = defaultdict(list)
    for row in measurements:
        found[row.region, row.quantity, row.statistic].append(
            MeasurementPoint(
                id=str(row.pk),
                on=row.timepoint.date,
                quantity=row.quantity,
                value=row.value,
                unit=row.unit,
                flags=tuple(row.flags),
                **context.get((row.run_id, row.quantity), {}),
            )
        )
    return found


def _row(row: Row, judged: list[ChangePoint]) -> dict[str, Any]:
    last = judged[-1]
    baseline = next((point for point in judged if point.is_baseline), None)
    return {
        **dataclasses.asdict(row),
        "unit": last.point.unit,
        "now": _value(last.point),
        "baseline": _value(baseline.point) if baseline is not None else None,
        "previous": _reference(last.versus_previous),
        "nadir": _reference(last.versus_nadir),
        "vs_baseline": _change(last.versus_baseline),
        "vs_previous": _change(last.versus_previous),
        "vs_nadir": _change(last.versus_nadir),
        "flags": list(last.point.flags),
        "points": [{**_value(point.point), "segment": point.segment} for point in judged],
    }


def _value(point: MeasurementPoint) -> dict[str, Any]:
    return {
        "id": point.id,
        "value": point.value if point.measured else None,
        "date": point.on.isoformat(),
        "flags": list(point.flags),
    }


def _reference(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {
        "id": change.reference_id,
        "value": change.reference_value,
        "date": change.reference_on.isoformat(),
    }


def _change(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    fields = (
        "absolute",
        "percent",
        "percent_low",
        "percent_high",
        "noise_low",
        "noise_high",
        "probability_of_rise",
        "judgement",
    )
    return {name: getattr(change, name) for name in fields} | {
        "breaks": list(change.breaks),
        "flags": list(change.flags),
    }
