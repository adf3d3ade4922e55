"""The running system for journeys: real web server, real workers, real broker, real browser, a database of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gliomon import env as environment

BROKER_DATABASE = 11
START_SECONDS = 60


class System:
    """Web server and workers as child processes on one test database."""

    def __init__(self, database: str, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **os.environ,
            "DATABASE_URL": _url_of("DATABASE_URL", database),
            "BROKER_URL": broker_url(),
            "GLIOMON_DATA_DIR": str(folder),
            "GLIOMON_DEMO": "0",
            "GLIOMON_RUN_LEASE_SECONDS": "5",
            "OMP_WAIT_POLICY": "passive",
        }
        self.env.pop("DATABASE_OWNER_URL", None)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start_web(self) -> None:
        """Serve the site and wait until it answers."""
        self._start(
            "web",
            "gunicorn",
            "gliomon.wsgi",
            "-b",
            f"127.0.0.1:{self.port}",
            "--workers",
            "1",
            "--threads",
            "8",
        )
        wait_until(self._answers, "the web server answers")

    def start_worker(self, name: str, queues: str) -> subprocess.Popen[bytes]:
        """Start a worker for the queues given."""
        return self._start(
            name, "celery", "-A", "gliomon", "worker", "-Q", queues, "-c", "1", "-n", f"{name}@test"
        )

    def start_beat(self) -> None:
        """Start the clock that sweeps."""
        self._start("beat", "celery", "-A", "gliomon", "beat")

    def kill(self, name: str) -> None:
        """kill -9 a child with everything it forked."""
        child = self._children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def stop(self) -> None:
        """Stop all children."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _start(self, name: str, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            child = subprocess.Popen(
                [str(Path(sys.executable).parent / program), *arguments],
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children[name] = child
        return child

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def broker_url() -> str:
    """The test broker, in a database of its own."""
    base, _, _ = environment.text("BROKER_URL").rpartition("/")
    return f"{base}/{BROKER_DATABASE}"


def _url_of(name: str, database: str) -> str:
    """The same URL for another database."""
    from urllib.parse import urlsplit, urlunsplit

    return urlunsplit(urlsplit(environment.text(name))._replace(path=f"/{database}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, what: str, *, seconds: float = START_SECONDS) -> None:
    """Wait for a condition of another process; fail with its name."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.2)
    pytest.fail(f"waited {seconds:.0f} s in vain: {what}")


@pytest.fixture
def _fast_passwords() -> None:
    """The web server checks passwords with the hashers of the settings."""


@pytest.fixture
def system(
    committed_db: str, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    """A system with nothing started yet; this process writes to the same database, broker and media folder."""
    import redis

    from gliomon.celery import app

    found = System(committed_db, tmp_path)
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(app.conf, "broker_url", broker_url())
    redis.Redis.from_url(broker_url()).flushdb()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; journeys skip, saying so, where there is none."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("GLIOMON_CHROMIUM", "/usr/bin/chromium")
    if not path or not Path(path).exists():
        pytest.skip("no Chromium here (GLIOMON_CHROMIUM): browser journeys are not run")
    # Playwright keeps an event loop in this thread; the tests use the database from it, and nothing else does.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
            ],
        )
        yield chromium
        chromium.close()
