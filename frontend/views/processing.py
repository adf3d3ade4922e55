"""What is being computed, waits or failed, for the patients one may see."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from frontend.run_progress import STATE_WORDS, WORKING, run_progress
from frontend.views.entering import request_id, user_of
from gliomon.common.policy import requires
from imaging import selectors as imaging
from patients import selectors
from patients.permissions import may
from patients.services.reading import patients_listed

SHOWN = 100


@requires("study.view")
@require_safe
def processing(request: HttpRequest) -> HttpResponse:
    """The page."""
    return render(request, "frontend/imaging/processing.html", _content(request))


@requires("study.view")
@require_safe
def processing_list(request: HttpRequest) -> HttpResponse:
    """The lists alone, asked for again while something is going on."""
    return render(request, "frontend/imaging/processing_list.html", _content(request))


def _content(request: HttpRequest) -> dict[str, Any]:
    user = user_of(request)
    visible = selectors.patients_visible_to(user)
    runs = list(imaging.unfinished_runs(visible)[: SHOWN + 1])
    uploads = list(imaging.unfinished_uploads(visible)[:SHOWN])
    _written(request, [run.timepoint.patient for run in runs] + [upload.patient for upload in uploads])
    rows = [(run.timepoint, run_progress(run)) for run in runs[:SHOWN]]
    return {
        "rows": rows,
        "more": len(runs) > SHOWN,
        "uploads": [(upload, *STATE_WORDS[upload.state]) for upload in uploads],
        "working": any(row.working for _, row in rows) or any(upload.state in WORKING for upload in uploads),
        "may_retry": may(user, "run.retry"),
        "may_import": may(user, "study.import"),
    }


def _written(request: HttpRequest, patients: list[Any]) -> None:
    """Each patient once, however many runs there are."""
    once = {patient.pk: patient for patient in patients}.values()
    patients_listed(user=user_of(request), patients=once, what="processing", request_id=request_id(request))
