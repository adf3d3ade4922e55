"""The Kaplan-Meier figure shows what it was given, in percent and months, and never by colour alone."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from frontend.figures.kaplan_meier import COLOURS, CurveGroup, kaplan_meier_figure, style_of

TICKS = [0.0, 12.0, 24.0]


def group(label: str = "mutant", letter: str = "A") -> CurveGroup:
    return CurveGroup(
        label=label,
        letter=letter,
        months=np.array([0.0, 6.0, 18.0, 30.0]),
        survival=np.array([1.0, 0.8, 0.5, 0.0]),
        low=np.array([1.0, 0.6, 0.3, np.nan]),
        high=np.array([1.0, 0.9, 0.7, np.nan]),
        censor_months=np.array([9.0, 20.0]),
        censor_survival=np.array([0.8, 0.5]),
        at_risk=(10, 7, 2),
        censored=(0, 1, 2),
        events=(0, 2, 6),
    )


def traces(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.name == name]


def test_the_curve_is_a_right_continuous_step_in_percent() -> None:
    (curve,) = traces(kaplan_meier_figure([group()], TICKS), "A mutant")
    assert curve.line.shape == "hv"
    assert list(curve.x) == [0.0, 6.0, 18.0, 30.0]
    assert list(curve.y) == [100.0, 80.0, 50.0, 0.0]


def test_the_axis_runs_from_0_to_100_percent_and_over_all_months() -> None:
    layout = kaplan_meier_figure([group()], TICKS).layout
    assert layout.yaxis.range[0] == 0
    assert 100 <= layout.yaxis.range[1] <= 102
    assert layout.xaxis.range[1] > 30.0
    assert list(layout.xaxis.tickvals) == TICKS
    assert "months" in layout.xaxis.title.text


def test_the_band_ends_where_the_interval_is_not_defined() -> None:
    (band,) = traces(kaplan_meier_figure([group()], TICKS), "95 % CI")
    assert list(band.x) == [0.0, 6.0, 18.0]
    assert list(band.y) == [100.0, 90.0, 70.0]
    assert band.fill == "tonexty"


def test_censored_patients_are_ticks_on_the_curve() -> None:
    (ticks,) = traces(kaplan_meier_figure([group()], TICKS), "censored")
    assert list(ticks.x) == [9.0, 20.0]
    assert list(ticks.y) == [80.0, 50.0]


def test_the_counts_stand_under_their_ticks_in_order() -> None:
    notes = kaplan_meier_figure([group()], TICKS).layout.annotations
    under = [note for note in notes if note.xref == "x" and note.yref == "paper"]
    assert [(note.x, note.text) for note in under] == [
        (tick, str(count))
        for counts in ((10, 7, 2), (0, 1, 2), (0, 2, 6))
        for tick, count in zip(TICKS, counts, strict=True)
    ]
    heights = [note.y for note in under]
    assert heights == sorted(heights, reverse=True)
    assert all(
        0 < height < kaplan_meier_figure([group()], TICKS).layout.yaxis.domain[0] for height in heights
    )


def test_groups_differ_by_letter_and_pattern_not_only_by_colour() -> None:
    figure = kaplan_meier_figure([group("mutant", "A"), group("wild-type", "B")], TICKS)
    patterns = [trace.line.dash for trace in figure.data if trace.name in ("A mutant", "B wild-type")]
    assert patterns == ["solid", "dash"]
    letters = [note.text for note in figure.layout.annotations if note.text in ("A", "B")]
    assert letters == ["A", "B"]
    samples = [(shape.line.dash, shape.line.color) for shape in figure.layout.shapes]
    assert samples == [("solid", COLOURS[0]), ("dash", COLOURS[1])]


def test_twelve_groups_have_twelve_styles() -> None:
    assert len({style_of(place) for place in range(12)}) == 12


def test_simulated_patients_are_named_in_the_figure() -> None:
    def notes(simulated: bool) -> list[str]:
        return [
            note.text
            for note in kaplan_meier_figure([group()], TICKS, simulated=simulated).layout.annotations
        ]

    assert "SIMULATED PATIENTS" in notes(True)
    assert "SIMULATED PATIENTS" not in notes(False)


def test_a_label_of_somebodys_table_is_text() -> None:
    notes = kaplan_meier_figure([group("<a href='x'>k</a>")], TICKS).layout.annotations
    assert any(note.text == "A &lt;a href='x'&gt;k&lt;/a&gt;" for note in notes)


def test_no_group_gives_an_empty_axis() -> None:
    figure = kaplan_meier_figure([], [])
    assert len(figure.data) == 0
    assert figure.layout.yaxis.range == pytest.approx((0, 101))
