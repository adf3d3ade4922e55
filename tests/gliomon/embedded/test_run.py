"""The whole launcher on a stand-in application: a copy of the launcher beside a manage.py of a few lines."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gliomon.embedded import environment

_MANAGE = """
import os, sys
from pathlib import Path
import psycopg
command, data = sys.argv[1], Path(os.environ["GLIOMON_DATA_DIR"])
with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
    if command == "migrate":
        owner.execute("CREATE TABLE IF NOT EXISTS account (name text)")
        print("no account line", file=sys.stderr)
    if command == "load_demo" and not owner.execute("SELECT 1 FROM account").fetchone():
        owner.execute("INSERT INTO account VALUES ('mdt')")
        print("account mdt password ZZCANARY")
"""
_WSGI = """
import os
def application(environ, start_response):
    assert "DATABASE_OWNER_URL" not in os.environ
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {os.getppid()} demo={os.environ['GLIOMON_DEMO']}".encode()]
"""
_CELERY = """
import os
from celery import Celery
app = Celery("gliomon", broker=os.environ["BROKER_URL"])
app.conf.broker_connection_retry_on_startup = True
"""
_SERVICES = ("web", "worker-imaging", "worker-default", "beat", "postgres", "valkey")


class Launcher:
    """A stand-in project in a folder, and the launcher processes started in it."""

    def __init__(self, folder: Path) -> None:
        self.project, self.data = folder / "project", folder / "var"
        self.port = _free_port()
        self.processes: list[subprocess.Popen[str]] = []
        self._copy()

    def _copy(self) -> None:
        package = self.project / "gliomon"
        (package / "common").mkdir(parents=True)
        shutil.copytree(environment.PROJECT / "gliomon" / "embedded", package / "embedded")
        for name in ("env.py", "common/errors.py"):
            shutil.copy(environment.PROJECT / "gliomon" / name, package / name)
        contents = {"__init__.py": "", "common/__init__.py": "", "wsgi.py": _WSGI, "celery.py": _CELERY}
        for name, content in contents.items():
            (package / name).write_text(content)
        (self.project / "manage.py").write_text(_MANAGE)

    def start(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO")}
        environment.forget_connections(environ)
        environ |= {"GLIOMON_DATA_DIR": str(self.data), "GLIOMON_PORT": str(self.port)} | extra
        process = subprocess.Popen(
            [sys.executable, "-m", "gliomon.embedded", *words],
            cwd=self.project,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, **extra: str) -> tuple[subprocess.Popen[str], list[str]]:
        """Start `run` and return what it printed up to and including the ready line."""
        process = self.start("run", **extra)
        lines: list[str] = []
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("gliomon is ready"):
                return process, lines
        raise AssertionError("".join(lines) + process.communicate()[1])

    def rest(self, process: subprocess.Popen[str]) -> str:
        """Wait for the end and return what was printed after the ready line."""
        process.wait(timeout=40)
        return process.stdout.read()

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/", timeout=10) as answer:
            return str(answer.read().decode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def launcher(tmp_path: Path, eventually: Callable, processes_of: Callable) -> Iterator[Launcher]:
    made = Launcher(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()
    eventually(lambda: not processes_of(made.data), "everything ended", seconds=20)


@pytest.mark.slow
def test_start_stop_and_start_again(launcher: Launcher, eventually: Callable, processes_of: Callable) -> None:
    process, lines = launcher.run()
    names = [re.fullmatch(r"\[(\d)/7\] (.+) \.\.\. \d+\.\d s\n", line) for line in lines[:-1]]
    assert [match and match[2] for match in names] == [
        "checks", "database", "broker", "tables", "demo patients", "web", "workers"
    ]  # fmt: skip
    assert lines[-1] == f"gliomon is ready at http://127.0.0.1:{launcher.port}\n"
    assert launcher.page().endswith("demo=1")
    running = processes_of(launcher.data)
    second = launcher.start("run")
    assert second.communicate(timeout=20)[1].startswith(
        f"gliomon already runs on {launcher.data} (process {process.pid})"
    )
    assert second.returncode == 2

    process.send_signal(signal.SIGINT)
    rest = launcher.rest(process)
    assert process.returncode == 0
    assert rest.startswith("account mdt password ZZCANARY\n")
    eventually(lambda: not set(running) & set(processes_of(launcher.data)), "every child ended")
    assert not [log for log in launcher.data.rglob("*.log") if "ZZCANARY" in log.read_text(errors="replace")]

    process, lines = launcher.run()
    process.send_signal(signal.SIGTERM)
    assert "account" not in launcher.rest(process)


@pytest.mark.slow
def test_killed_children_come_back_and_a_killed_launcher_leaves_nothing(
    launcher: Launcher, eventually: Callable, processes_of: Callable
) -> None:
    process, _ = launcher.run()
    master = int(launcher.page().split()[1])
    os.kill(master, signal.SIGKILL)
    said = ""
    while "web ended (signal 9)" not in said:
        said = process.stdout.readline()
        assert said, "the launcher ended"

    def answers_again() -> bool:
        try:
            return int(launcher.page().split()[1]) != master
        except OSError:
            return False

    eventually(answers_again, "another web server answers")
    assert len(processes_of(launcher.data)) >= len(_SERVICES)
    process.kill()
    process.wait()
    eventually(lambda: not processes_of(launcher.data), "nothing is left", seconds=25)

    process, lines = launcher.run()
    assert lines[-1].startswith("gliomon is ready")


@pytest.mark.slow
def test_worker_that_cannot_start_is_not_called_ready(launcher: Launcher) -> None:
    (launcher.project / "gliomon" / "celery.py").write_text("raise SystemExit('no broker library')")
    process = launcher.start("run", GLIOMON_DEMO="0")
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "did not come up" in errors
    assert "no broker library" in errors
    assert "ready" not in printed


def test_busy_port_ends_the_start_with_one_sentence(launcher: Launcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", launcher.port))
        taken.listen()
        process = launcher.start("run")
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 2
    assert errors == (
        f"Port {launcher.port} is in use by another program: stop that one or set GLIOMON_PORT to a free port.\n"
    )


def test_command_gets_servers_of_its_own_and_its_exit_code_is_kept(launcher: Launcher) -> None:
    code = "import os, sys; print(os.environ['GLIOMON_DATA_DIR']); sys.exit(7)"
    given = {
        "DATABASE_URL": "postgresql://someone@db.example.org/real",
        "BROKER_URL": "redis://db.example.org",
    }
    process = launcher.start("exec", "--temporary", "--", "python", "manage.py", "migrate", **given)
    assert process.communicate(timeout=60)[1] == "no account line\n"
    process = launcher.start("exec", "--temporary", "--", "python", "-c", code, **given)
    folder = Path(process.communicate(timeout=60)[0].strip())
    assert process.returncode == 7
    assert folder != launcher.data
    assert not folder.exists()


def test_failing_migration_shows_its_last_words(launcher: Launcher) -> None:
    (launcher.project / "manage.py").write_text("raise SystemExit('column is missing')")
    process = launcher.start("run")
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "`manage.py migrate --no-input` failed" in errors
    assert "column is missing" in errors


def test_variables_of_the_running_gliomon_are_printed_and_it_can_be_stopped(launcher: Launcher) -> None:
    assert launcher.start("env").wait(timeout=20) == 2
    serving = launcher.start(
        "exec", "--", "python", "-c", "import time; print('up', flush=True); time.sleep(60)"
    )
    assert serving.stdout.readline() == "up\n"
    printed = launcher.start("env").communicate(timeout=20)[0]
    assert "export DATABASE_URL=" in printed
    joined = launcher.start("exec", "--", "python", "-c", "import os; print(os.environ['DATABASE_URL'])")
    assert joined.communicate(timeout=20)[0].strip() in printed
    assert launcher.start("stop").wait(timeout=40) == 0
    assert serving.wait(timeout=5) == 128 + signal.SIGTERM
