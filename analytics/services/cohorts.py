"""Cohorts come in as tables; every row that was not taken is kept with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db import transaction

from analytics.compute.cohort_table import CohortRow, CohortTable, parse_cohort_table
from analytics.models import Cohort, CohortSubject
from gliomon.common.errors import Conflict, DomainError, PermissionRefused
from patients.models import AuditAction, User
from patients.permissions import may
from patients.services.audit import audit_write

# Key of `Cohort.mapping` that lists the fields known only after time zero; field names cannot hold a blank.
KNOWN_LATER = "known later"


@transaction.atomic
def cohort_import(
    *,
    name: str,
    data: bytes,
    source_name: str,
    mapping: dict[str, str],
    basis: str,
    by: User,
    time_unit: str = "days",
    is_virtual: bool = False,
    known_later: Sequence[str] = (),
) -> tuple[Cohort, CohortTable]:
    """Store a table as a cohort. The same file with the same mapping under the same name is a no-op.

    `known_later` names the fields that happen after time zero: they may never group a survival curve.
    """
    if not may(by, "cohort.import"):
        raise PermissionRefused("not_allowed", "your role may not import cohorts")
    _check_words(name, basis)
    unmapped = sorted(set(known_later) - set(mapping))
    if unmapped:
        raise DomainError("mapping", f"{unmapped} marked as known later, but no column is mapped to it")
    table = parse_cohort_table(data, mapping, time_unit=time_unit)
    stored = dict(mapping) | ({KNOWN_LATER: sorted(known_later)} if known_later else {})
    digest = hashlib.sha256(data).hexdigest()
    existing = Cohort.objects.filter(name=name).first()
    if existing is not None:
        if existing.source_sha256 == digest and existing.mapping == stored:
            return existing, table
        raise Conflict("cohort_name_taken", f"there is a cohort {name} from other data; choose another name")
    cohort = Cohort.objects.create(
        name=name,
        basis=basis.strip(),
        is_virtual=is_virtual,
        source_name=source_name[:200],
        source_sha256=digest,
        mapping=stored,
        rejected=[
            {"line": error.line, "column": error.column, "code": error.code, "reason": error.message}
            for error in table.errors
        ],
        imported_by=by,
    )
    CohortSubject.objects.bulk_create((_subject(cohort, row) for row in table.rows), batch_size=2000)
    audit_write(
        actor=by,
        action=AuditAction.CREATE,
        what="cohort",
        object_id=cohort.pk,
        detail={"taken": len(table.rows), "rejected": len(table.errors)},
    )
    return cohort, table


def _check_words(name: str, basis: str) -> None:
    if not 0 < len(name.strip()) <= 80:
        raise DomainError("cohort_name", "a cohort needs a name of 1 to 80 characters")
    if not 0 < len(basis.strip()) <= 300:
        raise DomainError(
            "basis_missing",
            "say in at most 300 characters on which basis (consent, open data, ...) the cohort may be used",
        )


def _subject(cohort: Cohort, row: CohortRow) -> CohortSubject:
    ours = {"diagnosis": row.diagnosis, "grade_cns5": row.grade} if row.diagnosis else {}
    entry = {"entry_days": row.entry_days} if row.entry_days is not None else {}
    return CohortSubject(
        cohort=cohort,
        subject=row.subject,
        time_days=row.time_days,
        event=row.event,
        fields={**row.fields, **ours, **entry},
        source_diagnosis=row.source_diagnosis or "",
    )
