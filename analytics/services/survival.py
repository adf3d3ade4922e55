"""Survival of a cohort as screens and commands ask for it: who may, which fields may group, who looked."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analytics import selectors
from analytics.compute.cohort_values import is_missing
from analytics.compute.immortal_time import BASELINE, LATER, FieldMeta
from analytics.compute.strata import MAX_LEVELS, MIN_GROUP, REQUIRED_COLUMNS
from analytics.compute.survival import SurvivalAnalysis, analyse_survival, summary_of
from analytics.models import Cohort
from analytics.services.cohorts import KNOWN_LATER
from gliomon.common.errors import DomainError, PermissionRefused
from patients.models import AuditAction, User
from patients.permissions import may
from patients.services.audit import audit_write

BASELINE_ASSUMPTION = (
    "Fields of the table are taken as known at time zero, unless the import marked them as known later."
)
FIELD_LABELS = {
    "idh": "IDH",
    "mgmt": "MGMT promoter",
    "codel_1p19q": "1p/19q",
    "diagnosis": "diagnosis (WHO CNS5, by gliomon)",
    "grade_cns5": "grade (WHO CNS5, by gliomon)",
    "cns5": "diagnosis (WHO CNS5)",
    "source_diagnosis": "diagnosis of the source",
    "cohort": "source cohort",
}
# What happens after time zero by its nature, whatever the import says of it.
_ALWAYS_LATER = frozenset(
    {"pfs_days", "pfs_event", "progression", "progressed", "best_response", "second_line", "bevacizumab"}
)
_NOT_A_GROUP = frozenset({*REQUIRED_COLUMNS, "entry_days", "virtual"})


@dataclasses.dataclass(frozen=True)
class CohortFacts:
    """What stands beside every number of a cohort."""

    name: str
    is_virtual: bool
    basis: str
    source_name: str
    source_sha256: str
    imported_at: dt.datetime
    time_column: str
    subjects: int
    rejected: int


@dataclasses.dataclass(frozen=True)
class CohortField:
    """A field that may filter, and whether it may also group; values that fewer than five patients have are not named."""

    name: str
    label: str
    values: tuple[str, ...]
    may_group: bool


@dataclasses.dataclass(frozen=True)
class OpenCohort:
    """A cohort that a user may see, read once: its facts, what one can ask of it, and its rows."""

    facts: CohortFacts
    fields: tuple[CohortField, ...]
    later_fields: tuple[str, ...]
    row_id: int
    frame: pd.DataFrame
    metas: Mapping[str, FieldMeta]


@dataclasses.dataclass(frozen=True)
class SurvivalAnswer:
    """A cohort, what one can ask of it, and the answer."""

    cohort: CohortFacts
    fields: tuple[CohortField, ...]
    later_fields: tuple[str, ...]
    analysis: SurvivalAnalysis


def cohort_names(*, user: User) -> list[tuple[str, bool]]:
    """Name of each cohort that the user may see, and whether it is simulated."""
    _refuse_unless_may_view(user)
    return [(cohort.name, cohort.is_virtual) for cohort in selectors.cohorts()]


def cohort_open(*, user: User, name: str) -> OpenCohort:
    """Read a cohort for as many questions as one screen asks."""
    _refuse_unless_may_view(user)
    cohort = selectors.cohort_named(name)
    frame = _frame(cohort)
    metas = _metas(cohort, frame)
    return OpenCohort(
        facts=_facts(cohort, len(frame)),
        fields=_choices(frame, metas),
        later_fields=tuple(sorted(name for name, meta in metas.items() if meta.known_at == LATER)),
        row_id=cohort.pk,
        frame=frame,
        metas=metas,
    )


def survival_of(
    *,
    user: User,
    cohort: OpenCohort,
    by: str | None = None,
    where: Mapping[str, str] | None = None,
    reference: str | None = None,
    check_ph: bool = True,
    request_id: str = "",
) -> SurvivalAnswer:
    """Analyse the survival of a cohort, and write that `user` looked."""
    _refuse_unless_may_view(user)
    found = analyse_survival(
        cohort.frame,
        by=by,
        where=where,
        reference=reference,
        fields=_described(cohort.metas, by, where),
        check_ph=check_ph,
    )
    audit_write(
        actor=user,
        action=AuditAction.VIEW,
        what="survival",
        object_id=cohort.row_id,
        request_id=request_id,
        detail={"groups": len(found.groups), "n": sum(group.curve.n for group in found.groups)},
    )
    return SurvivalAnswer(cohort.facts, cohort.fields, cohort.later_fields, found)


def survival_summary_of(
    *, user: User, name: str, by: str | None = None, where: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON-ready summary: groups, logrank, cox, excluded."""
    cohort = cohort_open(user=user, name=name)
    return summary_of(survival_of(user=user, cohort=cohort, by=by, where=where, check_ph=False).analysis)


def _refuse_unless_may_view(user: User) -> None:
    if not may(user, "cohort.view"):
        raise PermissionRefused("not_allowed", "your role may not look at cohorts")


def _frame(cohort: Cohort) -> pd.DataFrame:
    rows = selectors.cohort_rows(cohort)
    if not rows:
        raise DomainError("cohort_empty", f"the cohort {cohort.name} has no subjects")
    return pd.DataFrame(rows)


def _metas(cohort: Cohort, frame: pd.DataFrame) -> dict[str, FieldMeta]:
    """When each field is known, by name."""
    later = _ALWAYS_LATER | set(cohort.mapping.get(KNOWN_LATER, ()))
    return {
        str(name): FieldMeta(
            name=str(name),
            known_at=LATER if name in later else BASELINE,
            label=FIELD_LABELS.get(str(name), str(name)),
        )
        for name in frame.columns
        if name not in _NOT_A_GROUP
    }


def _described(
    metas: Mapping[str, FieldMeta], by: str | None, where: Mapping[str, str] | None
) -> dict[str, FieldMeta]:
    """The metas, with unknown names let through, so that the arithmetic can say which fields there are."""
    asked = [*(where or {}), *([by] if by is not None else [])]
    return {name: FieldMeta(name=name, known_at=BASELINE) for name in asked} | dict(metas)


def _facts(cohort: Cohort, subjects: int) -> CohortFacts:
    return CohortFacts(
        name=cohort.name,
        is_virtual=cohort.is_virtual,
        basis=cohort.basis,
        source_name=cohort.source_name,
        source_sha256=cohort.source_sha256,
        imported_at=cohort.imported_at,
        time_column=cohort.mapping.get("time", "time"),
        subjects=subjects,
        rejected=len(cohort.rejected),
    )


def _choices(frame: pd.DataFrame, metas: dict[str, FieldMeta]) -> tuple[CohortField, ...]:
    """The fields that one may filter by, those of the tumour's classification first."""
    order = list(FIELD_LABELS)
    names = sorted(
        (name for name, meta in metas.items() if meta.known_at == BASELINE),
        key=lambda name: (order.index(name) if name in order else len(order), name),
    )
    fields = [_choice(name, metas[name].label, frame[name]) for name in names]
    return tuple(field for field in fields if field.values)


def _choice(name: str, label: str, column: pd.Series) -> CohortField:
    sizes: Counter[str] = Counter()
    for value, size in column.value_counts().items():
        if not is_missing(value):
            sizes[_value_words(value)] += int(size)
    values = tuple(sorted(value for value, size in sizes.items() if size >= MIN_GROUP))
    listed = values if len(sizes) <= MAX_LEVELS else ()
    return CohortField(name, label, listed, may_group=2 <= len(sizes) <= MAX_LEVELS)


def _value_words(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
