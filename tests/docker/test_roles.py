"""The script that the Postgres image runs once, against a real server that has no roles of ours yet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from gliomon.embedded.binaries import postgres_program
from gliomon.embedded.children import Supervisor
from gliomon.embedded.credentials import load_or_create
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.postgres import Postgres

SCRIPT = Path(__file__).resolve().parents[2] / "docker" / "postgres" / "10-roles.sh"
PASSWORDS = {"owner": "o'wner \\ secret", "app": 'a"pp $(secret)'}


@pytest.fixture
def superuser(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which psql is the superuser of an empty server."""
    data = DataDir(tmp_path / "var")
    data.prepare()
    credentials = load_or_create(data.credentials)
    supervisor = Supervisor()
    with supervisor.signals():
        Postgres(data, credentials, durable=False).start(supervisor)
        sockets = str(data.socket_folder())
        with psycopg.connect(
            host=sockets, user="postgres", password=credentials.postgres, dbname="postgres", autocommit=True
        ) as connection:
            for statement in ("DATABASE gliomon", "ROLE gliomon_app", "ROLE gliomon_owner"):
                connection.execute(f"DROP {statement}")  # type: ignore[arg-type]
        for role, password in PASSWORDS.items():
            (tmp_path / role).write_text(password + "\n")
        yield {
            "PATH": f"{postgres_program('psql').parent}:/usr/bin:/bin",
            "PGHOST": sockets,
            "PGPASSWORD": credentials.postgres,
            "OWNER_PASSWORD_FILE": str(tmp_path / "owner"),
            "APP_PASSWORD_FILE": str(tmp_path / "app"),
        }
    data.remove_short_socket_folder()


def _connect(role: str, sockets: str, password: str) -> psycopg.Connection:
    return psycopg.connect(
        f"postgresql://gliomon_{role}:{quote(password, safe='')}@/gliomon?host={quote(sockets, safe='')}",
        autocommit=True,
    )


def test_two_roles_of_which_the_application_owns_nothing(superuser: dict[str, str]) -> None:
    done = subprocess.run([SCRIPT], env=superuser, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with _connect("owner", superuser["PGHOST"], PASSWORDS["owner"]) as owner:
        owner.execute("CREATE TABLE fact (id int)")
        owner.execute("GRANT SELECT ON fact TO gliomon_app")
        roles = owner.execute(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles"
            " WHERE rolname LIKE 'gliomon%' ORDER BY 1"
        ).fetchall()
        assert roles == [("gliomon_app", False), ("gliomon_owner", False)]
    with _connect("app", superuser["PGHOST"], PASSWORDS["app"]) as app:
        assert app.execute("SELECT count(*) FROM fact").fetchone() == (0,)
        for statement in ("CREATE TABLE mine (id int)", "CREATE TEMP TABLE mine (id int)", "DROP TABLE fact"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)  # type: ignore[arg-type]


def test_missing_secret_stops_before_anything_is_made(superuser: dict[str, str]) -> None:
    Path(superuser["APP_PASSWORD_FILE"]).write_text("")
    done = subprocess.run([SCRIPT], env=superuser, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run docker/make-secrets first" in done.stderr
    with psycopg.connect(
        host=superuser["PGHOST"], user="postgres", password=superuser["PGPASSWORD"], dbname="postgres"
    ) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'gliomon%'"
        ).fetchone() == (0,)
