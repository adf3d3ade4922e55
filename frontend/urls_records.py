"""URLs of the pages for entering and correcting records."""

from django.urls import URLPattern, URLResolver, path

from frontend.views import ctdna, ctdna_correction, patient_new, records

_RECORDS = "patients/<str:key>/records/<slug:kind>/"
_CTDNA = "patients/<str:key>/ctdna/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("patients/new/", patient_new.patient_new, name="patient-new"),
    path(_RECORDS + "new/", records.record_add, name="record-add"),
    path(_RECORDS + "<uuid:record_id>/correct/", records.record_correct, name="record-correct"),
    path(_RECORDS + "<uuid:record_id>/retract/", records.record_retract, name="record-retract"),
    path(_RECORDS + "<uuid:record_id>/history/", records.record_history, name="record-history"),
    path(_CTDNA, ctdna.grid, name="ctdna"),
    path(_CTDNA + "draft/", ctdna.draft, name="ctdna-draft"),
    path(_CTDNA + "<uuid:result_id>/verify/", ctdna.verify, name="ctdna-verify"),
    path(_CTDNA + "<uuid:result_id>/correct/", ctdna_correction.correct, name="ctdna-correct"),
    path(_CTDNA + "<uuid:result_id>/retract/", ctdna_correction.retract, name="ctdna-retract"),
    path(
        _CTDNA + "samples/<uuid:specimen_id>/retract/",
        ctdna_correction.retract_sample,
        name="ctdna-sample-retract",
    ),
]
