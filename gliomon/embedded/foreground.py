"""Commands that the launcher waits for while it keeps its children alive."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from gliomon.common.errors import RetriableError
from gliomon.embedded.children import Supervisor, die_with_parent
from gliomon.embedded.environment import PROJECT

_LAST_LINES = 15


def run(
    supervisor: Supervisor,
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    folder: Path | None = None,
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
) -> int:
    """Run a command to its end and return its exit code; a stop signal is passed on to it once."""
    process = subprocess.Popen(
        list(command),
        env=dict(env),
        cwd=folder,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
    )
    told = False
    while process.poll() is None:
        if supervisor.stop_signal is not None and not told:
            _pass_on(supervisor.stop_signal, process)
            told = True
        supervisor.wait()
    code = process.returncode
    return code if code >= 0 else 128 - code


def _pass_on(number: int, process: subprocess.Popen[bytes]) -> None:
    """Signal the command, unless the terminal's Ctrl-C has reached it already."""
    if number != signal.SIGINT or not sys.stdin.isatty():
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def manage(supervisor: Supervisor, words: Sequence[str], env: Mapping[str, str], log: Path) -> str:
    """Run a manage.py command and return what it printed; its warnings and its failure go to the log.

    What it prints is never logged: load_demo prints passwords.
    """
    with tempfile.TemporaryFile() as printed, log.open("ab") as errors:
        command = [sys.executable, "manage.py", *words]
        code = run(supervisor, command, env, folder=PROJECT, stdout=printed, stderr=errors)
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    if supervisor.stop_requested():
        raise KeyboardInterrupt
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise RetriableError(
            "command_failed", f"`manage.py {' '.join(words)}` failed (exit code {code}); see {log}:\n{tail}"
        )
    return output
