"""The bolus curve: every sample at its time, and the arrival where it was found."""

from __future__ import annotations

import json

from frontend.figures.dsc_curve import BolusCurve, bolus_figure

CURVE = BolusCurve(
    signal=[100.0, 100.0, 60.0, 90.0],
    step_s=1.5,
    baseline_points=2,
    arrival_s=2.4,
    drop_percent=40.0,
    echo_ms=30.0,
)


def test_samples_lie_at_their_times() -> None:
    trace = bolus_figure(CURVE)["data"][0]
    assert trace["x"] == [0.0, 1.5, 3.0, 4.5]
    assert trace["y"] == [100.0, 100.0, 60.0, 90.0]
    assert CURVE.samples[2] == (3.0, 60.0)


def test_the_arrival_is_marked() -> None:
    layout = bolus_figure(CURVE)["layout"]
    (line,) = layout["shapes"]
    assert line["x0"] == line["x1"] == 2.4
    assert layout["annotations"][0]["text"] == "bolus arrives"


def test_it_is_plain_json_with_the_style_sheets_colours() -> None:
    text = json.dumps(bolus_figure(CURVE))
    assert "@blue" in text
    assert "#" not in text
