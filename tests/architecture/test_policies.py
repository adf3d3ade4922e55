"""Deny by default: every URL and every command says who may use it, and every action is in the table."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from django.conf import settings

from gliomon.common.command import GliomonCommand
from gliomon.common.policy import all_views, policy_of
from patients.permissions import ACTIONS

COMMAND_FILES = sorted(
    path
    for app in ("gliomon", "patients", "imaging", "analytics", "frontend")
    for path in (settings.BASE_DIR / app).rglob("management/commands/*.py")
    if path.stem != "__init__"
)
# Django's own migrate, pointed at the owner's connection: it writes no patient's data and acts for no account.
WITHOUT_ACCOUNT = {"migrate"}


def test_there_is_something_to_check() -> None:
    assert len(list(all_views())) > 10
    assert len(COMMAND_FILES) >= 4


@pytest.mark.parametrize(("route", "view"), list(all_views()), ids=[route for route, _ in all_views()])
def test_every_url_declares_a_policy(route: str, view: object) -> None:
    policy = policy_of(view)
    assert policy is not None, f"{route} has no declared policy"
    assert policy.public or policy.action is None or policy.action in ACTIONS


@pytest.mark.parametrize("path", COMMAND_FILES, ids=[path.stem for path in COMMAND_FILES])
def test_every_command_declares_a_policy(path: Path) -> None:
    module = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
    command = importlib.import_module(module).Command
    if path.stem in WITHOUT_ACCOUNT:
        assert command.action is None
        return
    assert issubclass(command, GliomonCommand)
    assert command.action in ACTIONS, f"{path.stem} names no permission"


def test_public_views_are_login_logout_and_health_only() -> None:
    public = {route for route, view in all_views() if policy_of(view).public}
    assert public == {"health/", "login/", "logout/"}
