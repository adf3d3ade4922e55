"""Commands that act for an account: who it is, and whether it may."""

from __future__ import annotations

from typing import Any

from gliomon.common.command import GliomonCommand
from gliomon.common.errors import NotFound, PermissionRefused
from patients.models import User
from patients.permissions import may
from patients.services.people import SYSTEM_USERNAME, system_user


class PatientCommand(GliomonCommand):
    """A command whose acting user must hold the permission `action`."""

    def acting_user(self, options: dict[str, Any]) -> User:
        """The account given by `--user`, which must hold the command's permission."""
        name = options["user"]
        found = system_user() if name == SYSTEM_USERNAME else User.objects.filter(username=name).first()
        if found is None or not found.is_active:
            raise NotFound("user_not_found", f"there is no active account {name}")
        if self.action is None or not may(found, self.action):
            raise PermissionRefused("not_allowed", f"the account {name} may not do this")
        return found
