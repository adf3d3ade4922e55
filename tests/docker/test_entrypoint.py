"""The entrypoint is run as it is, with this Python instead of the image's."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"
NO_DATABASE = "postgresql://gliomon_app:hidden@127.0.0.1:{port}/gliomon"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a container would have: settings that are complete, and a database that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "gliomon.settings",
        "GLIOMON_DATA_DIR": str(tmp_path / "data"),
        "GLIOMON_SECRET_KEY": "0123456789" * 6,
        "DATABASE_URL": NO_DATABASE.format(port=port),
        "BROKER_URL": f"redis://127.0.0.1:{port}/0",
    }


def _run(*words: str, env: dict[str, str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOCKER / "entrypoint", *words], env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def _dry(*words: str, env: dict[str, str]) -> str:
    done = _run(*words, env=env | {"GLIOMON_ENTRYPOINT_DRY_RUN": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize("words", [(), ("serve",), ("health",), ("health", "postgres")])
def test_unknown_command_shows_the_usage(words: tuple[str, ...], environment: dict[str, str]) -> None:
    done = _run(*words, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: entrypoint COMMAND")
    assert done.stdout == ""


def test_web_is_gunicorn_on_port_8000_without_an_access_log(environment: dict[str, str]) -> None:
    line = _dry("web", env=environment | {"GLIOMON_WEB_WORKERS": "3"})
    assert line.startswith("gunicorn gliomon.wsgi --bind 0.0.0.0:8000 --workers 3 --threads 4")
    assert "--access-logfile" not in line


def test_worker_gets_its_queues_and_one_task_at_a_time(environment: dict[str, str]) -> None:
    line = _dry("worker", "default,alerts", env=environment)
    assert line.startswith("celery -A gliomon worker ")
    assert line.endswith("--queues default,alerts --concurrency 1")


def test_gpu_worker_does_not_fork(environment: dict[str, str]) -> None:
    assert _dry("worker-gpu", env=environment).endswith("--queues gpu,imaging --pool solo")


def test_beat_and_migrate(environment: dict[str, str]) -> None:
    assert _dry("beat", env=environment).startswith("celery -A gliomon beat ")
    assert _dry("migrate", env=environment) == "python manage.py migrate --noinput"


@pytest.mark.parametrize("words", [("worker",), ("worker", "default,urgent"), ("manage",)])
def test_missing_or_unknown_words_are_refused_with_one_sentence(
    words: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = _run(*words, env=environment)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("entrypoint: ")


def test_manage_check_passes(environment: dict[str, str]) -> None:
    done = _run("manage", "check", env=environment)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_settings_are_read_from_secret_files(environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "BROKER_URL", "GLIOMON_SECRET_KEY"):
        file = tmp_path / name.lower()
        file.write_text(environment.pop(name) + "\n")
        environment[f"{name}_FILE"] = str(file)
    assert _run("manage", "check", env=environment).returncode == 0


@pytest.mark.parametrize("command", ["web", "worker-gpu", "beat"])
def test_unreachable_database_ends_the_start_within_the_limit(
    command: str, environment: dict[str, str]
) -> None:
    started = time.monotonic()
    done = _run(command, env=environment | {"GLIOMON_DATABASE_WAIT_SECONDS": "2"})
    assert time.monotonic() - started < 2 + 8  # the limit and the start of Python on a busy machine
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "does not let gliomon_app in" in done.stderr
    assert "hidden" not in done.stderr, "the password stays out of the log"


def test_migrate_says_that_the_owner_is_missing(environment: dict[str, str]) -> None:
    done = _run("migrate", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("DATABASE_OWNER_URL is not set")


def test_data_folder_that_cannot_be_made_is_refused(environment: dict[str, str]) -> None:
    done = _run("web", env=environment | {"GLIOMON_DATA_DIR": "/proc/nothing"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("service", ["web", "worker", "worker-gpu"])
def test_health_fails_where_nothing_runs(service: str, environment: dict[str, str]) -> None:
    done = _run("health", service, env=environment)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_make_secrets_makes_private_files_that_belong_together(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    done = subprocess.run([DOCKER / "make-secrets", folder], capture_output=True, text=True, check=True)
    files = {path.name: path for path in folder.iterdir()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    said = {name: path.read_text().strip() for name, path in files.items()}
    assert said["app_password"] in said["database_url"]
    assert said["owner_password"] in said["database_owner_url"]
    assert said["broker_password"] in said["broker_url"]
    assert said["valkey.conf"] == f"requirepass {said['broker_password']}"
    assert len(said["secret_key"]) >= 50
    passwords = [said[name] for name in said if name.endswith("_password")]
    assert len(set(passwords)) == len(passwords) == 4
    assert not any(password in done.stdout + done.stderr for password in passwords)


def test_make_secrets_hands_the_files_to_an_ordinary_user(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    (tmp_path / ".env").write_text("GLIOMON_PORT=9000\nGLIOMON_UID=7\n")
    subprocess.run([DOCKER / "make-secrets", folder], capture_output=True, check=True)
    lines = (tmp_path / ".env").read_text().split()
    owner = (folder / "secret_key").stat()
    assert sorted(lines) == [
        f"GLIOMON_GID={owner.st_gid}",
        "GLIOMON_PORT=9000",
        f"GLIOMON_UID={owner.st_uid}",
    ]
    assert owner.st_uid != 0


def test_make_secrets_never_overwrites(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([DOCKER / "make-secrets", folder], capture_output=True, check=True)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    done = subprocess.run([DOCKER / "make-secrets", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "left alone" in done.stderr
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
