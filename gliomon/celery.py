"""The Celery application. Queues: default, imaging, gpu, alerts; scale by adding workers."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gliomon.settings")

app = Celery("gliomon")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["gliomon.common", "imaging", "analytics"])
