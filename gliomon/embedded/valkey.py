"""The embedded Valkey: the broker, with its append-only file, a free loopback port and a password."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import redis

from gliomon.embedded import orphans
from gliomon.embedded.binaries import valkey_server
from gliomon.embedded.children import ChildSpec, Supervisor
from gliomon.embedded.credentials import Credentials, write_private
from gliomon.embedded.datadir import DataDir

_READY_SECONDS = 60.0


class Valkey:
    """One broker in a data directory."""

    def __init__(self, data: DataDir, credentials: Credentials, *, durable: bool = True) -> None:
        self._data = data
        self._password = credentials.broker
        self._durable = durable
        self._port = _free_port()

    def start(self, supervisor: Supervisor) -> None:
        """Start the server and wait until it has read its file and answers."""
        self._data.valkey.mkdir(mode=0o700, exist_ok=True)
        orphans.end(self._data.valkey, program="valkey-server")
        settings = self._data.run / "valkey.conf"  # not arguments: those show the password to everybody
        write_private(settings, self._settings())
        child = supervisor.start(self._spec(settings))
        supervisor.wait_until(self._answers, child=child, seconds=_READY_SECONDS)

    def url(self) -> str:
        """Return the broker's URL."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def _settings(self) -> str:
        lines = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "dir": f'"{self._data.valkey}"',
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{key} {value}\n" for key, value in lines.items())

    def _spec(self, settings: Path) -> ChildSpec:
        return ChildSpec(
            name="valkey",
            command=(str(valkey_server()), str(settings)),
            log=self._data.log_of("valkey"),
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            folder=self._data.valkey,
            serves_others=True,
        )

    def _answers(self) -> bool:
        with contextlib.closing(redis.Redis.from_url(self.url(), socket_timeout=2)) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
