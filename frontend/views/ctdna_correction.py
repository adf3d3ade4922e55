"""Correcting a ctDNA result, and retracting a result or a whole sample; always with a reason."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from frontend import ctdna_grid
from frontend.forms.ctdna import ResultCorrection
from frontend.forms.records import EntryForm, ReasonForm, changes_of, show_what_stands, what_was_entered
from frontend.record_versions import conflict_rows, field_text
from frontend.views.entering import CONFLICT, UNPROCESSABLE, digest_of, opened, request_id, user_of
from gliomon.common.errors import Conflict
from gliomon.common.policy import requires
from patients import selectors
from patients.services import liquid_biopsy
from patients.services.entry_fields import result_fields
from patients.services.plausibility import Implausible, sample_warnings
from patients.services.records import RecordInvalid


@requires("ctdna.write")
@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, key: str, result_id: uuid.UUID) -> HttpResponse:
    """Replace a result by a corrected one, which needs its own verification."""
    patient = opened(request, key, "ctDNA correction")
    result = liquid_biopsy.result_get(patient=patient, result_id=str(result_id))
    if request.method == "GET" and _is_history(result):
        return _back_with_warning(request, patient)
    form = ResultCorrection(result, request.POST if request.method == "POST" else None)
    warnings: list[Implausible] = []
    if request.method == "POST" and "review" not in request.POST and _may_be_stored(form):
        warnings = _unconfirmed(request, patient, result, form)
        answer = None if warnings else _store(request, patient, result, form)
        if answer is not None:
            return answer
    show_what_stands(form, {e.name: field_text(e, getattr(result, e.name)) for e in result_fields()})
    more = {"warnings": [w.sentence for w in warnings], "digest": digest_of(warnings)} if warnings else {}
    return _page(request, "frontend/ctdna/correct.html", patient, form, {"result": result} | more)


def _is_history(record: Any) -> bool:
    return record.entered_in_error or hasattr(record, "superseded_by")


def _back_with_warning(request: HttpRequest, patient: Any) -> HttpResponse:
    messages.warning(request, "This version was corrected or retracted already; the grid shows what stands.")
    return redirect("ctdna", key=patient.key)


def _may_be_stored(form: ResultCorrection) -> bool:
    if form.is_valid() and not changes_of(form):
        form.add_error(None, "Nothing was changed.")
    return form.is_valid()


def _unconfirmed(
    request: HttpRequest, patient: Any, result: Any, form: ResultCorrection
) -> list[Implausible]:
    """What is unlikely in the values that change, unless exactly that was confirmed."""
    specimen = {"fluid": result.specimen.fluid, "collected_at": result.specimen.collected_at}
    found = sample_warnings(patient=patient, specimen=specimen, results=[form.cleaned_data])
    changed = [warning for warning in found if warning.field in changes_of(form)]
    return [] if request.POST.get("confirmed") == digest_of(changed) else changed


def _store(request: HttpRequest, patient: Any, result: Any, form: ResultCorrection) -> HttpResponse | None:
    try:
        liquid_biopsy.result_correct(
            result=result,
            by=user_of(request),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
            **changes_of(form),
        )
    except RecordInvalid as error:
        form.add_refusals(error.errors)
        return None
    except Conflict:
        return _conflict_page(request, patient, result, form)
    messages.success(request, f"{result.analyte} corrected; the corrected result waits for a second person.")
    return redirect("ctdna", key=patient.key)


def _conflict_page(request: HttpRequest, patient: Any, result: Any, form: ResultCorrection) -> HttpResponse:
    newest = selectors.record_history(result)[-1]
    content = {
        "patient": patient,
        "title": f"{result.analyte}, {result.occurred_on}",
        "newest": newest,
        "rows": conflict_rows(result_fields(), read=result, now=newest, form=form),
        "entered": what_was_entered(form),
        "correct_url": reverse("ctdna-correct", args=[patient.key, newest.pk]),
        "keep_url": reverse("ctdna", args=[patient.key]),
    }
    return render(request, "frontend/records/conflict.html", content, status=CONFLICT)


@requires("ctdna.write")
@require_http_methods(["GET", "POST"])
def retract(request: HttpRequest, key: str, result_id: uuid.UUID) -> HttpResponse:
    """Mark one result as entered in error."""
    patient = opened(request, key, "ctDNA retraction")
    result = liquid_biopsy.result_get(patient=patient, result_id=str(result_id))
    if request.method == "GET" and _is_history(result):
        return _back_with_warning(request, patient)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        liquid_biopsy.result_retract(
            result=result,
            by=user_of(request),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
        )
        messages.success(request, f"{result.analyte} retracted; it stays readable, struck through.")
        return redirect("ctdna", key=patient.key)
    what = f"{result.analyte} of {result.occurred_on}: {ctdna_grid.result_text(result)}"
    return _page(request, "frontend/ctdna/retract.html", patient, form, {"what": what})


@requires("ctdna.write")
@require_http_methods(["GET", "POST"])
def retract_sample(request: HttpRequest, key: str, specimen_id: uuid.UUID) -> HttpResponse:
    """Mark a whole tube with its results as entered in error."""
    patient = opened(request, key, "ctDNA retraction")
    specimen = liquid_biopsy.specimen_get(patient=patient, specimen_id=str(specimen_id))
    if request.method == "GET" and _is_history(specimen):
        return _back_with_warning(request, patient)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        liquid_biopsy.sample_retract(
            specimen=specimen,
            by=user_of(request),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
        )
        messages.success(request, f"The sample of {specimen.occurred_on} and its results are retracted.")
        return redirect("ctdna", key=patient.key)
    what = f"the {specimen.get_fluid_display()} sample of {specimen.occurred_on} with all its results"
    return _page(request, "frontend/ctdna/retract.html", patient, form, {"what": what})


def _page(
    request: HttpRequest, template: str, patient: Any, form: EntryForm, more: dict[str, Any]
) -> HttpResponse:
    form.focus_first()
    content = {"patient": patient, "form": form} | more
    refused = (form.is_bound and form.errors) or "warnings" in content
    return render(request, template, content, status=UNPROCESSABLE if refused else 200)
