"""The one task of the bottom layer."""

from celery import shared_task

from gliomon.common import runs


@shared_task(name="gliomon.common.sweep_runs", ignore_result=True)
def sweep_runs() -> None:
    runs.sweep()
