"""The WHO CNS5 (2021) type that a table's markers support, or the marker that is missing.

Louis DN et al. Neuro-Oncology 2021;23:1231-1251. doi 10.1093/neuonc/noab106
"""

from __future__ import annotations

import dataclasses
import re

GLIOBLASTOMA = "Glioblastoma, IDH-wildtype"
ASTROCYTOMA = "Astrocytoma, IDH-mutant"
OLIGODENDROGLIOMA = "Oligodendroglioma, IDH-mutant and 1p/19q-codeleted"

_WILDTYPE = {"wt", "wildtype", "wild-type", "wild type", "idhwt", "idh-wildtype", "negative"}
_MUTANT = {"mut", "mutant", "mutated", "idhmut", "idh-mutant", "r132h", "r172k", "positive"}
_CODELETED = {"codel", "codeleted", "co-deleted", "codeletion", "idhmut-codel"}
_INTACT = {"non-codel", "noncodel", "not codeleted", "non-codeleted", "intact", "idhmut-non-codel"}
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}


@dataclasses.dataclass(frozen=True)
class Cns5:
    """A type with its grade, or neither and the reason in words."""

    diagnosis: str | None
    grade: int | None
    reason: str = ""


def cns5(idh: str | None, codel: str | None, grade: str | None, source_label: str | None = None) -> Cns5:
    """Name the adult-type diffuse glioma that the markers support.

    Parameters
    ----------
    idh, codel : str or None
        IDH status and 1p/19q status in a table's own words ("WT", "Mutant", "codel", "non-codel").
    grade : str or None
        "2", "G3", "IV" ...; the histological grade of the source.
    source_label : str or None
        The source's own diagnosis; decides only whether an IDH-wildtype tumour is histologically a glioblastoma.

    Returns
    -------
    Cns5
        IDH-mutant "glioblastoma" of older tables becomes astrocytoma, IDH-mutant, grade 4. An IDH-wildtype tumour
        that is not histologically a glioblastoma stays unnamed: TERT, EGFR and +7/-10 would decide.
    """
    number = grade_number(grade)
    status = _status(idh, _MUTANT, _WILDTYPE)
    if status is None:
        return Cns5(None, None, "IDH status not known")
    if not status:
        return _wildtype(number, source_label)
    codeleted = _status(codel, _CODELETED, _INTACT)
    if codeleted is None:
        return Cns5(None, None, "1p/19q status not known")
    if not codeleted:
        return Cns5(ASTROCYTOMA, number if number in (2, 3, 4) else None)
    return Cns5(OLIGODENDROGLIOMA, number if number in (2, 3) else None)


def grade_number(text: str | None) -> int | None:
    """Read a grade 1-4 from "3", "G3", "grade III" ...; None for anything else."""
    if text is None:
        return None
    word = re.sub(r"^(who\s+)?(cns\s+)?(grade|g)?\s*", "", text.strip().casefold())
    if word in _ROMAN:
        return _ROMAN[word]
    return int(word) if word in ("1", "2", "3", "4") else None


def _wildtype(grade: int | None, source_label: str | None) -> Cns5:
    if grade == 4 or "glioblastoma" in (source_label or "").casefold():
        return Cns5(GLIOBLASTOMA, 4)
    return Cns5(None, None, "IDH-wildtype without glioblastoma histology: TERT, EGFR and +7/-10 not known")


def _status(text: str | None, yes: set[str], no: set[str]) -> bool | None:
    word = (text or "").strip().casefold()
    return True if word in yes else False if word in no else None
