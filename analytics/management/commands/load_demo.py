"""`manage.py load_demo`: accounts, virtual patients and a virtual cohort, in a demo data directory only."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from analytics.services.demo import demo_is_loaded, demo_load
from patients.command import PatientCommand


class Command(PatientCommand):
    help = "Load the demo. Prints its accounts with random passwords, once."
    action = "demo.load"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing where the demo is loaded already"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.acting_user(options)
        if options["if_empty"] and demo_is_loaded():
            return
        for account in demo_load():
            self.stdout.write(f"{account.username:<12} {account.password}   ({account.role})")
