"""CNS5 types from a table's markers: the rules of the science sheet, 10.3."""

import pytest

from analytics.compute.cns5 import ASTROCYTOMA, GLIOBLASTOMA, OLIGODENDROGLIOMA, cns5, grade_number


@pytest.mark.parametrize(
    ("idh", "codel", "grade", "source", "diagnosis", "our_grade"),
    [
        ("WT", None, "G4", "glioblastoma", GLIOBLASTOMA, 4),
        ("Mutant", "non-codel", "G4", "glioblastoma", ASTROCYTOMA, 4),
        ("Mutant", "codel", "G2", "oligodendroglioma", OLIGODENDROGLIOMA, 2),
        ("mutant", "codel", "G4", "glioblastoma", OLIGODENDROGLIOMA, None),
        ("Mutant", "non-codel", "G1", None, ASTROCYTOMA, None),
        ("WT", "non-codel", "G2", "astrocytoma", None, None),
        ("Mutant", None, "G3", "astrocytoma", None, None),
        (None, "codel", "G3", "oligodendroglioma", None, None),
    ],
)
def test_types(idh, codel, grade, source, diagnosis, our_grade):
    found = cns5(idh, codel, grade, source)
    assert (found.diagnosis, found.grade) == (diagnosis, our_grade)
    assert bool(found.reason) == (diagnosis is None)


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("G3", 3),
        ("WHO grade II", 2),
        ("4", 4),
        ("CNS grade 4", 4),
        ("iv", 4),
        ("5", None),
        ("high", None),
        (None, None),
    ],
)
def test_grades(text, grade):
    assert grade_number(text) == grade
