"""manage.py import_cohort: load a table of subjects for survival."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from analytics.services.cohorts import cohort_import
from gliomon.common.errors import DomainError
from patients.command import PatientCommand

_SHOWN_REASONS = 10


class Command(PatientCommand):
    help = "Load a CSV table as a cohort; rows that cannot be read are kept with their reason."
    action: ClassVar[str | None] = "cohort.import"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="time and event are needed; id, entry and diagnosis have their own meaning; any other name is a field",
        )
        parser.add_argument(
            "--basis", required=True, help="consent or legal basis on which the table may be used"
        )
        parser.add_argument("--time-unit", default="days", choices=["days", "weeks", "months", "years"])
        parser.add_argument(
            "--later",
            action="append",
            default=[],
            metavar="FIELD",
            help="a field that is known only after time zero; it may never group a survival curve",
        )
        parser.add_argument("--virtual", action="store_true", help="the subjects are simulated")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        cohort, table = cohort_import(
            name=options["name"],
            data=_bytes_of(path),
            source_name=path.name,
            mapping=pairs(options["map"], "--map"),
            basis=options["basis"],
            by=self.acting_user(options),
            time_unit=options["time_unit"],
            is_virtual=options["virtual"],
            known_later=options["later"],
        )
        self.stdout.write(f"cohort {cohort.name}: {len(table.rows)} taken, {len(table.errors)} not taken")
        for error in table.errors[:_SHOWN_REASONS]:
            self.stdout.write(f"  {error.message} [{error.code}]")
        if len(table.errors) > _SHOWN_REASONS:
            self.stdout.write(f"  and {len(table.errors) - _SHOWN_REASONS} more, kept with the cohort")


def pairs(given: list[str], option: str) -> dict[str, str]:
    """Read NAME=VALUE options; a name may come once."""
    found: dict[str, str] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not name or not value:
            raise DomainError("option", f"{option} {pair} came; write {option} NAME=VALUE")
        if name in found:
            raise DomainError("option", f"{option} {name} came twice")
        found[name] = value
    return found


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DomainError("file_unreadable", f"{path.name} cannot be read: {error.strerror}") from error
