"""How Postgres runs when we are root: it refuses root, so it gets an ordinary identity."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gliomon.common.errors import DomainError

# In a user namespace of its own the process keeps our rights on our files, but its user id reads 1000, not 0.
_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


@dataclass(frozen=True)
class Identity:
    """What to put before a command, or which user to become, so that a program does not run as root."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def give(self, folder: Path) -> None:
        """Hand a folder and its content to this identity, and let it pass through the folder above."""
        if self.user is None or self.group is None:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.user, self.group, follow_symlinks=False)
        mode = folder.parent.stat().st_mode
        if mode & 0o011 != 0o011:
            folder.parent.chmod(mode | 0o011)

    def require_access(self, folder: Path, program: Path) -> None:
        """Refuse with one sentence when this identity cannot reach the folder or the program."""
        for flag, path in (("-w", folder), ("-x", program)):
            if self._run(["test", flag, str(path)]) != 0:
                raise DomainError(
                    "unprivileged_access",
                    f"Postgres does not run as root, and without root {path} is out of reach: start gliomon as "
                    "its owner, or keep the checkout and GLIOMON_DATA_DIR outside of private folders.",
                )

    def _run(self, command: list[str]) -> int:
        return subprocess.run(
            [*self.prefix, *command], user=self.user, group=self.group, stderr=subprocess.DEVNULL, check=False
        ).returncode


def identity(*, namespaces: bool = True) -> Identity:
    """Return ourselves if we are not root, else a user namespace, else the user nobody."""
    if os.geteuid() != 0:
        return Identity()
    if namespaces and _namespace_works():
        return Identity(prefix=_NAMESPACE)
    nobody = pwd.getpwnam("nobody")
    return Identity(user=nobody.pw_uid, group=nobody.pw_gid)


def _namespace_works() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
