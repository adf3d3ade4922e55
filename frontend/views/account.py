"""Logging in and out, and the page that each role starts from."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from gliomon.common.policy import logged_in, public
from patients.permissions import may

# The first of these that a role may open is where it starts.
START_PAGES = (("patient.list", "worklist"), ("cohort.view", "survival"))

login = public(
    LoginView.as_view(template_name="frontend/login.html", next_page="home", redirect_authenticated_user=True)
)
# Open to everybody, so that a click after the session has ended is no error.
logout = public(LogoutView.as_view())


@logged_in
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send people to where they work."""
    for action, page in START_PAGES:
        if may(request.user, action):  # type: ignore[arg-type]
            return redirect(page)
    return render(request, "frontend/home.html")
