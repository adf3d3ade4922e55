"""Every table of facts is protected in the database itself, and the application's role owns nothing."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from gliomon.common.append_only import AppendOnly
from gliomon.common.record import Record

pytestmark = pytest.mark.django_db

PROTECTED = [model for model in apps.get_models() if issubclass(model, AppendOnly)]


def test_records_audit_measurements_and_alerts_are_among_them() -> None:
    names = {model.__name__ for model in PROTECTED}
    assert {"Diagnosis", "CtdnaResult", "AuditEvent", "Measurement", "Alert", "AlertAct"} <= names
    assert sum(issubclass(model, Record) for model in PROTECTED) == 12


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_the_table_has_its_triggers_and_grants(model: type[AppendOnly]) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled = 'O'",
            [table],
        )
        triggers = {name.removeprefix("pgtrigger_").rsplit("_", 1)[0] for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT privilege FROM unnest(ARRAY['INSERT','SELECT','UPDATE','DELETE','TRUNCATE']) AS privilege"
            " WHERE has_table_privilege(current_user, %s, privilege)",
            [table],
        )
        rights = {name for (name,) in cursor.fetchall()}
    expected = {"no_update_or_delete", "no_truncate"} | ({"stamp"} if issubclass(model, Record) else set())
    assert triggers == expected
    assert rights == {"INSERT", "SELECT"}


def test_the_applications_role_owns_nothing_and_is_no_superuser() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, usesuper, usecreatedb FROM pg_user WHERE usename = current_user")
        name, superuser, creates = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        owned = cursor.fetchone()[0]
    assert name == settings.DATABASES["default"]["USER"]
    assert (superuser, creates, owned) == (False, False, 0)
