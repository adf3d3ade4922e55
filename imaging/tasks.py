"""Doors for the worker: an id in, one call, out. Twice is once."""

from __future__ import annotations

from celery import shared_task

from gliomon.common import runs
from imaging.models import ImagingRun, UploadRun


@shared_task(name="imaging.process_timepoint", ignore_result=True)
def process_timepoint(run_id: str) -> None:
    from imaging.pipeline.process import process

    runs.work(ImagingRun, run_id, process)


@shared_task(name="imaging.take_in_upload", ignore_result=True)
def take_in_upload(run_id: str) -> None:
    from imaging.services.uploads import upload_take_in

    runs.work(UploadRun, run_id, upload_take_in)
