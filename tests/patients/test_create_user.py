"""The first account of a new gliomon comes from the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from patients.models import Role, User
from patients.selectors import teams_of
from tests.factories import people

pytestmark = pytest.mark.django_db


def test_it_prints_a_password_that_works_once() -> None:
    out = StringIO()
    call_command("create_user", "anna", role="radiologist", team=["Neuro-oncology"], stdout=out)
    username, password = out.getvalue().split()
    user = authenticate(username=username, password=password)
    assert isinstance(user, User)
    assert (user.role, user.site.code) == (Role.RADIOLOGIST, "local")
    assert [team.name for team in teams_of(user)] == ["Neuro-oncology"]


def test_a_taken_name_is_refused() -> None:
    call_command("create_user", "anna", role="nurse", stdout=StringIO())
    with pytest.raises(CommandError, match="already"):
        call_command("create_user", "anna", role="nurse", stdout=StringIO())


def test_only_gliomon_itself_may_make_accounts_here() -> None:
    people.clinic()
    manager = User.objects.get(role=Role.DATA_MANAGER)
    with pytest.raises(CommandError, match="may not"):
        call_command("create_user", "eve", role="admin", user=manager.username, stdout=StringIO())
