"""Alerts as the rules raise them, without scans."""

from __future__ import annotations

import datetime as dt

from analytics.compute.alert_rules import Firing, RadiotherapyEnd, VolumePoint, enhancing_volume_beyond_nadir
from analytics.models import Alert
from analytics.services.alerts import alert_raise
from patients.models import Patient


def volume_alert(patient: Patient, *, last_ml: float = 9.9, backfilled: bool = False) -> Alert:
    """Enhancing volume 12.4, 6.1 and `last_ml` mL, the last 43 days after radiotherapy."""
    points = [
        VolumePoint(f"{patient.key}-0", dt.date(2026, 5, 1), 12.4),
        VolumePoint(f"{patient.key}-1", dt.date(2026, 7, 1), 6.1),
        VolumePoint(f"{patient.key}-{last_ml}", dt.date(2026, 9, 1), last_ml),
    ]
    found = enhancing_volume_beyond_nadir(
        points, radiotherapy_end=RadiotherapyEnd("rt", dt.date(2026, 7, 20))
    )
    assert isinstance(found, Firing)
    alert = alert_raise(patient=patient, found=found, backfilled=backfilled)
    assert alert is not None
    return alert
