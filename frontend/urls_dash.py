"""URLs of the two Dash screens."""

from django.urls import URLPattern, URLResolver

from frontend.dash_apps.alerts.app import screen as alerts
from frontend.dash_apps.bridge import screen_urls
from frontend.dash_apps.survival.app import screen as survival

urlpatterns: list[URLPattern | URLResolver] = [*screen_urls(survival), *screen_urls(alerts)]
