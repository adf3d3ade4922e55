from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gliomon.common.errors import RetriableError
from gliomon.embedded.children import ChildSpec, Supervisor

_PROJECT = Path(__file__).resolve().parents[3]


def _python(folder: Path, name: str, code: str, grace_seconds: float = 5.0) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=(sys.executable, "-c", code, str(folder)),
        log=folder / f"{name}.log",
        env={"PATH": os.defpath},
        folder=folder,
        grace_seconds=grace_seconds,
    )


def test_dead_child_is_started_again_with_growing_delay(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(report=said.append)
    with supervisor.signals():
        child = supervisor.start(_python(tmp_path, "short", "raise SystemExit(3)"))
        while child.deaths < 3:
            supervisor.wait(0.5)
    assert [words.split(";")[0] for words in said] == ["short ended (exit code 3)"] * 3
    assert [re.findall(r"again in ([\d.]+) s", words)[0] for words in said] == ["0.5", "1.0", "2.0"]


def test_killed_child_comes_back(tmp_path: Path, supervisor: Supervisor) -> None:
    child = supervisor.start(_python(tmp_path, "long", "import time; time.sleep(60)"))
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    supervisor.wait_until(lambda: child.process.pid != first, child=child, seconds=10)
    assert child.deaths == 1


def test_what_a_killed_child_leaves_behind_ends_before_the_restart(
    tmp_path: Path, supervisor: Supervisor, eventually: Callable, processes_of: Callable
) -> None:
    """A worker's forked child must not go on with a task that the next worker takes."""
    code = "import os, time; os.fork(); time.sleep(60)"
    child = supervisor.start(_python(tmp_path, "forking", code))
    eventually(lambda: len(processes_of(tmp_path)) == 2, "both processes run")
    old = set(processes_of(tmp_path))
    os.kill(child.process.pid, signal.SIGKILL)
    supervisor.wait_until(lambda: child.deaths == 1, child=child, seconds=10)
    eventually(lambda: not old & set(processes_of(tmp_path)), "the old group is gone")


def test_stop_is_orderly_first_and_firm_after_the_grace(tmp_path: Path, supervisor: Supervisor) -> None:
    polite = (
        "import signal, sys, time\nsignal.signal(15, lambda *a: (print('bye', flush=True), sys.exit()))\n"
    )
    deaf = "import signal, time\nfor n in (2, 3, 15): signal.signal(n, signal.SIG_IGN)\n"
    ready = "print('ready', flush=True)\ntime.sleep(60)"
    children = [
        supervisor.start(_python(tmp_path, "polite", polite + ready)),
        supervisor.start(_python(tmp_path, "deaf", deaf + ready, grace_seconds=0.5)),
    ]
    for child in children:
        supervisor.wait_until(lambda child=child: "ready" in child.log_tail(), child=child, seconds=10)
    started = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - started < 6
    assert (tmp_path / "polite.log").read_text() == "ready\nbye\n"
    assert not any(child.alive() for child in children)


def test_servers_end_after_those_who_need_them(tmp_path: Path, supervisor: Supervisor) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n    {pause}\n    print(time.monotonic(), flush=True)\n    sys.exit()\n"
        "signal.signal(15, end)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    server = replace(_python(tmp_path, "server", code.format(pause="pass")), serves_others=True)
    client = _python(tmp_path, "client", code.format(pause="time.sleep(0.5)"))
    for spec in (server, client):
        child = supervisor.start(spec)
        supervisor.wait_until(lambda child=child: "ready" in child.said(), child=child, seconds=10)
    supervisor.stop()
    ended = {name: float((tmp_path / f"{name}.log").read_text().split()[-1]) for name in ("server", "client")}
    assert ended["client"] < ended["server"]


def test_child_that_never_comes_up_is_reported_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    child = supervisor.start(_python(tmp_path, "broken", "raise SystemExit('no such wheel')"))
    with pytest.raises(RetriableError, match="no such wheel"):
        supervisor.wait_until(lambda: False, child=child, seconds=20, deaths=2)


_LAUNCHER = """
import sys
from pathlib import Path
from gliomon.embedded.children import ChildSpec, Supervisor
folder = Path(sys.argv[1])
deaf = "import os, signal, time\\nfor n in (2, 3, 15): signal.signal(n, signal.SIG_IGN)\\nos.fork()\\ntime.sleep(90)"
mild = "import os, time\\nos.fork()\\ntime.sleep(90)"
supervisor = Supervisor()
with supervisor.signals():
    for name, code in (("deaf", deaf), ("mild", mild)):
        command = (sys.executable, "-c", code, str(folder))
        log, env = folder / f"{name}.log", {"PATH": "/usr/bin"}
        supervisor.start(ChildSpec(name, command, log, env, folder, grace_seconds=0.5))
    while not supervisor.stop_requested():
        supervisor.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_launcher(
    tmp_path: Path, number: signal.Signals, eventually: Callable, processes_of: Callable
) -> None:
    """Even children that ignore every polite signal, and their own children."""
    launcher = subprocess.Popen([sys.executable, "-c", _LAUNCHER, str(tmp_path)], cwd=_PROJECT)
    eventually(lambda: len(processes_of(tmp_path)) == 5, "the launcher and two pairs run")
    launcher.send_signal(number)
    launcher.wait(timeout=15)
    eventually(lambda: not processes_of(tmp_path), "all are gone", seconds=15)
