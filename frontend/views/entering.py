"""What the pages for entering have in common: the patient is opened, and the role is asked, in that order."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest

from patients.services import reading
from patients.services.plausibility import Implausible

UNPROCESSABLE = 422
CONFLICT = 409


def request_id(request: HttpRequest) -> str:
    """The id that audit rows and error pages carry."""
    return getattr(request, "request_id", "")


def user_of(request: HttpRequest) -> Any:
    """Who is logged in; the policy has let nobody else through."""
    return request.user


def opened(request: HttpRequest, key: str, what: str) -> Any:
    """The patient, if in the user's scope; that it was opened is written."""
    return reading.patient_open(user=user_of(request), key=key, what=what, request_id=request_id(request))


def opened_to_write(request: HttpRequest, key: str, what: str, *, action: str) -> Any:
    """The patient, for somebody whose role may do `action`: 404 outside the scope, 403 inside it."""
    patient = opened(request, key, what)
    refuse_unless_may(request, patient, action, f"your role may not write: {what}")
    return patient


def refuse_unless_may(request: HttpRequest, patient: Any, action: str, sentence: str) -> None:
    """Refuse, and write that it was refused."""
    reading.refuse_unless_may(
        user=user_of(request),
        action=action,
        patient=patient,
        sentence=sentence,
        request_id=request_id(request),
    )


def digest_of(warnings: list[Implausible]) -> str:
    """What was confirmed: other values bring other warnings, which must be confirmed anew."""
    text = "|".join(f"{w.row}:{w.field}:{w.sentence}" for w in warnings)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
