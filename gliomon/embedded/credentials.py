"""Generated secrets of one data directory: made once, readable by their owner alone."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from gliomon.common.errors import DomainError

_BYTES = 32


@dataclass(frozen=True)
class Credentials:
    """Passwords of the database's three roles and of the broker, and Django's signing key."""

    postgres: str
    gliomon_owner: str
    gliomon_app: str
    broker: str
    secret_key: str


def load_or_create(path: Path) -> Credentials:
    """Return the stored secrets, or generate and store them."""
    if path.exists():
        return _load(path)
    made = Credentials(**{field.name: secrets.token_urlsafe(_BYTES) for field in fields(Credentials)})
    # 43 characters each; Django wants at least 50 in its key.
    made = Credentials(**asdict(made) | {"secret_key": secrets.token_urlsafe(2 * _BYTES)})
    write_private(path, json.dumps(asdict(made), indent=1))
    return made


def _load(path: Path) -> Credentials:
    try:
        return Credentials(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise DomainError(
            "credentials_unreadable", f"{path} is damaged: restore it from a backup, it opens the database."
        ) from error


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read; a crash leaves the old one or the new one, never a half."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
