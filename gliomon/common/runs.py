"""Work to do is a row; the broker only hints at it.

A run is written in the transaction of what caused it. Its task is sent by name on commit. A worker *claims* the
row by UPDATE with a lease and a token, and renews the lease while it works. A sweep sends the hint again for rows
that nobody claimed or whose lease ran out. Killing a worker, flushing the broker or delivering twice then loses
nothing and doubles nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from gliomon.common.errors import DomainError, RetriableError

logger = logging.getLogger(__name__)

HINT_REPEAT = dt.timedelta(seconds=30)
BROKER_REST_SECONDS = 10.0


class RunState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    PARKED = "parked", "parked after too many attempts"


class AbstractRun(models.Model):
    """One piece of work. `effect_key` is unique: the same cause never makes two runs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    effect_key = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(null=True, editable=False)
    hinted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=1000, blank=True)

    task_name: ClassVar[str]
    queue: ClassVar[str]

    class Meta:
        abstract = True
        ordering = ["created_at"]
        indexes = [models.Index(fields=["state", "claimed_until"])]


Run = TypeVar("Run", bound=AbstractRun)


def enqueue(run: AbstractRun) -> None:
    """Send the run's task by name once the surrounding transaction has committed."""
    transaction.on_commit(lambda: _hint(run), robust=True)


class _Broker:
    """Whether the broker was just found dead: finding out costs seconds, which a nurse at a form should pay once."""

    asked_again_at = 0.0

    @classmethod
    def is_left_alone(cls) -> bool:
        return time.monotonic() < cls.asked_again_at

    @classmethod
    def leave_alone(cls) -> None:
        cls.asked_again_at = time.monotonic() + BROKER_REST_SECONDS


def _hint(run: AbstractRun) -> None:
    """Tell the broker; if it is down the row stands, and the sweep sends the hint again."""
    if _Broker.is_left_alone():
        return
    type(run)._base_manager.filter(pk=run.pk).update(hinted_at=timezone.now())
    try:
        from gliomon.celery import app

        app.send_task(run.task_name, args=[str(run.pk)], queue=run.queue, retry=False)
    except Exception as error:
        _Broker.leave_alone()
        logger.warning("hint for %s %s not sent: %s", run._meta.label, run.pk, type(error).__name__)


def claim(model: type[Run], run_id: str) -> Run | None:
    """Take the run for this worker, or return None: somebody else got there first, or there is nothing to do."""
    now = timezone.now()
    token = uuid.uuid4()
    taken = (
        model._base_manager.filter(pk=run_id, attempts__lt=settings.RUN_MAX_ATTEMPTS)
        .filter(_claimable(now))
        .update(
            state=RunState.RUNNING,
            claim_token=token,
            claimed_until=now + _lease(),
            attempts=F("attempts") + 1,
            started_at=now,
            finished_at=None,
            error="",
            error_code="",
        )
    )
    return model._base_manager.get(pk=run_id) if taken else None


def _claimable(now: dt.datetime) -> Q:
    queued = Q(state=RunState.QUEUED) & (Q(not_before__isnull=True) | Q(not_before__lte=now))
    return queued | Q(state=RunState.RUNNING, claimed_until__lt=now)


def _lease() -> dt.timedelta:
    return dt.timedelta(seconds=settings.RUN_LEASE_SECONDS)


class LostLease(Exception):
    """Another worker owns the run now; whatever this one still does must have no effect."""


def hold(run: AbstractRun) -> None:
    """Lock the run's row inside a transaction and make sure that this worker still owns it.

    Call it first in every transaction that writes an effect: a worker that was taken for dead then writes nothing.
    """
    owned = type(run)._base_manager.select_for_update().filter(pk=run.pk, claim_token=run.claim_token)
    if not owned.filter(state=RunState.RUNNING).exists():
        raise LostLease(f"{run._meta.label} {run.pk}")


def work(model: type[Run], run_id: str, do: Callable[[Run], None]) -> None:
    """Claim a run and do it; afterwards it is done, failed with a reason, queued again, or somebody else's."""
    run = claim(model, run_id)
    if run is None:
        return
    try:
        with _lease_renewed(run):
            do(run)
        _finish(run, RunState.DONE)
    except LostLease:
        logger.warning("lost the lease of %s %s", run._meta.label, run.pk)
    except RetriableError as error:
        _retry_later(run, error)
    except DomainError as error:
        _finish(run, RunState.FAILED, code=error.code, message=error.message)
    except Exception as error:
        # Only the place and the type are kept: an exception's text may hold what it was parsing.
        logger.error("%s %s failed:\n%s", run._meta.label, run.pk, _frames(error))
        _finish(
            run, RunState.FAILED, code="unexpected", message=f"{type(error).__name__}: see the worker's log"
        )


def _frames(error: Exception) -> str:
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def _finish(run: AbstractRun, state: RunState, *, code: str = "", message: str = "") -> None:
    type(run)._base_manager.filter(pk=run.pk, claim_token=run.claim_token).update(
        state=state,
        finished_at=timezone.now(),
        claimed_until=None,
        claim_token=None,
        error_code=code,
        error=message[:1000],
    )


def _retry_later(run: AbstractRun, error: RetriableError) -> None:
    if run.attempts >= settings.RUN_MAX_ATTEMPTS:
        _finish(run, RunState.PARKED, code=error.code, message=error.message)
        return
    _finish(run, RunState.QUEUED, code=error.code, message=error.message)
    delay = dt.timedelta(seconds=5 * 2**run.attempts)
    type(run)._base_manager.filter(pk=run.pk).update(not_before=timezone.now() + delay)


@contextmanager
def _lease_renewed(run: AbstractRun) -> Iterator[None]:
    """Renew the lease from a thread of its own, so that a long computation keeps it and a killed process loses it."""
    stop = threading.Event()
    thread = threading.Thread(target=_renew, args=(run, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


def _renew(run: AbstractRun, stop: threading.Event) -> None:
    while not stop.wait(settings.RUN_LEASE_SECONDS / 4):
        try:
            type(run)._base_manager.filter(pk=run.pk, claim_token=run.claim_token).update(
                claimed_until=timezone.now() + _lease()
            )
        except Exception:
            logger.warning("lease of %s %s not renewed", run._meta.label, run.pk)
        finally:
            connection.close()


def retry(run: AbstractRun) -> bool:
    """Queue a failed or parked run again, by a person's wish; attempts count from zero."""
    again = (
        type(run)
        ._base_manager.filter(pk=run.pk, state__in=[RunState.FAILED, RunState.PARKED])
        .update(state=RunState.QUEUED, attempts=0, not_before=None, finished_at=None, error="", error_code="")
    )
    if again:
        enqueue(run)
    return bool(again)


def sweep() -> int:
    """Send hints again for runs that nobody works on; park those that were tried too often. Returns the hints."""
    return sum(_sweep_model(model) for model in run_models())


def run_models() -> list[type[AbstractRun]]:
    """Every table of runs in the installed apps."""
    return [model for model in apps.get_models() if issubclass(model, AbstractRun)]


def _sweep_model(model: type[AbstractRun]) -> int:
    now = timezone.now()
    rows = model._base_manager.filter(_claimable(now))
    rows.filter(attempts__gte=settings.RUN_MAX_ATTEMPTS).update(
        state=RunState.PARKED,
        finished_at=now,
        claim_token=None,
        claimed_until=None,
        error_code="parked",
        error=f"tried {settings.RUN_MAX_ATTEMPTS} times; the worker died each time",
    )
    waiting = rows.filter(Q(hinted_at__isnull=True) | Q(hinted_at__lt=now - HINT_REPEAT))
    stale: list[Any] = list(waiting.order_by("created_at")[:200])
    for run in stale:
        _hint(run)
    return len(stale)
