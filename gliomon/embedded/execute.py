"""`exec`: run one command with database and broker, those that run already or ones just for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gliomon.common.errors import DomainError
from gliomon.embedded import foreground, preflight
from gliomon.embedded.children import Supervisor
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.environment import data_dir, for_children, forget_connections, running
from gliomon.embedded.servers import Servers, embedded_database
from gliomon.embedded.steps import Steps


def execute(command: Sequence[str], *, temporary: bool) -> int:
    """Run a command and return its exit code."""
    if temporary:
        return _in_temporary_dir(command)
    data = data_dir()
    connections = running(data)
    if connections:
        environ = for_children(connections, data)
        return _become(command, environ)
    return _with_servers(command, data, durable=True)


def _in_temporary_dir(command: Sequence[str]) -> int:
    """Use servers of our own in a folder that is removed at the end, whatever the user's variables say."""
    forget_connections(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="gliomon-"))
    try:
        return _with_servers(command, DataDir(folder), durable=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_servers(command: Sequence[str], data: DataDir, *, durable: bool) -> int:
    demo = data.exists() and data.demo_marker.exists() and embedded_database()
    supervisor = Supervisor(report=lambda words: print(words, flush=True))
    with Servers(data, supervisor, durable=durable) as servers, supervisor.signals():
        preflight.require_space(data.root)
        environ = for_children(servers.start(Steps(2, quiet=True), demo=demo), data)
        return foreground.run(supervisor, _found(command, environ), environ)


def _become(command: Sequence[str], environ: dict[str, str]) -> int:
    command = _found(command, environ)
    os.execve(command[0], command, environ)  # noqa: S606


def _found(command: Sequence[str], environ: dict[str, str]) -> list[str]:
    program = shutil.which(command[0], path=environ["PATH"])
    if program is None:
        raise DomainError("command_missing", f"There is no program {command[0]!r} to run.")
    return [program, *command[1:]]
