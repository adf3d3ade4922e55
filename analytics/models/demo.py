"""The demo's scans are rendered by the worker, one visit after the other."""

from __future__ import annotations

from django.db import models

from gliomon.common.runs import AbstractRun
from patients.models import Patient


class DemoVisitRun(AbstractRun):
    """Render one visit of a story to DICOM, take it in like any study, and ask for the next."""

    task_name = "analytics.render_demo_visit"
    queue = "default"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    story_key = models.CharField(max_length=32)
    visit = models.PositiveSmallIntegerField()
    loaded_on = models.DateField(help_text="The day the demo was loaded; the stories' dates count from it.")

    class Meta(AbstractRun.Meta):
        pass
