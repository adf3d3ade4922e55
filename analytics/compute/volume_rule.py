"""Rule `enhancing_volume_beyond_nadir`: enhancing volume at or beyond the RANO 3D size threshold."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

from analytics.compute.change import Baseline, MeasurementPoint, choose_baseline
from analytics.compute.firing import (
    ENHANCING_VOLUME_BEYOND_NADIR,
    EvidenceItem,
    Firing,
    NotFired,
    firing,
)
from analytics.compute.repeatability import REPEATABILITY, VOLUME_FLOOR_ML, probability_of_rise
from gliomon.common.errors import DomainError

THRESHOLD = 0.40  # relative rise against nadir, inclusive (RANO 2.0, 3D)
TOLERANCE = 1e-9  # of the ratio: 10.0 -> 14.0 mL must count as +40 %
WINDOW_DAYS = 84  # days after the end of radiotherapy in which a first hit is preliminary, inclusive
CONFIRM_DAYS = 28  # days until a confirming scan, at least


@dataclasses.dataclass(frozen=True)
class VolumePoint:
    """Total enhancing volume of one timepoint.

    Attributes
    ----------
    id : str
        Record id of the measurement.
    scan_on : date
        Day of the scan.
    volume_ml : float or None
        mL, >= 0; None = the scan gave no value.
    method, method_version : str or None
        How the lesion was segmented; volumes of different methods are not compared.
    """

    id: str
    scan_on: date
    volume_ml: float | None
    method: str | None = None
    method_version: str | None = None

    def as_measurement(self) -> MeasurementPoint:
        """Return the point as a measurement of the series "volume"."""
        return MeasurementPoint(
            self.id, self.scan_on, "volume", self.volume_ml, "mL", self.method, self.method_version
        )


@dataclasses.dataclass(frozen=True)
class RadiotherapyEnd:
    """The last day of a course of radiotherapy and its record id."""

    id: str
    on: date


def enhancing_volume_beyond_nadir(
    points: Sequence[VolumePoint],
    *,
    radiotherapy_end: RadiotherapyEnd | None,
    never_irradiated: bool = False,
) -> Firing | NotFired:
    """Judge the last scan's enhancing volume against the nadir.

    Fires when the last volume is at least 40 % above the smallest volume from the baseline up to the scan before
    (inclusive, tolerance 1e-9 of the ratio) and at least 0.5 mL. Up to 84 days after the end of radiotherapy the
    firing is preliminary (pPD). Size only: steroid dose, clinical status and new lesions are not judged here.

    Parameters
    ----------
    points : sequence of VolumePoint
        Measurements known on the day of judging, any order, one per timepoint.
    radiotherapy_end : RadiotherapyEnd or None
        The last course that ended by the day of judging; None = none is recorded.
    never_irradiated : bool
        True: it is known that there was no radiotherapy, so that its absence is not missing information.

    Raises
    ------
    DomainError
        `volume_range`: a negative volume.
    """
    ordered = sorted((_checked(point) for point in points), key=lambda point: (point.on, point.id))
    if not ordered:
        return NotFired("no enhancing volume is recorded", ("enhancing volumes",))
    now = ordered[-1]
    if not now.measured:
        return NotFired(f"the scan of {now.on} has no enhancing volume", (f"enhancing volume of {now.on}",))
    comparable = [point for point in ordered if point.measured and _same_method(point, now)]
    baseline = choose_baseline(comparable, radiotherapy_end.on if radiotherapy_end else None)
    nadir = _nadir(comparable, baseline)
    if baseline is None or nadir is None:
        return _nothing_to_compare(now, ordered)
    if not _beyond(now, nadir):
        return NotFired(_within(now, nadir), _missing_radiotherapy(radiotherapy_end, never_irradiated))
    return _fired(now, nadir, baseline, radiotherapy_end, never_irradiated)


def _checked(point: VolumePoint) -> MeasurementPoint:
    if point.volume_ml is not None and point.volume_ml < 0:
        raise DomainError(
            "volume_range", f"an enhancing volume of {point.volume_ml} mL came; it cannot be negative"
        )
    return point.as_measurement()


def _same_method(point: MeasurementPoint, now: MeasurementPoint) -> bool:
    return (point.method, point.method_version) == (now.method, now.method_version)


def _nadir(points: list[MeasurementPoint], baseline: Baseline | None) -> MeasurementPoint | None:
    """Return the smallest value from the baseline up to the scan before the last, the latest of equal ones."""
    if baseline is None:
        return None
    since = points[points.index(baseline.point) : -1]
    return min(reversed(since), key=_ml, default=None)


def _beyond(now: MeasurementPoint, nadir: MeasurementPoint) -> bool:
    if _ml(now) < VOLUME_FLOOR_ML - TOLERANCE:
        return False
    return _ml(nadir) == 0 or _ml(now) / _ml(nadir) >= 1 + THRESHOLD - TOLERANCE


def _nothing_to_compare(now: MeasurementPoint, points: list[MeasurementPoint]) -> NotFired:
    other = [point for point in points[:-1] if point.measured]
    missing = "an earlier volume by the same method" if other else "an earlier enhancing volume"
    return NotFired(
        f"the scan of {now.on} is the reference: there is nothing before it to compare", (missing,)
    )


def _within(now: MeasurementPoint, nadir: MeasurementPoint) -> str:
    if _ml(now) < VOLUME_FLOOR_ML:
        return f"{_ml(now):.2f} mL on {now.on} is below the measurable {VOLUME_FLOOR_ML} mL"
    percent = 100 * (_ml(now) / _ml(nadir) - 1)
    return f"{_ml(now):.1f} mL on {now.on} is {percent:+.0f} % against the nadir; the threshold is +40 %"


def _missing_radiotherapy(end: RadiotherapyEnd | None, never: bool) -> tuple[str, ...]:
    return () if end is not None or never else ("end of radiotherapy (pseudoprogression window not known)",)


def _fired(
    now: MeasurementPoint,
    nadir: MeasurementPoint,
    baseline: Baseline,
    end: RadiotherapyEnd | None,
    never: bool,
) -> Firing:
    in_window = end is not None and 0 <= (now.on - end.on).days <= WINDOW_DAYS
    return firing(
        ENHANCING_VOLUME_BEYOND_NADIR,
        sentence=_sentence(now, nadir, end if in_window else None),
        evidence=_evidence(now, nadir, baseline, end),
        reference=f"nadir {_ml(nadir):.1f} mL of {nadir.on}; baseline: {baseline.reason}; threshold +40 % (RANO 3D)"
        + _certainty(now, nadir),
        limit_percent=100 * THRESHOLD,
        preliminary=in_window,
        missing=(
            *_missing_radiotherapy(end, never),
            "steroid dose and clinical status (size alone was judged)",
        ),
    )


def _sentence(now: MeasurementPoint, nadir: MeasurementPoint, window: RadiotherapyEnd | None) -> str:
    rise = "reappeared" if _ml(nadir) == 0 else f"{100 * (_ml(now) / _ml(nadir) - 1):+.0f} %"
    text = (
        f"Enhancing volume {_ml(now):.1f} mL on {now.on}: {rise} ({_ml(now) - _ml(nadir):+.1f} mL) against the nadir "
        f"of {_ml(nadir):.1f} mL on {nadir.on}."
    )
    if window is None:
        return text
    days = (now.on - window.on).days
    return (
        f"{text} Preliminary (pPD): {days} days after radiotherapy, within the 12-week pseudoprogression window; "
        f"confirm on a scan at least {CONFIRM_DAYS} days later."
    )


def _certainty(now: MeasurementPoint, nadir: MeasurementPoint) -> str:
    """Say how probable it is that the true change is beyond the threshold, from repeatability alone."""
    if _ml(nadir) == 0:
        return ""
    chance = probability_of_rise(_ml(now) / _ml(nadir), REPEATABILITY["volume"].wcv, THRESHOLD)
    return f"; probability {100 * chance:.0f} % that the true change is beyond it ({REPEATABILITY['volume'].source})"


def _evidence(
    now: MeasurementPoint, nadir: MeasurementPoint, baseline: Baseline, end: RadiotherapyEnd | None
) -> tuple[EvidenceItem, ...]:
    items = [_item(nadir, "nadir", "smallest volume since baseline"), _item(now, "current", "last scan")]
    if baseline.point.id != nadir.id:
        items.append(_item(baseline.point, "baseline", "baseline scan"))
    if end is not None:
        items.append(EvidenceItem("radiotherapy", end.id, "end of radiotherapy", None, "", end.on, "window"))
    return tuple(sorted(items, key=lambda item: (item.date, item.role == "current")))


def _item(point: MeasurementPoint, role: str, label: str) -> EvidenceItem:
    return EvidenceItem("measurement", point.id, label, _ml(point), "mL", point.on, role)


def _ml(point: MeasurementPoint) -> float:
    return float(point.value or 0.0)
