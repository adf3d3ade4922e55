"""Ends the children of a launcher that was itself killed with SIGKILL. Run as a file, with bare Python.

It reads lines from the launcher: `+ GROUP SIGNAL` for a process group that started, `- GROUP SIGNAL` for one that
ended. The end of that pipe means that the launcher is gone: every group that is still announced gets its stop
signal, then SIGQUIT, then SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_SECONDS = (5.0, 3.0, 1.0)
_LOOK_EVERY_SECONDS = 0.05


def main() -> None:
    """Keep the list of groups until the pipe ends, then end what is on it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        sign, group, stop_signal = line.split()
        if sign == "+":
            groups[int(group)] = int(stop_signal)
        else:
            groups.pop(int(group), None)
    end(groups)


def end(groups: dict[int, int]) -> None:
    """Stop process groups, ever more firmly."""
    for number, grace in enumerate(GRACE_SECONDS):
        for group, stop_signal in groups.items():
            _send(group, (stop_signal, signal.SIGQUIT, signal.SIGKILL)[number])
        limit = time.monotonic() + grace
        while groups and time.monotonic() < limit:
            groups = {group: sign for group, sign in groups.items() if _send(group, 0)}
            time.sleep(_LOOK_EVERY_SECONDS)


def _send(group: int, sign: int) -> bool:
    try:
        os.killpg(group, sign)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
