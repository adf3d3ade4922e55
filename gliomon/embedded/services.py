"""The four processes that are gliomon: web, two workers, beat."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Mapping

from gliomon.embedded.children import Child, ChildSpec
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.environment import PROJECT, for_services, imaging_threads
from gliomon.embedded.preflight import HOST

_HEALTH_SECONDS = 5.0
_READY_WORDS = (" ready.", "beat: Starting")  # what Celery logs when a worker, or beat, has begun
_BELIEVED_AFTER_SECONDS = 15.0


def web(data: DataDir, env: Mapping[str, str], port: int) -> ChildSpec:
    """Return the web server; it writes no access log, since addresses hold patient keys."""
    return _python(
        data,
        for_services(env, threads=1),
        "web",
        *("gunicorn", "gliomon.wsgi", "--bind", f"{HOST}:{port}", "--workers", "2", "--threads", "4"),
        *("--timeout", "120", "--graceful-timeout", "5", "--no-control-socket"),
    )


def background(data: DataDir, env: Mapping[str, str]) -> list[ChildSpec]:
    """Return both workers and beat."""
    light = for_services(env, threads=1)
    beat = (
        "celery",
        "-A",
        "gliomon",
        "beat",
        "--loglevel",
        "INFO",
        "--pidfile=",
        "--schedule",
        str(data.run / "beat-schedule"),
    )
    return [
        _worker(data, for_services(env, threads=imaging_threads()), "worker-imaging", "imaging,gpu"),
        _worker(data, light, "worker-default", "default,alerts"),
        _python(data, light, "beat", *beat),
    ]


def _worker(data: DataDir, env: Mapping[str, str], name: str, queues: str) -> ChildSpec:
    options = ("--queues", queues, "--concurrency", "1", "--hostname", f"{name}@%h")
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
    return _python(data, env, name, "celery", "-A", "gliomon", "worker", *options, *quiet)


def _python(data: DataDir, env: Mapping[str, str], name: str, *words: str) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=(sys.executable, "-m", *words),
        log=data.log_of(name),
        env=env,
        folder=PROJECT,
    )


def is_ready(child: Child) -> bool:
    """Say whether a worker or beat has announced itself, or lives long enough to be believed."""
    announced = any(words in child.said() for words in _READY_WORDS)
    return announced or child.seconds_alive() > _BELIEVED_AFTER_SECONDS


def web_is_healthy(port: int) -> bool:
    """Say whether the web server answers its health page with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/health/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
