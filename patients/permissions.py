"""The table of who may do what. Scope (which patients) is `patients.selectors.patients_visible_to`."""

from __future__ import annotations

from patients.models.people import Role, User

CLINICIAN, RADIOLOGIST, NURSE = Role.CLINICIAN, Role.RADIOLOGIST, Role.NURSE
DATA_MANAGER, RESEARCHER, ADMIN, SYSTEM = Role.DATA_MANAGER, Role.RESEARCHER, Role.ADMIN, Role.SYSTEM

CLINICAL = frozenset({CLINICIAN, RADIOLOGIST, NURSE, DATA_MANAGER})

# action -> roles. An action that is not here is refused to everybody.
ACTIONS: dict[str, frozenset[Role]] = {
    "patient.list": CLINICAL,
    "patient.view": CLINICAL,
    "patient.create": frozenset({NURSE, DATA_MANAGER, SYSTEM}),
    "identity.view": CLINICAL,
    "record.write": frozenset({CLINICIAN, DATA_MANAGER, SYSTEM}),
    "clinical_status.write": frozenset({CLINICIAN, NURSE, DATA_MANAGER, SYSTEM}),
    "steroid.write": frozenset({CLINICIAN, NURSE, DATA_MANAGER, SYSTEM}),
    "radiology_read.write": frozenset({CLINICIAN, RADIOLOGIST, SYSTEM}),
    "ctdna.write": frozenset({NURSE, SYSTEM}),
    "ctdna.verify": frozenset({NURSE, CLINICIAN, SYSTEM}),
    "study.view": CLINICAL,
    "study.import": frozenset({RADIOLOGIST, DATA_MANAGER, SYSTEM}),
    "study.annotate": frozenset({RADIOLOGIST, DATA_MANAGER, SYSTEM}),
    "run.retry": frozenset({RADIOLOGIST, DATA_MANAGER, SYSTEM}),
    "alert.view": CLINICAL,
    "alert.acknowledge": frozenset({CLINICIAN}),
    "cohort.view": frozenset({CLINICIAN, RADIOLOGIST, DATA_MANAGER, RESEARCHER, SYSTEM}),
    "cohort.import": frozenset({DATA_MANAGER, SYSTEM}),
    "demo.load": frozenset({SYSTEM}),
    "user.create": frozenset({SYSTEM}),
}


def may(user: User, action: str) -> bool:
    """Whether the user's role allows the action at all; which patients is a question of scope."""
    return user.is_active and user.role in ACTIONS.get(action, frozenset())
