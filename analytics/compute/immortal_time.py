"""The guard against immortal time: no group may be defined by what happened after time zero.

Whoever is to be in such a group must first survive until the group's defining event, which makes the group look
better than it is (Suissa, Am J Epidemiol 2008;167:492, doi 10.1093/aje/kwm324). In the TCGA glioblastoma cohort
"bevacizumab ever vs never" has a hazard ratio of 0.76 as a plain group and of 1.57 as a time-varying covariate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from gliomon.common.errors import DomainError

BASELINE = "baseline"
LATER = "later"


@dataclasses.dataclass(frozen=True)
class FieldMeta:
    """When a field of a cohort is known.

    Attributes
    ----------
    name : str
        Column of the cohort's frame.
    known_at : str
        "baseline" (known at time zero: age, tissue markers) or "later" (response, a drug given at recurrence).
    label : str
        Words for the screen; the name where empty.
    """

    name: str
    known_at: str
    label: str = ""


def guard(field_meta: FieldMeta) -> None:
    """Refuse a field that is known only after time zero as a survival group or filter.

    Parameters
    ----------
    field_meta : FieldMeta
        The field by which the curves would be split or the patients chosen.

    Raises
    ------
    DomainError
        `immortal_time`: the field is known later. `unknown_timing`: `known_at` is neither word.

    References
    ----------
    Suissa S. Immortal time bias in pharmaco-epidemiology. Am J Epidemiol 2008;167:492-499. doi 10.1093/aje/kwm324
    """
    shown = field_meta.label or field_meta.name
    if field_meta.known_at == LATER:
        raise DomainError(
            "immortal_time",
            f"{shown} is known only after time zero: patients had to live long enough to enter the group, so its "
            "curve would flatter it; use a landmark or a time-varying model",
        )
    if field_meta.known_at != BASELINE:
        raise DomainError(
            "unknown_timing",
            f'{shown} has known_at "{field_meta.known_at}"; say "baseline" or "later" before it may split a curve',
        )


def guard_all(names: Iterable[str], fields: Mapping[str, FieldMeta] | None) -> None:
    """Apply `guard` to each named field; fields without a description pass only when nothing is described."""
    if fields is None:
        return
    for name in names:
        guard(fields.get(name, FieldMeta(name=name, known_at="not described")))
