"""The row is the truth: claimed once, given back when a worker dies, never done twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import AssessmentRun
from gliomon.common import runs
from gliomon.common.errors import DomainError, RetriableError
from gliomon.common.runs import LostLease, RunState
from tests.factories import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> AssessmentRun:
    return AssessmentRun.objects.create(
        patient=people.patient(people.team()), effect_key="cause 1", cause="cause 1"
    )


@pytest.fixture(autouse=True)
def _lease_thread_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The renewing thread has its own connection, which cannot see this test's transaction."""
    monkeypatch.setattr(runs, "_renew", lambda run, stop: None)


def state(run: AssessmentRun) -> AssessmentRun:
    return AssessmentRun.objects.get(pk=run.pk)


def age(run: AssessmentRun, **values: Any) -> None:
    AssessmentRun.objects.filter(pk=run.pk).update(**values)


def test_only_one_worker_claims(run: AssessmentRun) -> None:
    first = runs.claim(AssessmentRun, str(run.pk))
    assert first is not None
    assert first.attempts == 1
    assert runs.claim(AssessmentRun, str(run.pk)) is None


def test_a_run_whose_worker_died_is_claimed_again_after_its_lease(run: AssessmentRun) -> None:
    dead = runs.claim(AssessmentRun, str(run.pk))
    age(run, claimed_until=timezone.now() - dt.timedelta(seconds=1))
    second = runs.claim(AssessmentRun, str(run.pk))
    assert second is not None
    assert second.attempts == 2
    with pytest.raises(LostLease):
        runs.hold(dead)
    runs.hold(second)


def test_a_worker_taken_for_dead_cannot_finish_the_run(run: AssessmentRun) -> None:
    def slow(claimed: AssessmentRun) -> None:
        age(run, claimed_until=timezone.now() - dt.timedelta(seconds=1))
        assert runs.claim(AssessmentRun, str(run.pk)) is not None

    runs.work(AssessmentRun, str(run.pk), slow)
    assert state(run).state == RunState.RUNNING


def test_work_delivered_twice_is_done_once(run: AssessmentRun) -> None:
    done = []
    for _ in range(2):
        runs.work(AssessmentRun, str(run.pk), done.append)
    assert len(done) == 1
    assert state(run).state == RunState.DONE


def test_a_domain_error_fails_the_run_with_its_reason(run: AssessmentRun) -> None:
    def refuse(claimed: AssessmentRun) -> None:
        raise DomainError("no_bolus", "the series has no bolus")

    runs.work(AssessmentRun, str(run.pk), refuse)
    assert (state(run).state, state(run).error_code) == (RunState.FAILED, "no_bolus")
    assert state(run).error == "the series has no bolus"


def test_an_unexpected_error_never_puts_its_text_into_the_row_or_the_log(
    run: AssessmentRun, caplog: pytest.LogCaptureFixture
) -> None:
    name = "ZZ" + "CANARY"

    def burst(claimed: AssessmentRun) -> None:
        raise ValueError(name)

    runs.work(AssessmentRun, str(run.pk), burst)
    assert state(run).state == RunState.FAILED
    assert "ZZCANARY" not in state(run).error + caplog.text
    assert "burst" in caplog.text


def test_a_retriable_error_waits_and_parks_after_five_attempts(run: AssessmentRun) -> None:
    def unavailable(claimed: AssessmentRun) -> None:
        raise RetriableError("pacs_away", "the archive does not answer")

    for attempt in range(1, 6):
        age(run, not_before=None)
        runs.work(AssessmentRun, str(run.pk), unavailable)
        assert state(run).attempts == attempt
    assert state(run).state == RunState.PARKED
    assert runs.claim(AssessmentRun, str(run.pk)) is None


def test_a_waiting_retry_is_not_claimed_before_its_time(run: AssessmentRun) -> None:
    age(run, not_before=timezone.now() + dt.timedelta(minutes=1))
    assert runs.claim(AssessmentRun, str(run.pk)) is None


def test_the_sweep_hints_forgotten_runs_again_and_parks_poison(
    run: AssessmentRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinted: list[str] = []
    monkeypatch.setattr(runs, "_hint", lambda found: hinted.append(str(found.pk)))
    runs.sweep()
    assert hinted == [str(run.pk)]

    age(run, hinted_at=timezone.now())
    runs.sweep()
    assert len(hinted) == 1

    age(
        run,
        state=RunState.RUNNING,
        attempts=5,
        hinted_at=None,
        claimed_until=timezone.now() - dt.timedelta(seconds=1),
    )
    runs.sweep()
    assert (state(run).state, state(run).error_code) == (RunState.PARKED, "parked")


def test_a_dead_broker_does_not_stop_the_writer(
    run: AssessmentRun, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from gliomon.celery import app

    asked: list[str] = []

    def refuse(name: str, **kwargs: Any) -> None:
        asked.append(name)
        raise OSError("connection refused")

    monkeypatch.setattr(app, "send_task", refuse)
    monkeypatch.setattr(runs._Broker, "asked_again_at", 0.0)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        for _ in range(3):
            runs.enqueue(run)
    assert len(callbacks) == 3
    assert asked == ["analytics.assess_patient"], "finding the broker dead is paid once, not for every write"
    assert state(run).state == RunState.QUEUED

    monkeypatch.setattr(runs._Broker, "asked_again_at", 0.0)
    runs.sweep()
    assert len(asked) == 1, "a hint that was just sent is not sent again"
    age(run, hinted_at=None)
    runs.sweep()
    assert len(asked) == 2


def test_a_person_can_have_a_failed_run_done_again(run: AssessmentRun) -> None:
    age(run, state=RunState.FAILED, attempts=5, error="x", error_code="y")
    assert runs.retry(state(run))
    assert (state(run).state, state(run).attempts, state(run).error) == (RunState.QUEUED, 0, "")
    assert not runs.retry(state(run))


def test_the_same_cause_makes_one_run() -> None:
    from analytics.services.assessments import assessment_request

    patient = people.patient(people.team())
    first = assessment_request(patient_id=patient.pk, cause="measurements 1")
    again = assessment_request(patient_id=patient.pk, cause="measurements 1")
    other = assessment_request(patient_id=patient.pk, cause="measurements 2")
    assert first == again != other
