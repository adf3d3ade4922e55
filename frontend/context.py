"""What every page shows: the research banner and what the user may open."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from patients.permissions import may


def site(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page."""
    user = getattr(request, "user", None)
    allowed = {
        name: bool(user and user.is_authenticated and may(user, action))
        for name, action in {
            "patients": "patient.list",
            "upload": "study.import",
            "processing": "study.view",
            "survival": "cohort.view",
            "alerts": "alert.view",
            "new_patient": "patient.create",
        }.items()
    }
    return {"is_demo": settings.DEMO, "may_open": allowed}
