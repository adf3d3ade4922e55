from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gliomon.common.errors import DomainError
from gliomon.embedded import preflight
from gliomon.embedded.datadir import DataDir


def test_old_python_is_one_sentence() -> None:
    with pytest.raises(DomainError) as caught:
        preflight.require_python((3, 9))
    assert str(caught.value) == "gliomon needs Python 3.11, this is Python 3.9: install python3.11."


def test_busy_port_is_named_and_a_free_one_passes() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DomainError, match=f"Port {port} is in use .* GLIOMON_PORT"):
            preflight.require_free_port(port)
    preflight.require_free_port(port)


def test_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"Only \d+ MB are free"):
        preflight.require_space(tmp_path, least=2**62)
    preflight.require_space(tmp_path, least=1)


@pytest.mark.parametrize(
    ("wanted", "ours", "demo"),
    [(None, True, True), (True, True, True), (False, True, False), (None, False, False), (True, False, True)],
)
def test_new_directory_becomes_a_demo_only_with_our_database(
    tmp_path: Path, wanted: bool | None, ours: bool, demo: bool
) -> None:
    assert preflight.require_consistent_demo(DataDir(tmp_path), wanted, ours=ours) is demo


@pytest.mark.parametrize("is_demo", [True, False])
def test_directory_never_changes_between_demo_and_real(data: DataDir, is_demo: bool) -> None:
    data.credentials.write_text("{}")
    if is_demo:
        data.demo_marker.touch()
    assert preflight.require_consistent_demo(data, None, ours=True) is is_demo
    assert preflight.require_consistent_demo(data, is_demo, ours=True) is is_demo
    with pytest.raises(DomainError, match="GLIOMON_DEMO"):
        preflight.require_consistent_demo(data, not is_demo, ours=True)


def test_demo_marker_never_reaches_a_database_of_the_users_own(data: DataDir) -> None:
    data.credentials.write_text("{}")
    data.demo_marker.touch()
    assert preflight.require_consistent_demo(data, None, ours=False) is False
