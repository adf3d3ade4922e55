"""Two database roles: the owner migrates, the application reads and writes and owns nothing."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connections, models

from gliomon.common.append_only import AppendOnly

OWNER = "owner"


class DatabaseRoles:
    """Send every query to the application's role; let only the owner's connection migrate."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return "default"

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, first: models.Model, second: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == OWNER


def grant_to_application(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After the last app has migrated, give the application's role what it needs and no more.

    Append-only tables: SELECT and INSERT. All others: also UPDATE and DELETE. Nobody gets TRUNCATE.
    """
    if using != OWNER or sender.label != _last_app():
        return
    role = connections[OWNER].ops.quote_name(settings.DATABASES["default"]["USER"])
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
        cursor.execute(f"GRANT SELECT ON django_migrations TO {role}")
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(_grant(model, role))


def _grant(model: type[models.Model], role: str) -> str:
    table = connections[OWNER].ops.quote_name(model._meta.db_table)
    rights = "SELECT, INSERT" if issubclass(model, AppendOnly) else "SELECT, INSERT, UPDATE, DELETE"
    return f"REVOKE ALL ON {table} FROM {role}; GRANT {rights} ON {table} TO {role}"


def _last_app() -> str:
    return [config.label for config in apps.get_app_configs() if config.models_module is not None][-1]
