"""News from below becomes work to do; nothing is computed here."""

from __future__ import annotations

from typing import Any

from analytics.services.assessments import assessment_request
from gliomon.common.news import features_ready, record_written


def on_record_written(sender: type, record: Any, **kwargs: Any) -> None:
    assessment_request(patient_id=record.patient_id, cause=f"{sender.__name__} {record.pk}")


def on_features_ready(sender: type, patient_id: Any, timepoint_id: Any, run_id: Any, **kwargs: Any) -> None:
    assessment_request(patient_id=patient_id, cause=f"measurements {run_id}")


def connect() -> None:
    record_written.connect(on_record_written, dispatch_uid="analytics.record_written")
    features_ready.connect(on_features_ready, dispatch_uid="analytics.features_ready")
