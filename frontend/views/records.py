"""Pages for adding, correcting and retracting a clinical record, and for reading its history."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from frontend.forms.records import (
    EntryForm,
    ReasonForm,
    changes_of,
    correction_form,
    morphology_codes,
    record_form,
    show_what_stands,
    what_was_entered,
)
from frontend.record_versions import conflict_rows, shown_values, shown_versions
from frontend.views.entering import (
    CONFLICT,
    UNPROCESSABLE,
    opened,
    opened_to_write,
    request_id,
    user_of,
)
from gliomon.common.errors import Conflict
from gliomon.common.policy import requires
from patients import selectors
from patients.permissions import may
from patients.services import records
from patients.services.entry_fields import record_fields


@requires("patient.view")
@require_http_methods(["GET", "POST"])
def record_add(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """A new record of one kind."""
    chosen = records.kind_of(kind)
    patient = opened_to_write(request, key, chosen.title, action=chosen.action)
    form = record_form(kind)(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            records.record_add(
                slug=kind,
                patient=patient,
                by=user_of(request),
                request_id=request_id(request),
                **form.cleaned_data,
            )
        except records.RecordInvalid as error:
            form.add_refusals(error.errors)
        else:
            messages.success(request, f"{chosen.title} recorded.")
            return redirect("patient", key=patient.key)
    return _form_page(request, patient, chosen, form, {"kinds": _kinds_for(user_of(request))})


@requires("patient.view")
@require_http_methods(["GET", "POST"])
def record_correct(request: HttpRequest, key: str, kind: str, record_id: str) -> HttpResponse:
    """Replace a record by a corrected one; the page shows what stands beside what is entered."""
    chosen = records.kind_of(kind)
    patient = opened_to_write(request, key, chosen.title, action=chosen.action)
    record = records.record_get(kind=kind, patient=patient, record_id=record_id)
    if request.method == "GET" and _is_history(record):
        return _to_history(request, patient, kind, record)
    form = correction_form(kind, record, request.POST if request.method == "POST" else None)
    if request.method == "POST" and "review" not in request.POST and _may_be_stored(form):
        answer = _store_correction(request, patient, chosen, record, form)
        if answer is not None:
            return answer
    texts = (value.text for value in shown_values(kind, record))
    show_what_stands(form, dict(zip(record_form(kind).base_fields, texts, strict=True)))
    return _form_page(request, patient, chosen, form, {"record": record})


def _may_be_stored(form: EntryForm) -> bool:
    if not form.is_valid():
        return False
    if not changes_of(form):
        form.add_error(None, "Nothing was changed.")
    return form.is_valid()


def _store_correction(
    request: HttpRequest, patient: Any, chosen: records.RecordKind, record: Any, form: EntryForm
) -> HttpResponse | None:
    try:
        records.record_correct(
            record=record,
            by=user_of(request),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
            **changes_of(form),
        )
    except records.RecordInvalid as error:
        form.add_refusals(error.errors)
        return None
    except Conflict:
        return _conflict_page(request, patient, chosen, record, form)
    messages.success(request, f"{chosen.title} corrected; the old version stays in its history.")
    return redirect("patient", key=patient.key)


def _conflict_page(
    request: HttpRequest,
    patient: Any,
    chosen: records.RecordKind,
    record: Any,
    form: EntryForm,
) -> HttpResponse:
    newest = selectors.record_history(record)[-1]
    content = {
        "patient": patient,
        "title": chosen.title,
        "newest": newest,
        "rows": conflict_rows(record_fields(chosen.slug), read=record, now=newest, form=form),
        "entered": what_was_entered(form),
        "correct_url": reverse("record-correct", args=[patient.key, chosen.slug, newest.pk]),
        "keep_url": reverse("record-history", args=[patient.key, chosen.slug, newest.pk]),
    }
    return render(request, "frontend/records/conflict.html", content, status=CONFLICT)


@requires("patient.view")
@require_http_methods(["GET", "POST"])
def record_retract(request: HttpRequest, key: str, kind: str, record_id: str) -> HttpResponse:
    """Mark a record as entered in error."""
    chosen = records.kind_of(kind)
    patient = opened_to_write(request, key, chosen.title, action=chosen.action)
    record = records.record_get(kind=kind, patient=patient, record_id=record_id)
    if request.method == "GET" and _is_history(record):
        return _to_history(request, patient, kind, record)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        records.record_retract(
            record=record,
            by=user_of(request),
            reason=form.cleaned_data["reason"],
            request_id=request_id(request),
        )
        messages.success(request, f"{chosen.title} retracted; it stays readable in its history.")
        return redirect("patient", key=patient.key)
    form.focus_first()
    content = {
        "patient": patient,
        "kind": chosen,
        "record": record,
        "form": form,
        "values": shown_values(kind, record),
    }
    status = UNPROCESSABLE if form.errors else 200
    return render(request, "frontend/records/retract.html", content, status=status)


@requires("patient.view")
@require_safe
def record_history(request: HttpRequest, key: str, kind: str, record_id: str) -> HttpResponse:
    """All versions of a record, newest first."""
    chosen = records.kind_of(kind)
    patient = opened(request, key, f"history: {chosen.title}")
    record = records.record_get(kind=kind, patient=patient, record_id=record_id)
    content = {
        "patient": patient,
        "kind": chosen,
        "versions": shown_versions(kind, selectors.record_history(record)),
        "may_write": may(user_of(request), chosen.action),
    }
    return render(request, "frontend/records/history.html", content)


def _is_history(record: Any) -> bool:
    return record.entered_in_error or hasattr(record, "superseded_by")


def _to_history(request: HttpRequest, patient: Any, kind: str, record: Any) -> HttpResponse:
    messages.warning(request, "This version was replaced or retracted already; this is its history.")
    return redirect("record-history", key=patient.key, kind=kind, record_id=record.pk)


def _kinds_for(user: Any) -> list[records.RecordKind]:
    return [kind for kind in records.KINDS.values() if may(user, kind.action)]


def _form_page(
    request: HttpRequest, patient: Any, chosen: records.RecordKind, form: EntryForm, more: dict[str, Any]
) -> HttpResponse:
    form.focus_first()
    codes = morphology_codes() if chosen.slug == "diagnosis" else []
    content = {"patient": patient, "kind": chosen, "form": form, "codes": codes} | more
    status = UNPROCESSABLE if form.is_bound and form.errors else 200
    return render(request, "frontend/records/form.html", content, status=status)
