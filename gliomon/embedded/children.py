"""Supervised child processes: started, logged, restarted when they die, and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from gliomon.common.errors import RetriableError
from gliomon.embedded import watchdog
from gliomon.embedded.unprivileged import Identity

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 30.0
_STEADY_SECONDS = 60.0  # a child that lived this long starts again without delay counted from its past
_LONGEST_WORDS = 200
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class ChildSpec:
    """How to start one child, and how to ask it to end."""

    name: str
    command: tuple[str, ...]
    log: Path
    env: Mapping[str, str]
    folder: Path
    identity: Identity = field(default_factory=Identity)
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 8.0
    serves_others: bool = False  # ended last, when nobody needs it any more


class Child:
    """One supervised process and its history."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self.started_at = 0.0
        self.start_again_at: float | None = None
        self._log_start = 0

    def alive(self) -> bool:
        """Say whether the process has not ended, without reaping it: its group may still need a signal."""
        if self.process is None:
            return False
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself, not its group."""
        if self.process is not None and self.alive():
            os.kill(self.process.pid, number)

    def launch(self) -> int:
        """Start the process in a group of its own, so that Ctrl-C reaches the launcher alone."""
        identity = self.spec.identity
        with self.spec.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                [*identity.prefix, *self.spec.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.spec.env),
                cwd=self.spec.folder,
                user=identity.user,
                group=identity.group,
                start_new_session=True,
                preexec_fn=die_with_parent(
                    os.getpid(), self.spec.stop_signal
                ),  # safe: the launcher has one thread
            )
        self.started_at, self.start_again_at = time.monotonic(), None
        return self.process.pid

    def bury(self) -> tuple[int, str]:
        """Reap a dead process, end what is left of its group, and say how it died."""
        if self.process is None:
            raise RuntimeError(f"{self.spec.name} was never started")
        group = self.process.pid
        _kill_group(group)  # before reaping: until then the group's number cannot be given to others
        code = self.process.wait()
        self.process = None
        return group, f"signal {-code}" if code < 0 else f"exit code {code}"

    def next_backoff(self) -> float:
        """Return how long to wait before the next start: twice as long after each early death."""
        if time.monotonic() - self.started_at > _STEADY_SECONDS:
            self.deaths = 0
        self.deaths += 1
        return float(min(_FIRST_BACKOFF_SECONDS * 2 ** (self.deaths - 1), _LONGEST_BACKOFF_SECONDS))

    def seconds_alive(self) -> float:
        """Return how long the present process runs, zero if there is none."""
        return time.monotonic() - self.started_at if self.alive() else 0.0

    def said(self) -> str:
        """Return what the child has logged since its present start."""
        with self.spec.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def log_tail(self, lines: int = 12) -> str:
        """Return the last lines of `said`."""
        return "\n".join(self.said().strip().splitlines()[-lines:])


class Supervisor:
    """Holds the children. One thread: each wait ends for signals, dead children and due restarts."""

    def __init__(self, *, report: Callable[[str], None] = lambda words: None) -> None:
        self.children: dict[str, Child] = {}
        self.stop_signal: int | None = None
        self._report = report
        self._watchdog: subprocess.Popen[str] | None = None

    def stop_requested(self) -> bool:
        """Say whether somebody asked us to end."""
        return self.stop_signal is not None

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Take over the stop signals and SIGCHLD while the block runs; always ends the children."""
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        previous_wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous = {number: signal.signal(number, self._note_stop) for number in _STOP_SIGNALS}
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._wakeup = reader
        try:
            yield
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_wakeup)
            reader.close()
            writer.close()

    def start(self, spec: ChildSpec) -> Child:
        """Start a child and keep it running from now on."""
        child = self.children[spec.name] = Child(spec)
        self._launch(child)
        return child

    def wait(self, seconds: float | None = None) -> None:
        """Sleep until a signal, a dead child or the end of the time; start again whoever is due."""
        due = [child.start_again_at for child in self.children.values() if child.start_again_at is not None]
        limits = [moment - time.monotonic() for moment in due] + ([] if seconds is None else [seconds])
        if not self._tend():
            select.select([self._wakeup], [], [], max(0.0, min(limits)) if limits else None)
            with contextlib.suppress(BlockingIOError):
                self._wakeup.recv(4096)
            self._tend()

    def wait_until(self, ready: Callable[[], bool], *, child: Child, seconds: float, deaths: int = 8) -> None:
        """Wait until `ready()`; fail with the child's last words when it dies too often or time is over."""
        limit = time.monotonic() + seconds
        while not (child.alive() and ready()):
            if self.stop_requested():
                raise KeyboardInterrupt
            if child.deaths >= deaths or time.monotonic() > limit:
                words = f"{child.spec.name} did not come up; the last lines of {child.spec.log} are:"
                raise RetriableError("child_not_ready", f"{words}\n{child.log_tail()}")
            self.wait(0.1)

    def stop(self, names: list[str] | None = None) -> None:
        """End children together: their stop signal, after their grace SIGQUIT, then SIGKILL for the group."""
        chosen = [self.children.pop(name) for name in names or list(self.children) if name in self.children]
        for servers in (False, True):
            self._end([child for child in chosen if child.spec.serves_others is servers])
        if not self.children:
            self._dismiss_watchdog()

    def _end(self, chosen: list[Child]) -> None:
        alive = [child for child in chosen if child.process is not None]
        for child in alive:
            child.send(child.spec.stop_signal)
        limits = {id(child): time.monotonic() + child.spec.grace_seconds for child in alive}
        self._wait_for(alive, lambda child: limits[id(child)])
        for child in [child for child in alive if child.alive()]:
            child.send(signal.SIGQUIT)
        end = time.monotonic() + watchdog.GRACE_SECONDS[1]
        self._wait_for(alive, lambda child: end)
        for child in alive:
            self._tell_watchdog("-", child.bury()[0], child)

    def _wait_for(self, children: list[Child], limit: Callable[[Child], float]) -> None:
        while waiting := [child for child in children if child.alive() and limit(child) > time.monotonic()]:
            soonest = min(map(limit, waiting)) - time.monotonic()
            select.select([self._wakeup], [], [], min(max(0.0, soonest), 0.2))
            with contextlib.suppress(BlockingIOError):
                self._wakeup.recv(4096)

    def _tend(self) -> bool:
        """Bury the dead and start again whoever is due; True if anything happened."""
        happened = False
        for child in list(self.children.values()):
            if child.process is not None and not child.alive():
                self._plan_restart(child)
                happened = True
            elif child.start_again_at is not None and time.monotonic() >= child.start_again_at:
                self._launch(child)
                happened = True
        return happened

    def _plan_restart(self, child: Child) -> None:
        group, how = child.bury()
        self._tell_watchdog("-", group, child)
        delay = child.next_backoff()
        child.start_again_at = time.monotonic() + delay
        self._report(
            f"{child.spec.name} ended ({how}); it starts again in {delay:.1f} s; {child.spec.log} ends with:\n"
            f"    {child.log_tail(1)[:_LONGEST_WORDS]}"
        )

    def _launch(self, child: Child) -> None:
        if self._watchdog is None:
            self._watchdog = _start_watchdog()
        self._tell_watchdog("+", child.launch(), child)

    def _tell_watchdog(self, sign: str, group: int, child: Child) -> None:
        if self._watchdog is None or self._watchdog.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._watchdog.stdin.write(f"{sign} {group} {int(child.spec.stop_signal)}\n")
            self._watchdog.stdin.flush()

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.communicate()
            self._watchdog = None

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_signal = number


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def die_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Return what a child does before it becomes its program: the kernel ends it if the launcher dies."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the launcher died before the line above
            os._exit(1)

    return prepare


def _start_watchdog() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", watchdog.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
