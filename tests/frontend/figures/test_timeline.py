"""The timeline figure: a made-up course with hand-counted weeks. No database."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from frontend.figures import tracks as columns
from frontend.figures.time_axis import available_axes, choose_axis
from frontend.figures.timeline import timeline_figure
from frontend.figures.timeline_table import shown_value, timeline_rows
from frontend.figures.tracks import Anchors, Tracks

RT_END = dt.date(2025, 3, 28)
NAN = float("nan")


def _frame(names: list[str], *rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(names)}
    )


def _result(
    day: dt.date, detection: str, vaf: float, lod: float, *, verified: bool = True, fluid: str = "plasma"
):
    return (day, fluid, "TERT C228T", "ddPCR / lab", detection, vaf, NAN, lod, verified, "ddPCR")


def _measurement(
    day: dt.date, region: str, quantity: str, statistic: str, value: float, *flags: str, segment: int = 0
):
    units = {"volume": "mL", "adc": "mm2/s", "nrcbv": "1"}
    return (day, region, quantity, statistic, value, units[quantity], flags, segment, f"/scan/{day}")


def _course(**changes: Any) -> Tracks:
    days = [dt.date(2025, 4, 25), dt.date(2025, 6, 20), dt.date(2025, 8, 29)]
    content: dict[str, Any] = {
        "anchors": Anchors(RT_END, dt.date(2025, 1, 10), dt.date(2025, 1, 20)),
        "until": dt.date(2025, 12, 26),
        "intervals": _frame(
            columns.INTERVAL_COLUMNS,
            ("Radiotherapy", "radiotherapy", dt.date(2025, 2, 14), RT_END, "60 Gy / 30", ""),
            ("bevacizumab", "antiangiogenic", dt.date(2025, 9, 5), None, "line 2", ""),
            ("temozolomide", "alkylating", dt.date(2025, 2, 14), dt.date(2025, 8, 1), "line 1", ""),
        ),
        "events": _frame(
            columns.EVENT_COLUMNS,
            ("surgery", dt.date(2025, 1, 10), "resection", "subtotal", "Subtotal resection", ""),
            ("alerts", days[1], "warning", "", "Volume", "/alerts/?alert=1"),
            ("alerts", days[1], "urgent", "", "ctDNA", "/alerts/?alert=2"),
        ),
        "steroids": _frame(
            columns.STEROID_COLUMNS, (days[0], 4.0, "dexamethasone"), (days[1], 0.0, "stopped")
        ),
        "performance": _frame(columns.PERFORMANCE_COLUMNS, (days[0], 90, None, "unknown", "KPS 90")),
        "scans": _frame(columns.SCAN_COLUMNS, *[(day, "measured", "T1ce", f"/scan/{day}") for day in days]),
        "measurements": _frame(
            columns.MEASUREMENT_COLUMNS,
            *[
                _measurement(day, "enhancing", "volume", "total", 2.0 + place)
                for place, day in enumerate(days)
            ],
            *[_measurement(day, "enhancing", "adc", "mean", 1.1e-3) for day in days],
        ),
        "ctdna": _frame(
            columns.CTDNA_COLUMNS,
            _result(days[0], "detected", 0.4, 0.02),
            _result(days[1], "not_detected", NAN, 0.02),
            _result(days[2], "detected", 0.9, 0.02, verified=False),
        ),
    }
    return Tracks(**(content | changes))


def _figure(tracks: Tracks, wanted: str | None = None) -> dict[str, Any]:
    return timeline_figure(tracks, choose_axis(wanted, tracks.anchors, tracks.days(), tracks.until))


def _texts(figure: dict[str, Any]) -> list[str]:
    return [annotation["text"] for annotation in figure["layout"]["annotations"]]


def _lane_order(figure: dict[str, Any]) -> list[str]:
    """Names in the left margin from top to bottom, by the height at which they stand."""
    layout = figure["layout"]

    def height(label: dict[str, Any]) -> float:
        if label["yref"] == "paper":
            return label["y"] * 1e4 + label["yshift"]
        axis = layout[label["yref"].replace("y", "yaxis")]
        low, high = axis["range"]
        bottom, top = axis["domain"]
        return 1e4 * (bottom + (label["y"] - low) / (high - low) * (top - bottom))

    labels = [
        label for label in layout["annotations"] if label["xanchor"] == "right" and len(label["text"]) > 1
    ]
    return [label["text"] for label in sorted(labels, key=height, reverse=True)]


def _trace_with(figure: dict[str, Any], words: str) -> dict[str, Any]:
    return next(t for t in figure["data"] if any(words in text for text in t.get("hovertext", [])))


def test_figure_is_valid_plotly() -> None:
    text = json.dumps(_figure(_course()), allow_nan=False)
    for token in (
        "orange-soft",
        "ink",
        "muted",
        "grid",
        "surface",
        "band",
        "orange",
        "sky",
        "green",
        "yellow",
    ):
        text = text.replace(f'"@{token}"', '"#123456"')
    for token in ("blue", "vermilion", "purple"):
        text = text.replace(f'"@{token}"', '"#123456"')
    assert "@" not in text
    go.Figure(json.loads(text))  # raises on any property or colour that plotly does not know


def test_weeks_count_from_the_end_of_radiotherapy() -> None:
    """25 April 2025 is 28 days after 28 March: week 4; surgery on 10 January is 77 days before: week -11."""
    figure = _figure(_course())
    assert _trace_with(figure, "enhancing volume")["x"][0] == pytest.approx(4.0)
    assert _trace_with(figure, "Subtotal")["x"] == [pytest.approx(-11.0)]
    assert figure["layout"]["xaxis"]["title"]["text"] == "weeks from the end of radiotherapy"


def test_axis_falls_back_to_what_is_recorded() -> None:
    until = dt.date(2025, 6, 1)
    surgery, diagnosis = dt.date(2025, 1, 10), dt.date(2025, 1, 20)
    assert choose_axis(None, Anchors(None, surgery, diagnosis), [surgery], until).name == "surgery"
    assert choose_axis("rt", Anchors(None, None, diagnosis), [diagnosis], until).name == "diagnosis"
    assert choose_axis("nonsense", Anchors(), [], until).name == "calendar"
    assert available_axes(Anchors(RT_END, None, diagnosis)) == ["rt", "diagnosis", "calendar"]


@pytest.mark.parametrize("wanted", ["rt", "surgery", "diagnosis", "calendar"])
def test_pseudoprogression_window_is_twelve_weeks_on_every_axis(wanted: str) -> None:
    figure = _figure(_course(), wanted)
    band = next(shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect")
    assert band["x1"] - band["x0"] == pytest.approx(12.0, abs=2e-3)
    assert "pseudoprogression window" in _texts(figure)


def test_no_window_without_radiotherapy() -> None:
    figure = _figure(_course(anchors=Anchors(None, dt.date(2025, 1, 10), None)))
    assert all(shape["type"] != "rect" for shape in figure["layout"]["shapes"])
    assert "pseudoprogression window" not in _texts(figure)


def test_lanes_stand_in_the_agreed_order() -> None:
    wanted = ["Outcome", "Alerts", "Surgery", "Radiotherapy", "temozolomide", "bevacizumab", "Steroid", "KPS"]
    wanted += ["MRI", "enhancing", "Oedema volume", "ADC enhancing", "nRCBV enhancing", "ctDNA plasma"]
    wanted += ["ctDNA CSF", "Reports"]
    order = _lane_order(_figure(_course()))
    assert [name for name in order if name in wanted] == wanted


@pytest.mark.parametrize("wanted", ["rt", "calendar"])
def test_every_tooltip_holds_the_calendar_date(wanted: str) -> None:
    figure = _figure(_course(), wanted)
    tips = [
        tip
        for trace in figure["data"]
        for tip in trace.get("hovertext", [])
        if "end of the figure" not in tip
    ]
    assert len(tips) > 10
    assert all(" 2025" in tip for tip in tips)


def test_adc_is_shown_in_millionths() -> None:
    trace = _trace_with(_figure(_course()), "enhancing ADC")
    assert trace["y"] == [pytest.approx(1100.0)] * 3
    assert "1100 ×10⁻⁶ mm²/s" in trace["hovertext"][0]


def test_not_detected_is_an_open_mark_at_the_lod() -> None:
    trace = _trace_with(_figure(_course()), "TERT C228T")
    assert trace["y"][1] == pytest.approx(0.02)
    assert trace["marker"]["symbol"][1].endswith("-open")
    assert trace["text"][1] == "<0.02"
    assert "not detected" in trace["hovertext"][1]
    assert "wild" not in json.dumps(_figure(_course())).lower()


def test_unverified_result_is_hollow_named_and_off_the_line() -> None:
    figure = _figure(_course())
    marks = _trace_with(figure, "TERT C228T")
    line = next(t for t in figure["data"] if t["yaxis"] == marks["yaxis"] and t["mode"] == "lines")
    assert marks["marker"]["symbol"][2] == "circle-open"
    assert "unverified" in marks["text"][2]
    assert len(line["x"]) == 2
    assert marks["x"][2] not in line["x"]


def test_not_tested_has_no_mark() -> None:
    tracks = _course(
        ctdna=_frame(columns.CTDNA_COLUMNS, _result(dt.date(2025, 5, 1), "not_tested", NAN, NAN))
    )
    assert not any("TERT" in tip for t in _figure(tracks)["data"] for tip in t.get("hovertext", []))


def test_vaf_axis_is_logarithmic_and_spans_the_values() -> None:
    figure = _figure(_course())
    axis = figure["layout"][_trace_with(figure, "TERT C228T")["yaxis"].replace("y", "yaxis")]
    assert axis["type"] == "log"
    assert axis["range"][0] < math.log10(0.02) < math.log10(0.9) < axis["range"][1]


def test_line_breaks_where_values_are_not_comparable() -> None:
    days = [dt.date(2025, 4, 25), dt.date(2025, 6, 20), dt.date(2025, 8, 29), dt.date(2025, 10, 1)]
    rows = [
        _measurement(days[0], "enhancing", "adc", "mean", 1.1e-3),
        _measurement(days[1], "enhancing", "adc", "mean", 0.8e-3, "b_out_of_range"),
        _measurement(days[2], "enhancing", "adc", "mean", 1.0e-3),
        _measurement(days[3], "enhancing", "adc", "mean", 1.2e-3, segment=1),
    ]
    figure = _figure(_course(measurements=_frame(columns.MEASUREMENT_COLUMNS, *rows)))
    stretches = [t for t in figure["data"] if any("enhancing ADC" in tip for tip in t.get("hovertext", []))]
    assert [len(stretch["x"]) for stretch in stretches] == [1, 1, 1, 1]
    assert stretches[1]["marker"]["symbol"] == ["circle-open"]
    assert "b out of range" in stretches[1]["hovertext"][0]


def test_ongoing_treatment_ends_in_an_open_arrow_on_the_last_day() -> None:
    figure = _figure(_course())
    arrows = [t for t in figure["data"] if t.get("marker", {}).get("symbol") == "triangle-right-open"]
    assert [len(arrow["x"]) for arrow in arrows] == [1]
    assert arrows[0]["x"][0] == pytest.approx((dt.date(2025, 12, 26) - RT_END).days / 7, abs=1e-3)
    assert arrows[0]["hovertext"][0].startswith("bevacizumab")


def test_death_is_a_black_square() -> None:
    death = ("outcome", dt.date(2025, 12, 26), "death", "death", "Death", "")
    figure = _figure(_course(events=_frame(columns.EVENT_COLUMNS, death)))
    trace = _trace_with(figure, "Death")
    assert (trace["marker"]["symbol"], trace["marker"]["color"]) == (["square"], ["#000000"])


def test_words_beside_a_mark_at_the_right_edge_stand_left_of_it() -> None:
    early = ("outcome", dt.date(2025, 5, 2), "progression", "progression", "Progression", "")
    late = ("outcome", dt.date(2025, 12, 26), "last_contact", "last contact, alive", "Last contact", "")
    figure = _figure(_course(events=_frame(columns.EVENT_COLUMNS, early, late)))
    assert _trace_with(figure, "Last contact")["textposition"] == ["middle right", "middle left"]


def test_marks_of_one_day_stay_apart() -> None:
    trace = _trace_with(_figure(_course()), "ctDNA")
    assert trace["x"][0] == trace["x"][1]
    assert abs(trace["y"][0] - trace["y"][1]) >= 0.25


def test_long_gap_is_cut_out_and_marked() -> None:
    """Scans 200 weeks apart: 196 weeks are left out, two stay on either side."""
    first, last = dt.date(2020, 1, 1), dt.date(2020, 1, 1) + dt.timedelta(weeks=200)
    scans = _frame(columns.SCAN_COLUMNS, (first, "measured", "", ""), (last, "measured", "", ""))
    tracks = Tracks(Anchors(surgery=first), until=last, scans=scans)
    figure = _figure(tracks)
    assert _trace_with(figure, "MRI")["x"] == [pytest.approx(0.0), pytest.approx(4.0)]
    assert "// 196 weeks left out" in _texts(figure)
    assert "200" in figure["layout"]["xaxis"]["ticktext"]


def test_empty_tracks_say_so() -> None:
    figure = _figure(Tracks(Anchors(diagnosis=RT_END), until=RT_END))
    texts = _texts(figure)
    assert texts.count("not measured") == 4
    assert texts.count("no result") == 2
    assert "none raised" in texts


def test_table_holds_every_point_of_the_figure() -> None:
    tracks = _course()
    axis = choose_axis(None, tracks.anchors, tracks.days(), tracks.until)
    rows = timeline_rows(tracks, axis)
    tables = (tracks.intervals, tracks.events, tracks.steroids, tracks.performance, tracks.scans)
    assert len(rows) == sum(len(table) for table in (*tables, tracks.measurements, tracks.ctdna))
    assert [row.day for row in rows] == sorted(row.day for row in rows)
    by_text = {row.text: row for row in rows}
    assert by_text["total 2.0 mL"].week == "+4.0"
    assert by_text["TERT C228T: not detected (LoD 0.02 %); ddPCR"].track == "ctDNA plasma"
    assert by_text["Volume"].url == "/alerts/?alert=1"


@pytest.mark.parametrize(
    ("quantity", "value", "unit", "words"),
    [
        ("volume", 12.34, "mL", "12.3 mL"),
        ("adc", 0.0011234, "mm2/s", "1123 ×10⁻⁶ mm²/s"),
        ("nrcbv", 2.345, "1", "2.35"),
        ("volume", None, "mL", "not measured"),
        ("adc", NAN, "mm2/s", "not measured"),
    ],
)
def test_values_are_written_in_the_agreed_units(
    quantity: str, value: float | None, unit: str, words: str
) -> None:
    assert shown_value(quantity, value, unit) == words
