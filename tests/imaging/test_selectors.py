"""Which numbers of a visit stand: those of the run that was asked for last."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from imaging import selectors
from imaging.models import ImagingRun, Measurement
from tests.factories import people
from tests.factories.imaging import measured

pytestmark = pytest.mark.django_db
DAY = dt.date(2024, 3, 1)


def test_an_older_run_that_finishes_late_does_not_displace_a_newer_one() -> None:
    clinic = people.clinic()
    measured(clinic.patient, DAY, enhancing_ml=8.0)
    late = measured(clinic.patient, DAY, enhancing_ml=5.0)
    newest = Measurement.objects.get(value=5.0).run
    ImagingRun.objects.filter(pk=newest.pk).update(created_at=timezone.now() - dt.timedelta(hours=1))

    assert [row.value for row in selectors.current_measurements([clinic.patient])] == [8.0]
    assert [row.value for row in selectors.measurements_as_of(clinic.patient, timezone.now())] == [8.0]
    assert late.measurements.count() == 2, "both stay readable"
