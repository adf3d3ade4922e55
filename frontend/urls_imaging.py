"""URLs of the upload, processing and image pages."""

from django.urls import URLPattern, URLResolver, path

from frontend.views import processing, timepoint, upload, volumes

_PATIENT = "patients/<str:key>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("upload/", upload.upload, name="upload"),
    path(_PATIENT + "uploads/<uuid:upload_id>/", upload.upload_run, name="upload-run"),
    path(_PATIENT + "uploads/<uuid:upload_id>/state/", upload.upload_state, name="upload-state"),
    path("processing/", processing.processing, name="processing"),
    path("processing/list/", processing.processing_list, name="processing-list"),
    path(_PATIENT + "scans/<uuid:timepoint_id>/", timepoint.timepoint, name="timepoint"),
    path(_PATIENT + "scans/<uuid:timepoint_id>/steps/", timepoint.steps, name="timepoint-steps"),
    path(_PATIENT + "series/<uuid:series_id>/kind/", timepoint.series_kind, name="series-kind"),
    path(_PATIENT + "runs/<uuid:run_id>/retry/", timepoint.run_retry, name="run-retry"),
    path(_PATIENT + "volumes/<uuid:volume_id>.nii.gz", volumes.volume_file, name="volume-file"),
]
