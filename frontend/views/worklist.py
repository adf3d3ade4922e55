"""The work list."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from frontend.views.entering import request_id
from frontend.worklist import by_attention, rows_of, visible_headlines
from gliomon.common.policy import requires
from patients.permissions import may
from patients.services.reading import patients_listed

PATIENTS_PER_PAGE = 25
LONGEST_KEY = 32


@requires("patient.list")
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """The patients one may see, what needs attention first."""
    search = request.GET.get("q", "").strip()[:LONGEST_KEY]
    with_names = may(request.user, "identity.view")  # type: ignore[arg-type]
    patients, headlines = visible_headlines(request.user, search=search, with_names=with_names)
    page = Paginator(by_attention(patients, headlines), PATIENTS_PER_PAGE).get_page(request.GET.get("page"))
    patients_listed(
        user=request.user,  # type: ignore[arg-type]
        patients=[item.patient for item in page],
        what="work list",
        request_id=request_id(request),
    )
    content = {
        "page": page,
        "rows": rows_of(list(page), headlines, timezone.localdate()),
        "search": search,
        "total": len(patients),
    }
    return render(request, "frontend/worklist.html", content)
