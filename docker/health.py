"""Health checks of the containers: `python docker/health.py web|worker|worker-gpu|beat` exits 0 when all is well."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gliomon import env

_WEB_ADDRESS = ("127.0.0.1", 8000)
_WEB_SECONDS = 8.0
_PING_SECONDS = 10.0
_BEAT_SCHEDULE = Path("/tmp/beat-schedule")  # noqa: S108 - the container's own memory file system
# Beat writes its schedule at least every three minutes (celery.beat.Scheduler.sync_every).
_BEAT_SILENT_SECONDS = 400.0


def web() -> str:
    """Ask the health page, as a browser behind the proxy would."""
    host = env.words("GLIOMON_ALLOWED_HOSTS", default=("127.0.0.1",))[0].lstrip(".*") or "127.0.0.1"
    headers = {"Host": host}
    if env.flag("GLIOMON_HTTPS", default=False):
        headers["X-Forwarded-Proto"] = "https"
    connection = http.client.HTTPConnection(*_WEB_ADDRESS, timeout=_WEB_SECONDS)
    try:
        connection.request("GET", "/health/", headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"the web server does not answer: {type(error).__name__}"
    finally:
        connection.close()
    return "" if status == 200 else f"the health page answers {status}"


def worker() -> str:
    """Send the worker of this container a ping through the broker."""
    from gliomon.celery import app

    name = f"worker@{socket.gethostname()}"
    replies = app.control.ping(destination=[name], timeout=_PING_SECONDS, limit=1)
    return "" if replies else f"{name} does not answer"


def worker_gpu() -> str:
    """See that the broker can be reached: a worker of the solo pool answers no ping while it computes."""
    import redis

    with redis.Redis.from_url(env.text("BROKER_URL"), socket_timeout=_WEB_SECONDS) as client:
        return "" if client.ping() else "the broker does not answer"


def beat() -> str:
    """See that beat has written its schedule lately."""
    files = list(_BEAT_SCHEDULE.parent.glob(f"{_BEAT_SCHEDULE.name}*"))
    if not files:
        return "beat has written no schedule"
    silent = time.time() - max(path.stat().st_mtime for path in files)
    return "" if silent < _BEAT_SILENT_SECONDS else f"beat has been silent for {silent:.0f} s"


CHECKS: dict[str, Callable[[], str]] = {"web": web, "worker": worker, "worker-gpu": worker_gpu, "beat": beat}


def main(service: str) -> int:
    """Return 0 when the service is well; otherwise say why not."""
    try:
        problem = CHECKS[service]()
    except Exception as error:
        problem = f"{service} could not be checked: {type(error).__name__}: {error}"
    if problem:
        sys.stderr.write(f"{problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gliomon.settings")
    sys.exit(main(sys.argv[1]))
