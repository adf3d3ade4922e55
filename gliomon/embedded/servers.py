"""Both embedded servers of one data directory; one that the user brings is left alone."""

from __future__ import annotations

import json
from types import TracebackType

from gliomon import env
from gliomon.common.errors import DomainError
from gliomon.embedded.children import Supervisor
from gliomon.embedded.credentials import Credentials, load_or_create, write_private
from gliomon.embedded.datadir import DataDir, Lock
from gliomon.embedded.environment import given
from gliomon.embedded.postgres import Postgres
from gliomon.embedded.steps import Steps
from gliomon.embedded.valkey import Valkey

_DEFAULT_HOSTS = "127.0.0.1,localhost,[::1]"


def embedded_database() -> bool:
    """Say whether the database is ours to start; a user's own needs both of its URLs."""
    if not given("DATABASE_URL"):
        return True
    if not given("DATABASE_OWNER_URL"):
        raise DomainError(
            "owner_url_missing",
            "DATABASE_URL is set, DATABASE_OWNER_URL is not: migrations need the role that owns the tables.",
        )
    return False


class Servers:
    """Starts what is needed, and tells commands in other terminals how to reach it while it runs."""

    def __init__(self, data: DataDir, supervisor: Supervisor, *, durable: bool = True) -> None:
        self._data = data
        self._supervisor = supervisor
        self._durable = durable
        self._lock = Lock(data)

    def __enter__(self) -> Servers:
        """Take the data directory for ourselves."""
        self._data.prepare()
        if not self._lock.acquire():
            raise DomainError(
                "already_running",
                f"gliomon already runs on {self._data.root} (process {self._lock.holder()}): "
                "stop it with Ctrl-C or `make stop`, or set GLIOMON_DATA_DIR.",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.handover.unlink(missing_ok=True)
        self._data.remove_short_socket_folder()
        self._lock.release()

    def start(self, steps: Steps, *, demo: bool) -> dict[str, str]:
        """Start database and broker; return the variables by which everything else reaches them."""
        credentials = self._credentials()
        with steps.step("database"):
            connections = self._database(credentials)
        with steps.step("broker"):
            connections["BROKER_URL"] = self._broker(credentials)
        connections |= {
            "GLIOMON_SECRET_KEY": env.text("GLIOMON_SECRET_KEY", credentials.secret_key),
            "GLIOMON_ALLOWED_HOSTS": env.text("GLIOMON_ALLOWED_HOSTS", _DEFAULT_HOSTS),
            "GLIOMON_DEMO": "1" if demo else "0",
        }
        write_private(self._data.handover, json.dumps(connections, indent=1))
        return connections

    def _credentials(self) -> Credentials:
        if self._data.postgres.exists() and not self._data.credentials.exists():
            raise DomainError(
                "credentials_missing",
                f"{self._data.credentials} is missing: restore it, it opens {self._data.postgres}.",
            )
        return load_or_create(self._data.credentials)

    def _database(self, credentials: Credentials) -> dict[str, str]:
        if not embedded_database():
            return {name: env.text(name) for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        database = Postgres(self._data, credentials, durable=self._durable)
        database.start(self._supervisor)
        return database.urls()

    def _broker(self, credentials: Credentials) -> str:
        if given("BROKER_URL"):
            return env.text("BROKER_URL")
        broker = Valkey(self._data, credentials, durable=self._durable)
        broker.start(self._supervisor)
        return broker.url()
