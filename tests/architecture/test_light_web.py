"""The web process stays light: the imaging libraries are imported by workers only."""

from __future__ import annotations

import json
import subprocess
import sys

from django.conf import settings

HEAVY = ("torch", "monai", "SimpleITK", "ants", "picsl_greedy", "nilearn", "lifelines")


def test_wsgi_and_every_url_import_no_heavy_library() -> None:
    code = (
        "import json, sys, gliomon.wsgi\n"
        "from gliomon.common.policy import all_views\n"
        "n = len(list(all_views()))\n"
        f"print(json.dumps([n, [name for name in {HEAVY!r} if name in sys.modules]]))"
    )
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=settings.BASE_DIR,
    )
    views, loaded = json.loads(output.stdout.strip().splitlines()[-1])
    assert views > 10
    assert loaded == []
