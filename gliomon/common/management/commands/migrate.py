"""`manage.py migrate` always works through the owner's connection; the application's role may not."""

from __future__ import annotations

from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as Migrate

from gliomon.common.database_roles import OWNER


class Command(Migrate):
    action = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)
