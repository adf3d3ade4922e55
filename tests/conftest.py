"""Shared fixtures: a real Postgres with both roles, and the running system for journeys.

The schema is migrated once by the owner into a template database. Ordinary tests run in a transaction that is
rolled back. Tests that must commit (workers, browsers) use `committed_db`: afterwards the database is made anew
from the template, so triggers never have to be dropped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql


def _names(worker: str) -> tuple[str, str]:
    return f"test_gliomon_{worker}", f"test_gliomon_{worker}_template"


def _owner_connection() -> psycopg.Connection[Any]:
    """A connection of the owner to the database that is never dropped here."""
    from gliomon import env

    owner = env.database("DATABASE_OWNER_URL")
    return psycopg.connect(
        dbname=os.environ["GLIOMON_TEST_MAINTENANCE_DB"],
        user=owner["USER"],
        password=owner["PASSWORD"],
        host=owner["HOST"] or None,
        port=owner["PORT"] or None,
        autocommit=True,
    )


def _recreate(name: str, template: str | None) -> None:
    with _owner_connection() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        connection.execute(create)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[None]:
    """Migrate a template as the owner, then give this process its own copy of it."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name, template = _names(worker)
    os.environ.setdefault("GLIOMON_TEST_MAINTENANCE_DB", settings.DATABASES["owner"]["NAME"])
    _recreate(template, None)
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = template
        settings.DATABASES[alias]["NAME"] = template
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        for alias in ("default", "owner"):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
            settings.DATABASES[alias]["NAME"] = name
    _recreate(name, template)
    yield
    for alias in ("default", "owner"):
        connections[alias].close()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database whose commits are real and seen by other processes; yields its name, and is replaced afterwards."""
    from django.db import connections

    name, template = _names(os.environ.get("PYTEST_XDIST_WORKER", "main"))
    with django_db_blocker.unblock():
        yield name
        for alias in ("default", "owner"):
            connections[alias].close()
    _recreate(name, template)


@pytest.fixture(autouse=True)
def _media_in_tmp(tmp_path: Path, settings: Any) -> None:
    """No test writes into another's media folder."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    """Accounts are made by the dozen: their passwords are hashed fast (journeys, whose servers check them, override)."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans and tables; tests that need it skip visibly where it is not set."""
    folder = os.environ.get("GLIOMON_REAL_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("GLIOMON_REAL_DATA is not set: no real scans and tables here")
    return Path(folder)
