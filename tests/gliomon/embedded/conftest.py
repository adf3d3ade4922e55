"""Real processes in folders of their own; every test ends what it started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gliomon.embedded.children import Supervisor
from gliomon.embedded.credentials import Credentials, load_or_create
from gliomon.embedded.datadir import DataDir


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    """A prepared, empty data directory."""
    made = DataDir(tmp_path / "var")
    made.prepare()
    return made


@pytest.fixture
def credentials(data: DataDir) -> Credentials:
    return load_or_create(data.credentials)


@pytest.fixture
def supervisor(data: DataDir) -> Iterator[Supervisor]:
    """A supervisor that holds the signals while the test runs."""
    made = Supervisor()
    with made.signals():
        yield made
    data.remove_short_socket_folder()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for something to become true; fail with its name if it does not."""

    def wait(happened: Callable[[], object], what: str, seconds: float = 15.0) -> None:
        limit = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < limit, f"within {seconds} s not: {what}"
            time.sleep(0.05)

    return wait


@pytest.fixture
def processes_of() -> Callable[[Path], dict[int, str]]:
    """List processes whose command line or environment names a folder."""

    def listing(folder: Path) -> dict[int, str]:
        wanted = os.fsencode(folder)
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
                if wanted in command or (command and wanted in (entry / "environ").read_bytes()):
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
        found.pop(os.getpid(), None)
        return found

    return listing
