"""The patient page, and the part of it that follows the processing of scans."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics import selectors as analytics
from frontend.change_table import change_rows, reference_reason, segments_of
from frontend.data import tracks_of
from frontend.figures.time_axis import TITLES, AxisName, available_axes, choose_axis
from frontend.figures.timeline import timeline_figure
from frontend.figures.timeline_table import timeline_rows
from frontend.figures.tracks import Tracks
from frontend.headline import headline_words
from frontend.record_list import record_groups
from frontend.views.entering import opened
from frontend.visits import visits_of
from frontend.worklist import SEVERITY_BADGE, SEVERITY_RANK
from gliomon.common.policy import requires
from imaging import selectors as imaging
from patients import selectors
from patients.permissions import may

FIGURE_ID = "timeline-figure"
AXIS_WORDS: dict[AxisName, str] = {
    "rt": "End of radiotherapy",
    "surgery": "First surgery",
    "diagnosis": "Diagnosis",
    "calendar": "Calendar",
}


@requires("patient.view")
@require_safe
def patient(request: HttpRequest, key: str) -> HttpResponse:
    """Everything known of one patient: headline, alerts, timeline, change, visits, records."""
    found = opened(request, key, "patient page")
    timeline = selectors.timeline_of(found)
    timepoints = imaging.timepoints_of(found)
    assessment = analytics.change_of(found)
    alerts = _alerts(found)
    tracks = tracks_of(
        timeline,
        timepoints=timepoints,
        measurements=imaging.current_measurements([found]),
        alerts=alerts,
        segments=segments_of(assessment),
    )
    content = {
        "patient": found,
        "headline": _headline(request.user, found, timeline),
        "as_of": timeline.as_of,
        "open_alerts": _open_alerts(alerts),
        "taken_alerts": sum(alert.acknowledged for alert in alerts),
        "changes": change_rows(assessment),
        "reference_reason": reference_reason(assessment),
        "assessment_pending": analytics.assessment_pending(found),
        "groups": record_groups(timeline, request.user),
        **_timeline_content(tracks, request.GET.get("axis")),
        **_visits_content(request.user, timepoints),
        **_rights(request.user),
    }
    return render(request, "frontend/patient.html", content)


@requires("patient.view")
@require_safe
def visits(request: HttpRequest, key: str) -> HttpResponse:
    """The list of visits alone, asked for again while something is being computed; then the whole page once more."""
    found = opened(request, key, "processing")
    content = {
        "patient": found,
        **_visits_content(request.user, imaging.timepoints_of(found)),
        **_rights(request.user),
    }
    response = render(request, "frontend/patient_visits.html", content)
    if not content["working"]:
        response["HX-Refresh"] = "true"
    return response


def _headline(user: Any, found: Any, timeline: Any) -> Any:
    headlines = selectors.headlines_of([found], with_names=may(user, "identity.view"))
    return headline_words(headlines[found.pk], timeline.as_of.date())


def _alerts(found: Any) -> list[Any]:
    return list(analytics.alerts_for(selectors.only(found)))


def _open_alerts(alerts: list[Any]) -> list[tuple[Any, str]]:
    """What nobody has taken yet with its badge, the most severe first."""
    waiting = [alert for alert in alerts if not alert.acknowledged]
    waiting.sort(key=lambda alert: SEVERITY_RANK[alert.severity])
    return [(alert, SEVERITY_BADGE[alert.severity]) for alert in waiting]


def _timeline_content(tracks: Tracks, wanted: str | None) -> dict[str, Any]:
    axis = choose_axis(wanted, tracks.anchors, tracks.days(), tracks.until)
    return {
        "figure": timeline_figure(tracks, axis) if tracks.days() else None,
        "figure_id": FIGURE_ID,
        "axis": axis,
        "axes": [(name, AXIS_WORDS[name]) for name in available_axes(tracks.anchors)],
        "axis_title": TITLES[axis.name],
        "table_rows": timeline_rows(tracks, axis),
    }


def _visits_content(user: Any, timepoints: list[Any]) -> dict[str, Any]:
    found = visits_of(timepoints)
    return {"visits": found, "working": any(visit.working for visit in found)}


def _rights(user: Any) -> dict[str, bool]:
    return {
        "may_retry": may(user, "run.retry"),
        "may_import": may(user, "study.import"),
        "may_enter_ctdna": may(user, "ctdna.write"),
    }
