"""Are these scans this patient's? What the files say is compared with the record before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable

from imaging.compute.dicom.header import InstanceHeader
from imaging.models import Instance
from patients.models import Patient, Sex
from patients.selectors import identity_of

_SEX = {"M": Sex.MALE, "F": Sex.FEMALE}


def disagreements(patient: Patient, headers: Iterable[InstanceHeader]) -> dict[str, str]:
    """What in the files contradicts the record, by code; silent where either side does not say.

    The sentences name the field, never a value: they go to error pages and audit rows.
    """
    headers = list(headers)
    found = {
        "sex": (_sex_differs(patient, headers), "the files state another sex"),
        "birth_date": (_birth_differs(patient, headers), "the files state another date of birth"),
        "patient_id": (
            _id_is_new(patient, headers),
            "the files carry another patient ID than this patient's earlier scans",
        ),
    }
    return {code: sentence for code, (differs, sentence) in found.items() if differs}


def _sex_differs(patient: Patient, headers: list[InstanceHeader]) -> bool:
    stated = {_SEX[header.sex] for header in headers if header.sex in _SEX}
    return patient.sex in _SEX.values() and bool(stated - {patient.sex})


def _birth_differs(patient: Patient, headers: list[InstanceHeader]) -> bool:
    """The whole date where the identity has one, else the year."""
    stated = {header.birth_date for header in headers if len(header.birth_date) == 8}
    identity = identity_of(patient)
    if identity is not None and identity.birth_date is not None:
        return bool(stated - {f"{identity.birth_date:%Y%m%d}"})
    years = {date[:4] for date in stated}
    return patient.birth_year is not None and bool(years - {str(patient.birth_year)})


def _id_is_new(patient: Patient, headers: list[InstanceHeader]) -> bool:
    stored = Instance.objects.filter(series__study__timepoint__patient=patient)
    known = {str(value).strip() for value in stored.values_list("header__patient_id", flat=True).distinct()}
    stated = {header.patient_id.strip() for header in headers}
    return bool(known - {"", "None"}) and bool(stated - known - {""})
