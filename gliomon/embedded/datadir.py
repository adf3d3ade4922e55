"""The data directory of one gliomon: its folders, its lock, its demo marker."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from gliomon.common.errors import DomainError

# A socket's address holds 108 bytes with its closing zero (unix(7)); ".s.PGSQL.5432" and its slash take 14.
_LONGEST_SOCKET_FOLDER = 90
_FOLDERS = ("log", "run", "media", "tmp")
_LARGEST_LOG_BYTES = 20 * 1024**2


class DataDir:
    """Folders under GLIOMON_DATA_DIR, made private to their owner."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.log = self.root / "log"
        self.run = self.root / "run"
        self.postgres = self.root / "postgres"
        self.valkey = self.root / "valkey"
        self.demo_marker = self.root / "demo"
        self.credentials = self.root / "credentials.json"
        self.handover = self.run / "environment.json"
        self.lock_file = self.root / "launcher.lock"

    def exists(self) -> bool:
        """Say whether a gliomon has been started here before."""
        return self.credentials.exists() or self.postgres.exists()

    def prepare(self) -> None:
        """Make the folders, readable by their owner alone."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in _FOLDERS:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise DomainError(
                "data_dir_unwritable",
                f"Cannot write to {self.root} ({error.strerror}): set GLIOMON_DATA_DIR.",
            ) from error

    def log_of(self, name: str) -> Path:
        """Return a child's log file; one that has grown large is kept once as NAME.log.1."""
        path = self.log / f"{name}.log"
        if path.exists() and path.stat().st_size > _LARGEST_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def socket_folder(self) -> Path:
        """Return a private folder whose path is short enough for a socket."""
        inside = self.root / "run" / "sockets"
        short = len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER and " " not in str(inside)
        folder = inside if short else self._short_socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid not in _trusted_users():
            raise DomainError("socket_folder_foreign", f"{folder} belongs to somebody else: remove it.")
        return folder

    def _short_socket_folder(self) -> Path:
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"gliomon-{os.geteuid()}-{name}"

    def remove_short_socket_folder(self) -> None:
        """Remove what `socket_folder` made outside of the data directory."""
        shutil.rmtree(self._short_socket_folder(), ignore_errors=True)


def _trusted_users() -> set[int]:
    """Return who may own a socket folder: ourselves, and if we are root, nobody, as whom Postgres may run."""
    return {os.geteuid()} | ({pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else set())


class Lock:
    """At most one launcher per data directory; the kernel frees the lock when its holder dies."""

    def __init__(self, data: DataDir) -> None:
        self._path = data.lock_file
        self._descriptor = -1

    def acquire(self) -> bool:
        """Take the lock and write our process id into it; False if another launcher holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def holder(self) -> int | None:
        """Return the process id of the launcher that runs on this data directory, None if none does."""
        if not self._path.exists():
            return None
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.pread(descriptor, 20, 0) or b"0")
        finally:
            os.close(descriptor)
        return None
