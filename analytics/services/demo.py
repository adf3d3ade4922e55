"""The demo: accounts, virtual patients with their stories, and a virtual cohort.

Everything goes through the same services as a real clinic's data: records as backfilled history, scans as DICOM.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.compute.stories import STORIES, story_of
from analytics.compute.stories_shape import Specimen as StorySpecimen
from analytics.compute.stories_shape import Story, StoryEvent
from analytics.models import DemoVisitRun
from analytics.services.cohorts import cohort_import
from gliomon.common import runs
from gliomon.common.errors import DomainError
from imaging.services.intake import study_import
from patients.models import CareTeam, Patient, Role, Sex, Site, User
from patients.services import liquid_biopsy, people
from patients.services.records import record_add

SITE_CODE = "demo"
COHORT_NAME = "virtual-gliomas"
COHORT_SIZE = 400
COHORT_SEED = 2026
# The newest event of each story lies this long before the day on which the demo is loaded.
_DAYS_AGO = 2

ACCOUNTS: tuple[tuple[str, Role, str], ...] = (
    ("clinician", Role.CLINICIAN, "Clara Clinician"),
    ("radiologist", Role.RADIOLOGIST, "Rafael Radiologist"),
    ("nurse", Role.NURSE, "Nora Nurse"),
    ("nurse2", Role.NURSE, "Niels Nurse"),
    ("datamanager", Role.DATA_MANAGER, "Dana Manager"),
    ("researcher", Role.RESEARCHER, "Robin Researcher"),
    ("admin", Role.ADMIN, "Alex Admin"),
)


@dataclasses.dataclass(frozen=True)
class DemoAccount:
    """An account with its password, which is shown once and stored nowhere."""

    username: str
    role: str
    password: str


def demo_is_loaded() -> bool:
    """Whether this database holds the demo."""
    return Site.objects.filter(code=SITE_CODE).exists()


@transaction.atomic
def demo_load() -> list[DemoAccount]:
    """Create the demo in one transaction; the scans are rendered by the worker afterwards."""
    if not settings.DEMO:
        raise DomainError("not_a_demo", "the demo is only loaded into a demo data directory (GLIOMON_DEMO=1)")
    site = people.site_create(code=SITE_CODE, name="Demo hospital")
    team = people.care_team_create(site=site, name="Neuro-oncology")
    system = people.system_user()
    accounts = [_account(name, role, full_name, site, team, system) for name, role, full_name in ACCOUNTS]
    clinic = _Clinic(team, system, _user("nurse"), _user("nurse2"))
    today = timezone.localdate()
    for story in STORIES:
        _patient(story, clinic, today)
    _cohort(system)
    _ask_for_scan(STORIES[0], 0, today)
    return accounts


@dataclasses.dataclass(frozen=True)
class _Clinic:
    team: CareTeam
    system: User
    nurse: User
    second_nurse: User


def _user(username: str) -> User:
    return User.objects.get(username=username)


def _account(
    username: str, role: Role, full_name: str, site: Site, team: CareTeam, system: User
) -> DemoAccount:
    teams = (team,) if role in (Role.CLINICIAN, Role.RADIOLOGIST, Role.NURSE) else ()
    _, password = people.user_create(
        username=username, role=role, site=site, by=system, full_name=full_name, teams=teams
    )
    return DemoAccount(username, role.label, password)


def _day_zero(story: Story, loaded_on: dt.date) -> dt.date:
    return loaded_on - dt.timedelta(days=story.last_day + _DAYS_AGO)


def _patient(story: Story, clinic: _Clinic, loaded_on: dt.date) -> Patient:
    patient = people.patient_create(
        key=story.key,
        care_team=clinic.team,
        by=clinic.system,
        sex={"F": Sex.FEMALE, "M": Sex.MALE}[story.sex],
        birth_year=story.birth_year,
        is_virtual=True,
    )
    zero = _day_zero(story, loaded_on)
    for event in story.events:
        _record(event, patient, zero, clinic.system)
    for specimen in story.specimens:
        _specimen(specimen, patient, zero, clinic)
    return patient


def _record(event: StoryEvent, patient: Patient, zero: dt.date, system: User) -> None:
    values = _exact(event.values())
    if "ended_day" in values:
        ended = values.pop("ended_day")
        values["ended_on"] = None if ended is None else zero + dt.timedelta(days=ended)
    record_add(
        slug=event.kind,
        patient=patient,
        by=system,
        occurred_on=zero + dt.timedelta(days=event.day),
        known_at=_noon(zero + dt.timedelta(days=event.known_day)),
        **values,
    )


def _exact(values: dict[str, Any]) -> dict[str, Any]:
    """Floats as the decimals they are written as."""
    return {
        name: Decimal(str(value)) if isinstance(value, float) else value for name, value in values.items()
    }


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC)


def _specimen(tube: StorySpecimen, patient: Patient, zero: dt.date, clinic: _Clinic) -> None:
    midnight = dt.datetime.combine(zero + dt.timedelta(days=tube.day), dt.time(0), tzinfo=dt.UTC)
    collected = midnight + dt.timedelta(hours=tube.collected_hour)
    specimen = liquid_biopsy.specimen_add(
        patient=patient,
        by=clinic.nurse,
        collected_at=collected,
        known_at=collected,
        fluid=tube.fluid,
        tube=tube.tube,
        spun_at=collected + dt.timedelta(hours=tube.spun_after_hours),
        received_at=collected + dt.timedelta(hours=tube.received_after_hours),
        volume_ml=Decimal(str(tube.volume_ml)),
        cfdna_ng_per_ml=Decimal(str(tube.cfdna_ng_per_ml)),
        laboratory=tube.laboratory,
    )
    for result in tube.results:
        values = _exact(dataclasses.asdict(result))
        for name in ("reported_day", "verified_day"):
            values.pop(name)
        reported = zero + dt.timedelta(days=result.reported_day)
        stored = liquid_biopsy.result_submit(
            specimen=specimen, by=clinic.nurse, known_at=_noon(reported), reported_on=reported, **values
        )
        if result.verified_day is not None:
            liquid_biopsy.result_verify(result=stored, by=clinic.second_nurse)


def _cohort(system: User) -> None:
    from analytics.compute.virtual_cohort import virtual_cohort

    frame = virtual_cohort(COHORT_SIZE, seed=COHORT_SEED)
    own = {"subject": "id", "time_days": "time", "event": "event"}
    mapping = {own.get(column, column): column for column in frame.columns}
    # Our own diagnosis stands in the field of that name; the source's label would repeat it.
    mapping["cns5"] = mapping.pop("diagnosis")
    cohort_import(
        name=COHORT_NAME,
        data=frame.to_csv(index=False).encode(),
        source_name=f"simulated by gliomon, seed {COHORT_SEED}",
        mapping=mapping,
        basis="Simulated patients; no person is behind them",
        by=system,
        is_virtual=True,
    )


def _ask_for_scan(story: Story, visit: int, loaded_on: dt.date) -> None:
    run, created = DemoVisitRun.objects.get_or_create(
        effect_key=f"{story.key}:{visit}",
        defaults={
            "patient": Patient.objects.get(key=story.key),
            "story_key": story.key,
            "visit": visit,
            "loaded_on": loaded_on,
        },
    )
    if created:
        runs.enqueue(run)


def demo_visit_render(run: DemoVisitRun) -> None:
    """Render the visit's series to DICOM, take them in, and ask for the visit after it."""
    story = story_of(run.story_key)
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        _write_scans(story, run.visit, run.loaded_on, Path(folder))
        with transaction.atomic():
            runs.hold(run)
            study_import(patient=run.patient, paths=[Path(folder)], by=people.system_user(), backfilled=True)
            _ask_for_next(story, run)


def _write_scans(story: Story, number: int, loaded_on: dt.date, folder: Path) -> None:
    from imaging.compute.phantoms.anatomy import build_head
    from imaging.compute.phantoms.dicom_writer import write_dicom
    from imaging.compute.phantoms.profiles import FULL
    from imaging.compute.phantoms.render import render_timepoint

    visit = story.visits[number]
    head = build_head(seed=story.head_seed, spacing_mm=FULL.head_spacing_mm)
    seed = story.visit_seed(visit)
    rendered = render_timepoint(head, visit.state, profile=FULL, seed=seed, kinds=visit.kinds)
    write_dicom(
        rendered,
        folder,
        patient_key=story.key,
        study_date=_day_zero(story, loaded_on) + dt.timedelta(days=visit.day),
        seed=seed,
        sex=story.sex,
        birth_year=story.birth_year,
    )


def _ask_for_next(story: Story, run: DemoVisitRun) -> None:
    """The next visit of the story, or the first of the next story."""
    if run.visit + 1 < len(story.visits):
        _ask_for_scan(story, run.visit + 1, run.loaded_on)
        return
    later = STORIES[[known.key for known in STORIES].index(story.key) + 1 :]
    if later:
        _ask_for_scan(later[0], 0, run.loaded_on)
