"""The site's URLs; every view declares its policy."""

from django.urls import include, path

from gliomon.health import health

urlpatterns = [
    path("health/", health, name="health"),
    path("", include("frontend.urls")),
]

handler403 = "frontend.views.errors.forbidden"
handler404 = "frontend.views.errors.not_found"
handler500 = "frontend.views.errors.server_error"
