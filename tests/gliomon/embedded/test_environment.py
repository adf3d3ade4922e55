from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliomon.common.errors import DomainError
from gliomon.embedded import environment, servers
from gliomon.embedded.datadir import DataDir, Lock


def test_dotenv_adds_but_never_overrides(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# comment\n\nGLIOMON_PORT=9000\nA = 'quoted = # kept'\nB=\"x\"\nEMPTY=\n")
    environ = {"GLIOMON_PORT": "8001"}
    environment.read_dotenv(file, environ)
    assert environ == {"GLIOMON_PORT": "8001", "A": "quoted = # kept", "B": "x", "EMPTY": ""}


@pytest.mark.parametrize("line", ["GLIOMON_PORT", "export A=1", "1A=2", "=x"])
def test_dotenv_names_the_line_it_cannot_read(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"OK=1\n{line}\n")
    with pytest.raises(DomainError, match="line 2 is not KEY=VALUE"):
        environment.read_dotenv(file, {})


def test_example_holds_only_readable_lines() -> None:
    example = environment.PROJECT / ".env.example"
    lines = [line.removeprefix("#") for line in example.read_text().splitlines() if line.startswith("#")]
    settings = [line for line in lines if line and not line.startswith(" ")]
    assert len(settings) >= 12
    assert all("=" in line and line.split("=")[0].isidentifier() for line in settings)


def test_services_do_not_get_the_owner(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    given = {"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner", "DATABASE_OWNER_URL_FILE": "/x"}
    environ = environment.for_services(environment.for_children(given, data), threads=1)
    assert environ["DATABASE_URL"] == "app"
    assert not [key for key in environ if key.startswith("DATABASE_OWNER")]
    assert (environ["OMP_NUM_THREADS"], environ["OMP_WAIT_POLICY"]) == ("1", "passive")


def test_temporary_runs_forget_the_users_database() -> None:
    environ = {"DATABASE_URL": "real", "DATABASE_OWNER_URL_FILE": "real", "BROKER_URL": "real", "HOME": "/h"}
    environment.forget_connections(environ)
    assert environ == {"HOME": "/h"}


@pytest.fixture
def handed_over(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    monkeypatch.setenv("GLIOMON_DATA_DIR", str(data.root))
    monkeypatch.setattr(environment, "PROJECT", data.root)
    data.handover.write_text(json.dumps({"DATABASE_URL": "embedded", "DATABASE_OWNER_URL": "owner"}))
    return data


def test_command_by_hand_reaches_only_a_running_gliomon(handed_over: DataDir) -> None:
    environ: dict[str, str] = {}
    environment.adopt(environ)
    assert environ == {}
    lock = Lock(handed_over)
    lock.acquire()
    environment.adopt(environ)
    lock.release()
    assert environ == {"DATABASE_URL": "embedded", "DATABASE_OWNER_URL": "owner"}


def test_database_of_the_users_own_is_never_mixed_with_ours(handed_over: DataDir) -> None:
    lock = Lock(handed_over)
    lock.acquire()
    environ = {"DATABASE_URL": "mine"}
    environment.adopt(environ)
    lock.release()
    assert environ == {"DATABASE_URL": "mine"}


def test_own_database_needs_both_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@h/d")
    with pytest.raises(DomainError, match="DATABASE_OWNER_URL is not"):
        servers.embedded_database()
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://o@h/d")
    assert servers.embedded_database() is False
    monkeypatch.delenv("DATABASE_URL")
    assert servers.embedded_database() is True
