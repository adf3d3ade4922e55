"""Typed readers for the environment: a wrong value stops the start with one clear sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gliomon.common.errors import DomainError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str | None = None) -> str:
    """Return a variable, or the content of the file that NAME_FILE names; empty only if a default is given."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    value = Path(path).read_text().strip() if path else os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise DomainError("setting_missing", f"{name} is not set; .env.example explains what it should be")
    return default


def flag(name: str, *, default: bool) -> bool:
    """Return a yes/no variable; anything but 1/0, true/false, yes/no, on/off is refused."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    value = raw.strip().lower()
    if value not in _TRUE | _FALSE:
        raise DomainError("setting_invalid", f"{name} is {raw!r}; wanted 1 or 0")
    return value in _TRUE


def integer(name: str, *, default: int, low: int, high: int) -> int:
    """Return a whole number within bounds."""
    raw = os.environ.get(name, "").strip() or str(default)
    if not raw.lstrip("-").isascii() or not raw.lstrip("-").isdigit() or not low <= int(raw) <= high:
        raise DomainError("setting_invalid", f"{name} is {raw!r}; wanted a whole number from {low} to {high}")
    return int(raw)


def choice(name: str, *, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words."""
    value = os.environ.get(name, "").strip() or default
    if value not in allowed:
        raise DomainError("setting_invalid", f"{name} is {value!r}; wanted one of {', '.join(allowed)}")
    return value


def folder(name: str, *, default: Path) -> Path:
    """Return an absolute folder path; it need not exist yet."""
    raw = os.environ.get(name, "").strip()
    return (Path(raw).expanduser() if raw else default).resolve()


def words(name: str, *, default: tuple[str, ...]) -> list[str]:
    """Return a comma-separated list."""
    raw = os.environ.get(name, "").strip()
    return [part.strip() for part in raw.split(",") if part.strip()] if raw else list(default)


def database(name: str) -> dict[str, Any]:
    """Return Django's connection settings for a `postgresql://user:password@host:port/name?host=/socket` URL."""
    url = urlsplit(text(name))
    if url.scheme not in ("postgres", "postgresql"):
        raise DomainError("setting_invalid", f"{name} starts with {url.scheme!r}; wanted postgresql://")
    query = parse_qs(url.query)
    settings: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": query.get("host", [url.hostname or ""])[0],
        "PORT": query.get("port", [str(url.port or "")])[0],
    }
    if not settings["NAME"] or not settings["USER"]:
        raise DomainError("setting_invalid", f"{name} lacks a user or a database name")
    return settings


def secret(name: str, *, minimum_length: int) -> str:
    """Return a secret; short ones are refused."""
    value = text(name)
    if len(value) < minimum_length:
        raise DomainError(
            "setting_invalid", f"{name} has {len(value)} characters; at least {minimum_length} are needed"
        )
    return value


def package_folder(name: str) -> Path:
    """Return where an installed package keeps its files, without importing it."""
    import importlib.util

    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise DomainError(
            "package_missing", f"the package {name} is not installed; run make run or make test"
        )
    return Path(spec.submodule_search_locations[0])
