"""Doors for the worker: an id in, one call, out. Twice is once."""

from __future__ import annotations

from celery import shared_task

from analytics.models import AssessmentRun, DemoVisitRun
from gliomon.common import runs


@shared_task(name="analytics.assess_patient", ignore_result=True)
def assess_patient(run_id: str) -> None:
    from analytics.services.assessments import patient_assess

    runs.work(AssessmentRun, run_id, patient_assess)


@shared_task(name="analytics.render_demo_visit", ignore_result=True)
def render_demo_visit(run_id: str) -> None:
    from analytics.services.demo import demo_visit_render

    runs.work(DemoVisitRun, run_id, demo_visit_render)
