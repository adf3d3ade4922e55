"""The page for a new patient."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from frontend.forms.patients import PatientForm
from frontend.views.entering import UNPROCESSABLE, user_of
from gliomon.common.errors import DomainError, PermissionRefused
from gliomon.common.policy import requires
from patients import selectors
from patients.services import people

_FIELD_OF_ERROR = {"patient_key_taken": "key", "mrn_taken": "mrn", "name_missing": "name"}


@requires("patient.create")
@require_http_methods(["GET", "POST"])
def patient_new(request: HttpRequest) -> HttpResponse:
    """Create a patient in one of the user's teams."""
    data = request.POST if request.method == "POST" else None
    form = PatientForm(data, teams=selectors.teams_of(user_of(request)))
    if request.method == "POST" and form.is_valid() and _created(request, form):
        messages.success(request, f"Patient {form.cleaned_data['key']} created.")
        return redirect("patient", key=form.cleaned_data["key"])
    form.focus_first()
    status = UNPROCESSABLE if form.is_bound and form.errors else 200
    return render(request, "frontend/records/patient_new.html", {"form": form}, status=status)


def _created(request: HttpRequest, form: PatientForm) -> bool:
    values = dict(form.cleaned_data)
    try:
        people.patient_create(
            care_team=form.teams[values.pop("team")],
            by=user_of(request),
            **values,
        )
    except PermissionRefused:
        raise
    except DomainError as error:
        form.add_refusals({_FIELD_OF_ERROR.get(error.code, ""): [error.message]})
        return False
    return True
