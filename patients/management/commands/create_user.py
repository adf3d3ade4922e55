"""`manage.py create_user NAME --role ROLE --site CODE`: the first accounts of a new gliomon."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from patients.command import PatientCommand
from patients.models import Role
from patients.services import people


class Command(PatientCommand):
    help = "Create an account and print its random password, once."
    action = "user.create"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--role", required=True, choices=[role.value for role in Role if role != Role.SYSTEM]
        )
        parser.add_argument("--site", default="local", help="code of the site; created if there is none")
        parser.add_argument("--site-name", help="the site's name, if it is created")
        parser.add_argument(
            "--team", action="append", default=[], help="care team at the site; may be repeated"
        )
        parser.add_argument("--name", default="", help="the person's full name")

    def handle(self, *args: Any, **options: Any) -> None:
        by = self.acting_user(options)
        site = people.site_create(code=options["site"], name=options["site_name"] or options["site"].title())
        teams = tuple(people.care_team_create(site=site, name=name) for name in options["team"])
        _, password = people.user_create(
            username=options["username"],
            role=Role(options["role"]),
            site=site,
            by=by,
            full_name=options["name"],
            teams=teams,
        )
        self.stdout.write(f"{options['username']} {password}")
