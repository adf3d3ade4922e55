"""The environment: read from .env, given to the children, and handed over to commands in other terminals."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from gliomon import env
from gliomon.common.errors import DomainError
from gliomon.embedded.datadir import DataDir, Lock

PROJECT = Path(__file__).resolve().parents[2]
_CONNECTIONS = ("DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL")
_MOST_IMAGING_THREADS = 8


def read_dotenv(path: Path, environ: MutableMapping[str, str]) -> None:
    """Add `KEY=VALUE` lines of a file to the environment; what is set already wins."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, sign, value = line.strip().partition("=")
        if not sign or not key.strip().isidentifier():
            raise DomainError(
                "dotenv_invalid", f"{path} line {number} is not KEY=VALUE: correct or remove it."
            )
        environ.setdefault(key.strip(), _unquoted(value.strip()))


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def data_dir() -> DataDir:
    """Return the data directory that GLIOMON_DATA_DIR names."""
    return DataDir(env.folder("GLIOMON_DATA_DIR", default=PROJECT / "var"))


def given(name: str) -> bool:
    """Say whether the user set a variable, by value or by NAME_FILE."""
    return bool(os.environ.get(name, "").strip() or os.environ.get(f"{name}_FILE", "").strip())


def forget_connections(environ: MutableMapping[str, str]) -> None:
    """Drop every connection of the user's: tests must never reach a real database or broker."""
    for name in (*_CONNECTIONS, "GLIOMON_SECRET_KEY", "GLIOMON_ALLOWED_HOSTS", "GLIOMON_DEMO"):
        environ.pop(name, None)
        environ.pop(f"{name}_FILE", None)


def for_children(connections: Mapping[str, str], data: DataDir) -> dict[str, str]:
    """Return the environment of a command that works on this data directory with both database roles."""
    ours = {
        **connections,
        "GLIOMON_DATA_DIR": str(data.root),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    # Spinning OpenMP threads steal the other processes' cores: up to three times slower on a shared machine.
    defaults = {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(imaging_threads())}
    return {**defaults, **os.environ, **ours}


def for_services(environ: Mapping[str, str], *, threads: int) -> dict[str, str]:
    """Return the environment of web, worker or beat: without the database owner, with a number of threads."""
    kept = {key: value for key, value in environ.items() if not key.startswith("DATABASE_OWNER_URL")}
    return kept | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}


def imaging_threads() -> int:
    """Return how many threads one imaging computation may use."""
    return min(len(os.sched_getaffinity(0)), _MOST_IMAGING_THREADS)


def adopt(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let a command started by hand reach the running gliomon: read .env and what its launcher handed over.

    Nothing changes if no gliomon runs on the data directory, and a DATABASE_URL of the user's own is never
    mixed with the embedded one.
    """
    read_dotenv(PROJECT / ".env", environ)
    if "DATABASE_URL" in environ or "DATABASE_URL_FILE" in environ:
        return
    for key, value in running(data_dir()).items():
        environ.setdefault(key, value)


def running(data: DataDir) -> dict[str, str]:
    """Return the connections of the gliomon that runs on this data directory, empty if none does."""
    if Lock(data).holder() is None or not data.handover.exists():
        return {}
    found: dict[str, str] = json.loads(data.handover.read_text())
    return found
