"""Servers that outlived their launcher: found by program and working folder, ended before a new start."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from gliomon.common.errors import RetriableError

_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_LOOK_EVERY_SECONDS = 0.1


def end(folder: Path, *, program: str) -> None:
    """End every process of a program that works in a folder; the caller holds the data directory's lock."""
    for number, seconds in _STEPS:
        found = _working_in(folder, program)
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        limit = time.monotonic() + seconds
        while found and time.monotonic() < limit:
            time.sleep(_LOOK_EVERY_SECONDS)
            found = _working_in(folder, program)
        if not found:
            return
    raise RetriableError(
        "orphan_alive", f"An old {program} still works in {folder} (process {found[0]}): end it."
    )


def _working_in(folder: Path, program: str) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _matches(entry, folder, program)]


def _matches(entry: Path, folder: Path, program: str) -> bool:
    try:
        name = (entry / "exe").readlink().name.removesuffix(" (deleted)")
        return name == program and (entry / "cwd").readlink() == folder
    except OSError:  # another user's process, or one that just ended
        return False
