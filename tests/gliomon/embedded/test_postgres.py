from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gliomon.common.errors import DomainError
from gliomon.embedded.binaries import postgres_program
from gliomon.embedded.children import Supervisor
from gliomon.embedded.credentials import Credentials, load_or_create
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.postgres import Postgres
from gliomon.embedded.unprivileged import identity


@pytest.fixture
def database(data: DataDir, credentials: Credentials, supervisor: Supervisor) -> Postgres:
    made = Postgres(data, credentials, durable=False)
    made.start(supervisor)
    return made


def _rows(url: str, query: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_cluster_has_the_promised_properties(database: Postgres) -> None:
    query = """SELECT current_setting('data_checksums'), current_setting('server_encoding'),
                      current_setting('TimeZone'), current_setting('listen_addresses'),
                      (SELECT datlocale FROM pg_database WHERE datname = 'gliomon')"""
    assert _rows(database.urls()["DATABASE_URL"], query) == [("on", "UTF8", "UTC", "", "C.UTF-8")]


def test_neither_role_is_a_superuser_and_only_the_owner_makes_databases(database: Postgres) -> None:
    query = """SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles
               WHERE rolname LIKE 'gliomon%' ORDER BY rolname"""
    assert _rows(database.urls()["DATABASE_OWNER_URL"], query) == [
        ("gliomon_app", False, False, False, False),
        ("gliomon_owner", False, False, True, False),
    ]


def test_application_owns_nothing_and_makes_no_table(database: Postgres) -> None:
    app, owner = database.urls()["DATABASE_URL"], database.urls()["DATABASE_OWNER_URL"]
    _run(owner, "CREATE TABLE fact (id int); GRANT SELECT, INSERT ON fact TO gliomon_app")
    _run(app, "INSERT INTO fact VALUES (1)")
    for statement in (
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "DROP TABLE fact",
        "ALTER TABLE fact DISABLE TRIGGER ALL",
        "SET ROLE gliomon_owner",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _run(app, statement)
    owned = "SELECT count(*) FROM pg_class WHERE relowner = 'gliomon_app'::regrole"
    assert _rows(owner, owned) == [(0,)]


def test_owner_copies_databases_and_ends_the_applications_connections(database: Postgres) -> None:
    app, owner = database.urls()["DATABASE_URL"], database.urls()["DATABASE_OWNER_URL"]
    with psycopg.connect(owner.replace("/gliomon?", "/postgres?"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE source")
        with psycopg.connect(app.replace("/gliomon?", "/source?"), autocommit=True) as client:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'source'"
            )
            with pytest.raises(psycopg.OperationalError):
                client.execute("SELECT 1")
        connection.execute("CREATE DATABASE copy TEMPLATE source")
        connection.execute("DROP DATABASE source WITH (FORCE)")


def test_restart_keeps_data(
    database: Postgres, data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    owner = database.urls()["DATABASE_OWNER_URL"]
    _run(owner, "CREATE TABLE kept AS SELECT 7 AS value")
    supervisor.stop(["postgres"])
    with pytest.raises(psycopg.OperationalError):
        _run(owner, "SELECT 1")
    again = Postgres(data, credentials, durable=False)
    again.start(supervisor)
    assert _rows(again.urls()["DATABASE_OWNER_URL"], "SELECT value FROM kept") == [(7,)]


def test_killed_server_is_brought_back_by_its_supervisor(database: Postgres, supervisor: Supervisor) -> None:
    owner = database.urls()["DATABASE_OWNER_URL"]
    _run(owner, "CREATE TABLE kept AS SELECT 7 AS value")
    child = supervisor.children["postgres"]
    os.kill(child.process.pid, signal.SIGKILL)
    supervisor.wait_until(lambda: child.deaths > 0 and _answers(owner), child=child, seconds=30)
    assert _rows(owner, "SELECT value FROM kept") == [(7,)]


def test_next_launcher_recovers_from_a_killed_one(
    database: Postgres, data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    """The stale pid file names a process that lives (ours), and the old server is still up."""
    _run(database.urls()["DATABASE_OWNER_URL"], "CREATE TABLE kept AS SELECT 7 AS value")
    first = supervisor.children.pop("postgres")
    again = Postgres(data, credentials, durable=False)
    again.start(supervisor)
    assert first.process.wait(timeout=10) == 0  # the old server was ended in order before the new one started
    assert _rows(again.urls()["DATABASE_OWNER_URL"], "SELECT value FROM kept") == [(7,)]

    second = supervisor.children.pop("postgres")
    os.kill(second.process.pid, signal.SIGKILL)
    second.process.wait()
    pid_file = data.postgres / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))
    third = Postgres(data, credentials, durable=False)
    third.start(supervisor)
    assert _rows(third.urls()["DATABASE_OWNER_URL"], "SELECT value FROM kept") == [(7,)]


def test_failed_statements_leave_no_values_in_the_log(database: Postgres, data: DataDir) -> None:
    with pytest.raises(psycopg.Error):
        _run(database.urls()["DATABASE_URL"], "SELECT 'ZZCANARY'::text FROM absent_table")
    with pytest.raises(psycopg.Error):
        _run(
            database.urls()["DATABASE_OWNER_URL"],
            "CREATE TABLE u (k text UNIQUE); INSERT INTO u VALUES ('ZZCANARY'), ('ZZCANARY')",
        )
    log = data.log_of("postgres").read_text()
    assert "absent_table" in log
    assert "ZZCANARY" not in log


def test_lost_credentials_are_named(database: Postgres, data: DataDir, supervisor: Supervisor) -> None:
    supervisor.stop(["postgres"])
    other = Credentials("a" * 40, "b" * 40, "c" * 40, "d" * 40, "e" * 60)
    with pytest.raises(DomainError, match=r"credentials\.json does not open this database"):
        Postgres(data, other, durable=False).start(supervisor)


def test_interrupted_initdb_is_not_taken_for_a_cluster(
    data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    half = data.root / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    database = Postgres(data, credentials, durable=False)
    database.start(supervisor)
    assert _answers(database.urls()["DATABASE_URL"])


def test_cluster_of_another_version_is_refused(
    data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    data.postgres.mkdir()
    (data.postgres / "PG_VERSION").write_text("12\n")
    with pytest.raises(DomainError, match="made by Postgres 12"):
        Postgres(data, credentials).start(supervisor)


@pytest.fixture
def open_data() -> Iterator[DataDir]:
    """A data directory that every user may pass through to."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        made = DataDir(Path(place) / "var")
        made.prepare()
        yield made


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes nobody")
def test_without_namespaces_root_starts_postgres_as_nobody(open_data: DataDir) -> None:
    if not _open_to_all(postgres_program("postgres")):
        pytest.skip("the virtual environment lies in a private folder, which nobody cannot enter")
    nobody, supervisor = identity(namespaces=False), Supervisor()
    with supervisor.signals():
        for _ in ("made", "opened again"):
            made = load_or_create(open_data.credentials)
            database = Postgres(open_data, made, durable=False, as_user=nobody)
            database.start(supervisor)
            assert _answers(database.urls()["DATABASE_URL"])
            pid = supervisor.children["postgres"].process.pid
            assert Path(f"/proc/{pid}").stat().st_uid == nobody.user
            supervisor.stop(["postgres"])
    assert open_data.credentials.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes nobody")
def test_private_folder_above_is_named_and_not_opened(
    data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    data.root.parent.chmod(0o700)
    with pytest.raises(DomainError, match="does not run as root"):
        Postgres(data, credentials, as_user=identity(namespaces=False)).start(supervisor)
    assert data.root.parent.stat().st_mode & 0o777 == 0o700


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return _rows(url, "SELECT 1") == [(1,)]
    return False
