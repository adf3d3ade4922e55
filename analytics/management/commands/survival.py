"""manage.py survival: Kaplan-Meier, log-rank and hazard ratios of a cohort."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from analytics.management.commands.import_cohort import pairs
from analytics.services.survival import survival_summary_of
from patients.command import PatientCommand


class Command(PatientCommand):
    help = "Survival of a cohort, by the values of a field; times in days."
    action: ClassVar[str | None] = "cohort.view"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--cohort", required=True)
        parser.add_argument(
            "--where", action="append", default=[], metavar="FIELD=VALUE", help="population; may be repeated"
        )
        parser.add_argument("--by", metavar="FIELD", help="field that makes the groups; default: one group")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = survival_summary_of(
            user=self.acting_user(options),
            name=options["cohort"],
            by=options["by"],
            where=pairs(options["where"], "--where"),
        )
        self.stdout.write(json.dumps(found, allow_nan=False) if options["json"] else _as_text(found))


def _as_text(found: dict[str, Any]) -> str:
    lines = [
        f"{group['label']}: n {group['n']}, events {group['events']}, median {_days(group['median'])} "
        f"({_days(group['ci_low'])} to {_days(group['ci_high'])}) days"
        for group in found["groups"]
    ]
    if found["logrank"]["p"] is not None:
        lines.append("log-rank chi2 {chi2:.2f}, df {df}, p {p:.3g}".format(**found["logrank"]))
    lines += [_hazard(row) for row in found["cox"]]
    lines += [f"excluded, {reason}: {count}" for reason, count in found["excluded"].items()]
    return "\n".join(lines)


def _days(value: float | None) -> str:
    return "NR" if value is None else f"{value:g}"


def _hazard(row: dict[str, Any]) -> str:
    if row["hr"] is None:
        return f"hazard ratio {row['level']} against {row['reference']}: not estimable"
    return "hazard ratio {level} against {reference}: {hr:.2f} ({ci_low:.2f} to {ci_high:.2f})".format(**row)
