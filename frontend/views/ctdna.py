"""The ctDNA grid: all samples side by side, entering the next one, its draft, verification by a second person."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from frontend import ctdna_grid
from frontend.forms.ctdna import COMMON_ANALYTES, FORM_ID, SampleEntry, draft_content
from frontend.forms.dates import clinic_zone
from frontend.views.entering import UNPROCESSABLE, digest_of, opened, refuse_unless_may, request_id, user_of
from gliomon.common.policy import requires
from patients import selectors
from patients.permissions import may
from patients.services import liquid_biopsy
from patients.services.plausibility import Implausible, sample_warnings

WRITE = "ctdna.write"
VERIFY = "ctdna.verify"


@requires("patient.view")
@require_http_methods(["GET", "POST"])
def grid(request: HttpRequest, key: str) -> HttpResponse:
    """All samples of a patient; nurses enter the next one in the last column."""
    patient = opened(request, key, "ctDNA")
    samples = ctdna_grid.columns(selectors.specimens_of(patient), selectors.results_with_history(patient))
    if request.method == "POST":
        refuse_unless_may(request, patient, WRITE, "your role may not enter ctDNA results")
        return _submit(request, patient, samples)
    if not may(user_of(request), WRITE):
        return _page(request, patient, samples, None)
    kept = selectors.draft_of(patient, user_of(request))
    entry = SampleEntry(ctdna_grid.analytes(samples), draft=kept.content if kept else None)
    return _page(request, patient, samples, entry, {"kept": kept})


def _submit(request: HttpRequest, patient: Any, samples: list[ctdna_grid.Column]) -> HttpResponse:
    entry = SampleEntry(ctdna_grid.analytes(samples), data=request.POST)
    if not entry.is_valid():
        return _page(request, patient, samples, entry)
    tube, results = entry.sample.tube(), entry.results()
    warnings = sample_warnings(patient=patient, specimen=tube, results=results)
    if warnings and request.POST.get("confirmed") != digest_of(warnings):
        return _page(request, patient, samples, entry, _to_confirm(entry, warnings))
    try:
        liquid_biopsy.sample_submit(
            patient=patient,
            by=user_of(request),
            specimen=tube,
            results=results,
            request_id=request_id(request),
        )
    except liquid_biopsy.SampleInvalid as error:
        entry.add_faults(error.faults)
        return _page(request, patient, samples, entry)
    messages.success(
        request, f"Sample with {len(results)} analytes recorded; each result waits for a second person."
    )
    return redirect("ctdna", key=patient.key)


def _to_confirm(entry: SampleEntry, warnings: list[Implausible]) -> dict[str, Any]:
    named = [f"{entry.label_of(warning.row)}: {warning.sentence}" for warning in warnings]
    return {"warnings": named, "digest": digest_of(warnings)}


def _page(
    request: HttpRequest,
    patient: Any,
    samples: list[ctdna_grid.Column],
    entry: SampleEntry | None,
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    content = {
        "patient": patient,
        "samples": samples,
        "facts": _fact_rows(samples, entry),
        "analytes": _analyte_rows(samples, entry),
        "entry": entry,
        "columns": len(samples) + (1 if entry else 0) or 1,
        "form_id": FORM_ID,
        "zone": clinic_zone(),
        "common_analytes": COMMON_ANALYTES,
        "retracted": selectors.specimens_retracted(patient),
        "may_write": may(user_of(request), WRITE),
        "may_verify": may(user_of(request), VERIFY),
    } | (more or {})
    refused = entry is not None and (entry.faults or "warnings" in content)
    return render(request, "frontend/ctdna/grid.html", content, status=UNPROCESSABLE if refused else 200)


def _fact_rows(samples: list[ctdna_grid.Column], entry: SampleEntry | None) -> list[dict[str, Any]]:
    """The facts, each with its box in the new column."""
    return [
        {"fact": fact, "field": entry.sample[fact.name] if entry else None}
        for fact in ctdna_grid.fact_rows(samples)
    ]


def _analyte_rows(samples: list[ctdna_grid.Column], entry: SampleEntry | None) -> list[dict[str, Any]]:
    """The known analytes, retracted ones included, and the rows of the new column."""
    named = {name for column in samples for name in column.cells}
    if entry is None:
        return [{"name": name, "cells": ctdna_grid.analyte_cells(samples, name)} for name in sorted(named)]
    rows: list[dict[str, Any]] = []
    for row in entry.rows:
        name = str(row["analyte"].value() or "")
        known = name if name in entry.known else ""
        rows.append({"name": known, "cells": ctdna_grid.analyte_cells(samples, known), "row": row})
    gone = sorted(named - set(entry.known))
    return [
        *({"name": name, "cells": ctdna_grid.analyte_cells(samples, name)} for name in gone),
        *rows,
    ]


@requires("ctdna.write")
@require_POST
def draft(request: HttpRequest, key: str) -> HttpResponse:
    """Keep the unfinished column, or throw it away."""
    patient = opened(request, key, "ctDNA draft")
    if "discard" in request.POST:
        liquid_biopsy.draft_discard(patient=patient, by=user_of(request))
        messages.info(request, "Draft discarded.")
        return redirect("ctdna", key=patient.key)
    content = draft_content(request.POST.dict())
    liquid_biopsy.draft_save(patient=patient, by=user_of(request), content=content)
    return JsonResponse({"saved_at": f"{timezone.localtime():%H:%M:%S} {clinic_zone()}"})


@requires("ctdna.verify")
@require_POST
def verify(request: HttpRequest, key: str, result_id: uuid.UUID) -> HttpResponse:
    """A second person states that the result is what the laboratory reported."""
    patient = opened(request, key, "ctDNA verification")
    result = liquid_biopsy.result_get(patient=patient, result_id=str(result_id))
    liquid_biopsy.result_verify(result=result, by=user_of(request), request_id=request_id(request))
    messages.success(request, f"{result.analyte} of {result.occurred_on} verified.")
    return redirect("ctdna", key=patient.key)
