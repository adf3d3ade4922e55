"""Sending scans: the page, the reception of the files, and what became of them."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from frontend.run_progress import STATE_WORDS, WORKING, newest_run, run_progress
from frontend.views.entering import opened, request_id, user_of
from gliomon.common.policy import requires
from imaging import selectors as imaging
from imaging.services.upload_stream import Reception, too_large
from imaging.services.uploads import upload_discard, upload_request
from patients import selectors
from patients.services.reading import patients_listed


@requires("study.import")
@require_http_methods(["GET", "POST"])
@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    """Choose a patient and files; or receive them.

    The check against forged requests reads the whole body, so the files' reception must be in place before it: the
    view is exempt and asks for the same check itself, in `_received`.
    """
    if request.method == "GET":
        return _page(request)
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_BODY_LIMIT_BYTES:
        raise too_large()
    reception = Reception(uuid.uuid4())
    request.upload_handlers = [reception]
    kept = False
    try:
        response = _received(request, reception)
        kept = response.status_code < 400
        return response
    finally:
        reception.close()
        if not kept:
            upload_discard(reception.upload_id)


def _page(request: HttpRequest) -> HttpResponse:
    patients = list(selectors.patients_visible_to(user_of(request)).order_by("key"))
    patients_listed(
        user=user_of(request), patients=patients, what="upload page", request_id=request_id(request)
    )
    content = {
        "patients": patients,
        "chosen": request.GET.get("patient", ""),
        "limit_files": settings.UPLOAD_FILES_LIMIT,
        "limit_bytes": settings.UPLOAD_BODY_LIMIT_BYTES,
        "limit_gib": settings.UPLOAD_BODY_LIMIT_BYTES // 1024**3,
    }
    return render(request, "frontend/imaging/upload.html", content)


@csrf_protect
def _received(request: HttpRequest, reception: Reception) -> HttpResponse:
    """Everything has been received by now; whose it is decides whether it stays."""
    patient = opened(request, request.POST.get("patient", ""), "upload")
    run = upload_request(
        patient=patient,
        by=user_of(request),
        upload_id=reception.upload_id,
        names=reception.names,
        n_bytes=reception.n_bytes,
        patient_confirmed=request.POST.get("patient_confirmed") == "1",
        request_id=request_id(request),
    )
    url = reverse("upload-run", args=[patient.key, run.pk])
    if "text/html" in request.headers.get("Accept", "text/html"):
        return redirect(url)
    return JsonResponse({"url": url}, status=201)


@requires("study.import")
@require_safe
def upload_run(request: HttpRequest, key: str, upload_id: uuid.UUID) -> HttpResponse:
    """What became of an upload."""
    return render(request, "frontend/imaging/upload_run.html", _state(request, key, upload_id))


@requires("study.import")
@require_safe
def upload_state(request: HttpRequest, key: str, upload_id: uuid.UUID) -> HttpResponse:
    """The same without the page around it, asked for again while something is going on."""
    return render(request, "frontend/imaging/upload_state.html", _state(request, key, upload_id))


def _state(request: HttpRequest, key: str, upload_id: uuid.UUID) -> dict[str, Any]:
    patient = opened(request, key, "upload report")
    run = imaging.upload_one(patient, upload_id)
    visits = [_visit(patient, found) for found in run.report.get("timepoints", [])]
    words, badge = STATE_WORDS[run.state]
    return {
        "patient": patient,
        "run": run,
        "words": words,
        "badge": badge,
        "working": run.state in WORKING or any(visit["progress"].working for visit in visits),
        "taking_in": run.state in WORKING,
        "visits": visits,
    }


def _visit(patient: Any, timepoint_id: str) -> dict[str, Any]:
    timepoint = imaging.timepoint_of(patient, uuid.UUID(timepoint_id))
    return {
        "timepoint": timepoint,
        "series": imaging.series_of(timepoint),
        "progress": run_progress(newest_run(timepoint)),
    }
