"""The embedded Postgres: made once, started on a private socket, with an owner and an application role."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from gliomon.common.errors import DomainError
from gliomon.embedded import orphans
from gliomon.embedded.binaries import postgres_program
from gliomon.embedded.children import ChildSpec, Supervisor
from gliomon.embedded.credentials import Credentials, write_private
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.unprivileged import Identity, identity

DATABASE = "gliomon"
OWNER = "gliomon_owner"
APP = "gliomon_app"
_SUPERUSER = "postgres"
_READY_SECONDS = 300.0  # replaying the log after a crash may take minutes
_SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    # A failed statement and its detail hold patients' values: neither belongs in a log file.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Postgres:
    """One cluster in a data directory."""

    def __init__(
        self,
        data: DataDir,
        credentials: Credentials,
        *,
        durable: bool = True,
        as_user: Identity | None = None,
    ) -> None:
        self._data = data
        self._credentials = credentials
        self._durable = durable
        self._identity = as_user or identity()
        self._sockets = data.socket_folder()

    def start(self, supervisor: Supervisor) -> None:
        """Make the cluster if there is none, start it, wait for it, and make its roles and database."""
        self._prepare_folders()
        if not self._data.postgres.exists():
            self._make_cluster()
        self._require_version()
        orphans.end(self._data.postgres, program="postgres")
        self._drop_stale_locks()
        child = supervisor.start(self._spec())
        supervisor.wait_until(self._answers, child=child, seconds=_READY_SECONDS)
        self._make_roles_and_database()

    def urls(self) -> dict[str, str]:
        """Return the connection URLs of both roles."""
        return {
            "DATABASE_URL": self._url(APP, self._credentials.gliomon_app),
            "DATABASE_OWNER_URL": self._url(OWNER, self._credentials.gliomon_owner),
        }

    def _url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@/{DATABASE}?host={quote(str(self._sockets), safe='/')}"

    def _prepare_folders(self) -> None:
        self._identity.give(self._sockets)
        if self._data.postgres.exists():
            self._identity.give(self._data.postgres)

    def _make_cluster(self) -> None:
        """Run initdb in a folder beside, renamed at the end: half a cluster is never taken for a whole one."""
        fresh = self._data.root / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._identity.give(fresh)
        self._identity.require_access(fresh, postgres_program("initdb"))
        password_file = self._data.root / "superuser-password"
        write_private(password_file, self._credentials.postgres)
        self._identity.give(password_file)
        try:
            self._initdb(fresh, password_file)
        finally:
            password_file.unlink(missing_ok=True)
        fresh.rename(self._data.postgres)

    def _initdb(self, folder: Path, password_file: Path) -> None:
        done = subprocess.run(
            [*self._identity.prefix, *self._initdb_command(folder, password_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            user=self._identity.user,
            group=self._identity.group,
            check=False,
        )
        self._data.log_of("initdb").write_text(done.stdout)
        if done.returncode != 0:
            words = done.stdout.strip().splitlines()[-1:] or ["no message"]
            raise DomainError(
                "initdb_failed", f"The database could not be made in {folder.parent}: {words[0]}"
            )

    def _initdb_command(self, folder: Path, password_file: Path) -> list[str]:
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = [f"--username={_SUPERUSER}", "--auth=scram-sha-256", f"--pwfile={password_file}"]
        sync = [] if self._durable else ["--no-sync"]
        return [
            str(postgres_program("initdb")),
            f"--pgdata={folder}",
            "--data-checksums",
            *locale,
            *access,
            *sync,
        ]

    def _require_version(self) -> None:
        ours = (self._data.postgres / "PG_VERSION").read_text().strip()
        program = postgres_program("postgres")
        theirs = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        if theirs.split()[2].split(".")[0] != ours:
            raise DomainError(
                "postgres_version",
                f"{self._data.postgres} was made by Postgres {ours}, installed is {theirs.strip()}: "
                "install the requirements it was made with, or dump and restore it.",
            )

    def _drop_stale_locks(self) -> None:
        """Remove the lock files of a killed server: its process number may by now be somebody else's.

        Safe because the launcher's lock is ours and no server has this folder open.
        """
        (self._data.postgres / "postmaster.pid").unlink(missing_ok=True)
        for left in self._sockets.glob(".s.PGSQL.*"):
            left.unlink()

    def _spec(self) -> ChildSpec:
        settings = _SETTINGS | {"unix_socket_directories": str(self._sockets)}
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}  # survives a kill, not a power cut
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return ChildSpec(
            name="postgres",
            command=(str(postgres_program("postgres")), "-D", str(self._data.postgres), *options),
            log=self._data.log_of("postgres"),
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"},
            folder=Path("/"),
            identity=self._identity,
            stop_signal=signal.SIGINT,  # fast shutdown; SIGTERM would wait for every client to leave
            grace_seconds=30.0,
            serves_others=True,
        )

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._sockets),
            user=_SUPERUSER,
            password=self._credentials.postgres,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise DomainError(
                    "credentials_mismatch",
                    f"{self._data.credentials} does not open this database: restore the one that belongs to it.",
                ) from error
            return False
        return True

    def _make_roles_and_database(self) -> None:
        with self._connect("postgres") as connection:
            _ensure_role(connection, OWNER, "CREATEDB", self._credentials.gliomon_owner)
            _ensure_role(connection, APP, "NOCREATEDB", self._credentials.gliomon_app)
            # The owner may then end the application's connections, which tests and restores need.
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(APP), sql.Identifier(OWNER)))
            _ensure_database(connection)


def _ensure_role(connection: psycopg.Connection, name: str, right: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    connection.execute(
        sql.SQL("{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEROLE {right} PASSWORD {password}").format(
            verb=sql.SQL("ALTER" if known else "CREATE"),
            name=sql.Identifier(name),
            right=sql.SQL(right),
            password=sql.Literal(password),
        )
    )


def _ensure_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(APP))
    )
