"""What must hold before anything starts; each failure is one sentence that says what to do."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from pathlib import Path

from gliomon.common.errors import DomainError
from gliomon.embedded.datadir import DataDir

HOST = "127.0.0.1"
_LEAST_FREE_BYTES = 1024**3


def require_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Refuse any Python but 3.11."""
    if version != (3, 11):
        found = ".".join(map(str, version))
        raise DomainError(
            "python_version", f"gliomon needs Python 3.11, this is Python {found}: install python3.11."
        )


def require_free_port(port: int) -> None:
    """Refuse a port that another program listens on, or that we may not open."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            what = {
                errno.EADDRINUSE: "is in use by another program: stop that one or",
                errno.EACCES: "may only be opened by root:",
            }.get(error.errno or 0, f"cannot be opened ({error.strerror}):")
            raise DomainError("port_busy", f"Port {port} {what} set GLIOMON_PORT to a free port.") from error


def require_space(folder: Path, *, least: int = _LEAST_FREE_BYTES) -> None:
    """Refuse to start on a disk that is almost full: a database must never meet its end while it writes."""
    free = shutil.disk_usage(folder).free
    if free < least:
        raise DomainError(
            "disk_full",
            f"Only {free / 1024**2:.0f} MB are free for {folder}; gliomon needs {least / 1024**2:.0f} MB: "
            "make room or set GLIOMON_DATA_DIR.",
        )


def require_consistent_demo(data: DataDir, wanted: bool | None, *, ours: bool) -> bool:
    """Return whether this start serves the demo; a data directory never changes between demo and real.

    A new directory with the embedded database becomes a demo unless GLIOMON_DEMO=0; a database of the user's
    own is a demo only if GLIOMON_DEMO=1 says so.
    """
    if not ours:
        return wanted is True
    if not data.exists():
        return wanted is not False
    is_demo = data.demo_marker.exists()
    if wanted is not None and wanted != is_demo:
        kind = "a demo" if is_demo else "not a demo"
        raise DomainError(
            "demo_mismatch",
            f"GLIOMON_DEMO={int(wanted)}, but {data.root} is {kind}: set GLIOMON_DATA_DIR to another folder.",
        )
    return is_demo


def require_linux() -> None:
    """Refuse systems whose process and lock rules the launcher does not know."""
    if not hasattr(os, "sched_getaffinity") or sys.platform != "linux":
        raise DomainError(
            "platform", f"The one-command start runs on Linux, this is {sys.platform}: use docker/."
        )
