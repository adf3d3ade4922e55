"""The evidence figure: dates, units, the limit against the nadir, and the window after radiotherapy."""

from __future__ import annotations

import datetime as dt
import math

import plotly.graph_objects as go
import pytest

from frontend.figures.alert_evidence import WINDOW_DAYS, Context, Evidence, alert_evidence_figure

MAY, JULY, SEPTEMBER = dt.date(2026, 5, 1), dt.date(2026, 7, 1), dt.date(2026, 9, 1)


def volumes(limit: float | None = 40.0) -> go.Figure:
    return alert_evidence_figure(
        [
            Evidence(MAY, 12.4, "mL", "baseline", "baseline scan"),
            Evidence(JULY, 6.0, "mL", "nadir", "smallest volume since baseline"),
            Evidence(dt.date(2026, 7, 20), None, "", "window", "end of radiotherapy"),
            Evidence(SEPTEMBER, 9.9, "mL", "current", "last scan"),
        ],
        [Context(MAY, 12.4), Context(JULY, 6.0), Context(SEPTEMBER, 9.9)],
        quantity="enhancing volume",
        unit="mL",
        limit_percent=limit,
        log_axis=False,
    )


def fractions() -> go.Figure:
    return alert_evidence_figure(
        [
            Evidence(MAY, 0.01, "%", "nadir", "lowest earlier sample (below the limit of detection)"),
            Evidence(JULY, 0.06, "%", "first_rise", "first raised sample"),
            Evidence(SEPTEMBER, 0.21, "%", "current", "last sample"),
        ],
        [Context(MAY, 0.01, below_lod=True), Context(JULY, 0.06)],
        quantity="variant allele fraction",
        unit="%",
        limit_percent=164.0,
        log_axis=True,
    )


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(trace for trace in figure.data if trace.name == name)


def note(figure: go.Figure, start: str) -> go.layout.Annotation:
    return next(note for note in figure.layout.annotations if note.text.startswith(start))


def test_each_item_stands_on_its_date_with_its_value_and_word() -> None:
    current = trace(volumes(), "current")
    assert list(current.x) == [SEPTEMBER]
    assert list(current.y) == [9.9]
    assert current.text[0] == "now<br>9.9 mL"
    assert "mL" in volumes().layout.yaxis.title.text


def test_roles_differ_by_sign_not_only_by_colour() -> None:
    signs = {name: trace(volumes(), name).marker.symbol for name in ("baseline", "nadir", "current")}
    assert len(set(signs.values())) == 3


def test_the_limit_lies_at_the_nadir_plus_the_rise() -> None:
    """6.0 mL + 40 % = 8.4 mL."""
    line = next(shape for shape in volumes().layout.shapes if shape.type == "line")
    assert line.y0 == pytest.approx(8.4)
    assert "8.4 mL" in note(volumes(), "limit").text


def test_without_a_known_limit_no_line_is_drawn() -> None:
    assert [shape for shape in volumes(limit=None).layout.shapes if shape.type == "line"] == []


def test_the_window_after_radiotherapy_is_shaded_for_twelve_weeks() -> None:
    band = next(shape for shape in volumes().layout.shapes if shape.type == "rect")
    start, end = (dt.date.fromisoformat(str(value)[:10]) for value in (band.x0, band.x1))
    assert start == dt.date(2026, 7, 20)
    assert (end - start).days == WINDOW_DAYS == 84


def test_fractions_are_on_a_log_axis_that_holds_all_of_them() -> None:
    axis = fractions().layout.yaxis
    assert axis.type == "log"
    assert axis.range[0] < math.log10(0.01)
    assert axis.range[1] > math.log10(0.21)
    assert all(axis.range[0] <= math.log10(tick) <= axis.range[1] for tick in axis.tickvals)
    assert note(fractions(), "limit").y == pytest.approx(math.log10(0.01 * 2.64))


def test_below_the_limit_of_detection_is_an_open_sign_with_less_than() -> None:
    nadir = trace(fractions(), "nadir")
    assert nadir.marker.symbol.endswith("-open")
    assert nadir.text[0] == "nadir<br>< 0.01 %"
    assert trace(fractions(), "series").marker.symbol[0] == "triangle-down-open"
