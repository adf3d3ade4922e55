"""The web process. It stays light: no torch, no imaging libraries (a test asserts it)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gliomon.settings")

application = get_wsgi_application()
