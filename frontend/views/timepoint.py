"""One imaging visit: images, processing, series, numbers."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from frontend.figures.dsc_curve import BolusCurve, bolus_figure
from frontend.measurements import measurement_tables
from frontend.run_progress import newest_run, run_progress
from frontend.viewer import viewer_setup
from frontend.views.entering import opened, request_id, user_of
from gliomon.common.policy import requires
from imaging import selectors as imaging
from imaging.services import processing
from patients import selectors
from patients.permissions import may


@requires("study.view")
@require_safe
def timepoint(request: HttpRequest, key: str, timepoint_id: uuid.UUID) -> HttpResponse:
    """Everything known of one visit."""
    patient = opened(request, key, "imaging visit")
    found = imaging.timepoint_of(patient, timepoint_id)
    volumes = imaging.current_volumes(found)
    measured = [row for row in imaging.current_measurements([patient]) if row.timepoint_id == found.pk]
    curve = _bolus(found)
    content = {
        "patient": patient,
        "timepoint": found,
        "weeks": _weeks_after_radiotherapy(patient, found),
        "series": imaging.series_of(found),
        "kinds": imaging.series_kinds(),
        "viewer": viewer_setup(patient, volumes),
        "quality": _quality(volumes),
        "tables": measurement_tables(measured, volumes),
        "curve": curve,
        "figure": bolus_figure(curve) if curve else None,
        "neighbours": _neighbours(patient, found),
        **_steps(request, found),
    }
    return render(request, "frontend/imaging/timepoint.html", content)


@requires("study.view")
@require_safe
def steps(request: HttpRequest, key: str, timepoint_id: uuid.UUID) -> HttpResponse:
    """The steps alone, asked for again while they are being done; then the whole page once more."""
    patient = opened(request, key, "processing")
    found = imaging.timepoint_of(patient, timepoint_id)
    content = {"patient": patient, "timepoint": found, **_steps(request, found)}
    response = render(request, "frontend/imaging/steps.html", content)
    if not content["progress"].working:
        response["HX-Refresh"] = "true"
    return response


def _steps(request: HttpRequest, found: Any) -> dict[str, Any]:
    user = user_of(request)
    return {
        "progress": run_progress(newest_run(found)),
        "may_retry": may(user, "run.retry"),
        "may_annotate": may(user, "study.annotate"),
    }


def _weeks_after_radiotherapy(patient: Any, found: Any) -> float | None:
    end = selectors.timeline_of(patient).radiotherapy_end
    return (found.date - end).days / 7 if end else None


def _quality(volumes: list[Any]) -> list[tuple[str, str]]:
    """(what, sentence) of every quality flag of the visit's volumes."""
    found: dict[tuple[str, str], None] = {}
    for volume in volumes:
        for sentence in imaging.flag_sentences(volume.flags):
            found[imaging.volume_name(volume.kind), sentence] = None
    return list(found)


def _bolus(found: Any) -> BolusCurve | None:
    """The brain's mean signal during the bolus, where perfusion was computed."""
    run = newest_run(found)
    detail: dict[str, Any] = (
        next((step.detail for step in run.steps.all() if step.name == "perfusion"), {}) if run else {}
    )
    if not detail.get("mean_curve"):
        return None
    return BolusCurve(
        signal=detail["mean_curve"],
        step_s=detail["repetition_time_s"],
        baseline_points=detail["baseline_points"],
        arrival_s=detail["arrival_s"],
        drop_percent=100 * detail["drop"],
        echo_ms=1000 * detail["echo_time_s"],
    )


def _neighbours(patient: Any, found: Any) -> dict[str, Any]:
    """The visit before and the one after."""
    visits = imaging.visits_in_order(patient)
    at = visits.index(found)
    return {
        "before": visits[at - 1] if at else None,
        "after": visits[at + 1] if at + 1 < len(visits) else None,
        "number": at + 1,
        "total": len(visits),
    }


@requires("study.annotate")
@require_POST
def series_kind(request: HttpRequest, key: str, series_id: uuid.UUID) -> HttpResponse:
    """Say by hand what a series is."""
    patient = opened(request, key, "series kind")
    series = imaging.series_one(patient, series_id)
    processing.series_kind_choose(
        series=series, kind=request.POST.get("kind", ""), by=user_of(request), request_id=request_id(request)
    )
    messages.success(
        request, f"Taken as {series.get_chosen_kind_display()}; the visit is processed again with it."
    )
    return redirect("timepoint", key=patient.key, timepoint_id=series.study.timepoint_id)


@requires("run.retry")
@require_POST
def run_retry(request: HttpRequest, key: str, run_id: uuid.UUID) -> HttpResponse:
    """Do the failed steps of a run again."""
    patient = opened(request, key, "processing")
    run = imaging.run_one(patient, run_id)
    processing.processing_retry(run=run, by=user_of(request), request_id=request_id(request))
    messages.success(request, "Waiting for a worker; the steps that were done are kept.")
    return redirect("timepoint", key=patient.key, timepoint_id=run.timepoint_id)
