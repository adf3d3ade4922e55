"""All pages. The lists of the larger groups come first: /patients/new/ must not be taken for a patient's key."""

from django.urls import URLPattern, URLResolver, path

from frontend import urls_dash, urls_imaging, urls_records
from frontend.views import account, patient, worklist

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
    path("home/", account.home, name="home"),
    *urls_records.urlpatterns,
    *urls_imaging.urlpatterns,
    *urls_dash.urlpatterns,
    path("", worklist.worklist, name="worklist"),
    path("patients/<str:key>/", patient.patient, name="patient"),
    path("patients/<str:key>/visits/", patient.visits, name="patient-visits"),
]
