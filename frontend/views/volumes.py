"""The image files that the viewer loads."""

from __future__ import annotations

import uuid

from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from frontend.views.entering import opened
from gliomon.common.policy import requires
from imaging import selectors as imaging


@requires("study.view")
@require_safe
def volume_file(request: HttpRequest, key: str, volume_id: uuid.UUID) -> HttpResponseBase:
    """A volume as it is stored. The browser may keep it, but asks every time, so that every look is written."""
    patient = opened(request, key, "image volume")
    volume = imaging.volume_of(patient, volume_id)
    etag = f'"{volume.sha256}"'
    response: HttpResponseBase | None = get_conditional_response(request, etag=etag)
    if response is None:
        # The viewer inflates the file itself: it must come as a file, not as an encoding of one.
        file = imaging.volume_path(volume).open("rb")
        response = FileResponse(file, content_type="application/gzip")
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response
