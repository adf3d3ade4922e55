from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gliomon.common.errors import DomainError
from gliomon.embedded.datadir import DataDir, Lock


def test_folders_are_private(data: DataDir) -> None:
    for folder in (data.root, data.log, data.run, data.root / "media"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DomainError, match=r"Cannot write to .* GLIOMON_DATA_DIR"):
        DataDir(tmp_path / "file" / "var").prepare()


def test_socket_folder_is_inside_unless_the_path_is_long() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        shallow = DataDir(Path(place))
        shallow.prepare()
        assert shallow.socket_folder() == shallow.run / "sockets"


def test_deep_data_directory_gets_a_short_private_socket_folder(tmp_path: Path) -> None:
    deep = DataDir(tmp_path / ("d" * 60) / ("e" * 60))
    deep.prepare()
    folder = deep.socket_folder()
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= 107
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder == deep.socket_folder()
    deep.remove_short_socket_folder()
    assert not folder.exists()


def test_second_launcher_is_refused_until_the_first_is_gone(data: DataDir) -> None:
    first, second = Lock(data), Lock(data)
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == os.getpid()
    first.release()
    assert second.holder() is None
    assert second.acquire()
    second.release()


def test_lock_of_a_dead_launcher_is_free(data: DataDir) -> None:
    code = (
        "import os, sys; from pathlib import Path; from gliomon.embedded.datadir import DataDir, Lock; "
        "assert Lock(DataDir(Path(sys.argv[1]))).acquire(); os.kill(os.getpid(), 9)"
    )
    project = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code, str(data.root)], cwd=project, check=False)
    assert done.returncode == -9
    assert Lock(data).acquire()


def test_large_log_is_kept_once(data: DataDir) -> None:
    with (data.log / "web.log").open("wb") as log:
        log.truncate(21 * 1024**2)
    assert not data.log_of("web").exists()
    assert (data.log / "web.log.1").exists()
