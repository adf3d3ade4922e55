"""Base of gliomon's commands: each declares what it may do and who runs it, and answers errors in one sentence."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gliomon.common.errors import GliomonError


class GliomonCommand(BaseCommand):
    """A command whose `action` names the permission that its acting user needs.

    Commands run by whoever has the machine's shell; what they write is recorded as done by `--user`, who must hold
    the permission. `action = None` is for maintenance that reads and writes nothing of a patient.
    """

    action: ClassVar[str | None]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if self.action is not None:
            parser.add_argument("--user", default="system", help="who does it (default: the system account)")
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except GliomonError as error:
            raise CommandError(f"{error.message} [{error.code}]") from error
