"""The bitemporal base of clinical records: when it happened, and when gliomon learned it.

Nothing is updated or deleted. A correction is a new row that supersedes the old one with a reason; a retraction
is such a row marked `entered_in_error`. So any day can be asked again what was known then.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Literal, Self

import pgtrigger
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from gliomon.common.append_only import AppendOnly
from gliomon.common.errors import Conflict, DomainError

Knowledge = Literal["gliomon", "clinic"]

_STAMP = """
    NEW.recorded_at = clock_timestamp();
    IF NOT NEW.backfilled THEN
        NEW.known_at = NEW.recorded_at;
    ELSIF NEW.known_at > NEW.recorded_at THEN
        RAISE EXCEPTION 'gliomon: known_at lies in the future' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.supersedes_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM {meta.db_table} prior
        WHERE prior.id = NEW.supersedes_id AND prior.patient_id = NEW.patient_id
    ) THEN
        RAISE EXCEPTION 'gliomon: a record supersedes one of the same patient' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


class RecordQuerySet(models.QuerySet[Any]):
    """Readers over time; every other filter composes with them."""

    def current(self) -> Self:
        """Rows that stand now: not superseded, not retracted."""
        return self.filter(superseded_by__isnull=True, entered_in_error=False)

    def as_of(self, moment: dt.datetime, knowledge: Knowledge = "gliomon") -> Self:
        """Rows that stood at `moment`, as gliomon knew (`recorded_at`) or as the clinic knew (`known_at`)."""
        if moment.tzinfo is None:
            raise DomainError("date_naive", "as_of needs a moment with a time zone")
        column = {"gliomon": "recorded_at", "clinic": "known_at"}[knowledge]
        until = {f"{column}__lte": moment}
        newer = self.model._base_manager.filter(supersedes=models.OuterRef("pk"), **until)
        return self.filter(~models.Exists(newer), entered_in_error=False, **until)


class Record(AppendOnly):
    """A clinical fact about one patient."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="+")
    occurred_on = models.DateField(help_text="When it happened.")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="Set by the database.")
    known_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When the clinic knew it.")
    backfilled = models.BooleanField(default=False, editable=False)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    supersedes = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="superseded_by",
        editable=False,
    )
    reason = models.CharField(max_length=500, blank=True, editable=False, help_text="Why it was corrected.")
    entered_in_error = models.BooleanField(default=False, editable=False)

    objects = RecordQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        abstract = True
        ordering = ["occurred_on", "recorded_at"]
        indexes = [models.Index(fields=["patient", "occurred_on"])]
        constraints = [
            models.CheckConstraint(
                name="%(class)s_correction_has_reason",
                condition=models.Q(supersedes__isnull=True) | ~models.Q(reason=""),
            ),
        ]
        triggers = [
            *AppendOnly.Meta.triggers,
            pgtrigger.Trigger(
                name="stamp",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=pgtrigger.Func(_STAMP),
            ),
        ]

    def supersede(
        self,
        *,
        by: Any,
        reason: str,
        entered_in_error: bool = False,
        check: Callable[[Record], None] | None = None,
        **changes: Any,
    ) -> Self:
        """Write the row that replaces this one; the old row stays and says what was known before.

        `check` may refuse the corrected row. Raises `Conflict` when somebody else has replaced this row already.
        """
        if not reason.strip():
            raise DomainError("reason_missing", "a correction needs a reason")
        values = {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}
        for name in ("id", "recorded_at", "known_at", "backfilled"):
            values.pop(name)
        successor = type(self)(**values)
        for name, value in changes.items():
            setattr(successor, name, value)
        successor.recorded_by = by
        successor.reason = reason.strip()
        successor.entered_in_error = entered_in_error
        successor.supersedes = self
        successor.full_clean(exclude=["supersedes"], validate_unique=False, validate_constraints=False)
        if check is not None and not entered_in_error:
            check(successor)
        return _insert_successor(successor)


def _insert_successor(successor: Any) -> Any:
    try:
        with transaction.atomic():
            successor.save(force_insert=True)
    except IntegrityError as error:
        if type(successor)._base_manager.filter(supersedes=successor.supersedes_id).exists():
            raise Conflict(
                "record_already_corrected",
                "this entry was corrected by somebody else meanwhile; read it again",
            ) from error
        raise
    return successor
