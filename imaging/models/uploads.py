"""Files that a person sent through the browser, and what became of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from gliomon.common.runs import AbstractRun
from patients.models import Patient


class UploadRun(AbstractRun):
    """Take in the files that wait in `storage.upload_folder(pk)`; the folder goes when the run has ended.

    `report` holds counts, ids of the visits, and names of the sender's files that were not taken in.
    """

    task_name = "imaging.take_in_upload"
    queue = "default"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="uploads")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    patient_confirmed = models.BooleanField(
        default=False, help_text="The sender has checked that contradicting files are this patient's."
    )
    n_files = models.PositiveIntegerField()
    n_bytes = models.PositiveBigIntegerField()
    names = models.JSONField(
        default=dict, help_text="Stored name -> name that the sender gave, while it waits."
    )
    report = models.JSONField(default=dict)

    class Meta(AbstractRun.Meta):
        pass
