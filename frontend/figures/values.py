"""The numeric tracks of the timeline: steroids, performance, volumes, ADC, nRCBV."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from frontend.figures.panel import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    VERMILION,
    Panel,
    Trace,
    empty_panel,
    points,
    value_panel,
)
from frontend.figures.time_axis import TimeAxis
from frontend.figures.tracks import Tracks

ADC_SHOWN_PER_STORED = 1e6  # stored mm2/s, shown 10^-6 mm2/s
B_OUT_OF_RANGE = "b_out_of_range"  # such an ADC is never joined to values measured at the usual b-values
QUANTITY_WORDS = {"volume": "volume", "adc": "ADC", "nrcbv": "nRCBV", "k2": "K2"}
CHANGE_SIGNS = {"worse": "▼", "improved": "▲"}


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a measured track: which numbers, how they are drawn and spoken of."""

    region: str
    statistics: tuple[str, ...]
    words: str
    sign: str
    symbol: str
    colour: str
    dash: str = "solid"


ENHANCING_CURVES = (Curve("enhancing", ("total",), "enhancing", "●", "circle", VERMILION),)
OTHER_VOLUME_CURVES = (
    Curve("oedema", ("total",), "oedema", "■", "square", BLUE, "dash"),
    Curve("cavity", ("total",), "cavity", "▲", "triangle-up", MUTED, "dot"),
    Curve("necrosis", ("total",), "necrosis", "◆", "diamond", MUTED, "dashdot"),
)
ADC_CURVES = (
    Curve("enhancing", ("mean", "median"), "mean", "●", "circle", GREEN),
    Curve("enhancing", ("p10",), "10th pct.", "▼", "triangle-down", MUTED, "dot"),
)
RCBV_CURVES = (
    Curve("enhancing", ("mean", "median"), "mean", "●", "circle", PURPLE),
    Curve("enhancing", ("p95", "p90"), "95th pct.", "▲", "triangle-up", MUTED, "dot"),
)


def steroid_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """Dexamethasone-equivalent dose in force, as a step line up to the last day."""
    doses = tracks.steroids
    if doses.empty:
        return empty_panel("Steroids", "no dose recorded")
    xs = [axis.at(day) for day in doses["date"]]
    ys = [float(dose) for dose in doses["mg_per_day"]]
    hover = [
        f"{dose:.1f} mg/day dexamethasone equivalent<br>{row.detail}<br>{axis.words(row.date)}"
        for dose, row in zip(ys, doses.itertuples(), strict=True)
    ]
    trace = points(
        [*xs, axis.at(max(tracks.until, doses["date"].iloc[-1]))],
        [*ys, ys[-1]],
        [*hover, "dose in force at the end of the figure"],
        marker={"symbol": "circle", "size": [6] * len(ys) + [0], "color": ORANGE},
        mode="lines+markers",
        line={"shape": "hv", "color": ORANGE, "width": 2},
        fill="tozeroy",
        fillcolor="@orange-soft",
    )
    return value_panel(
        ("Steroid", "dex-eq. mg/day"), 52, [trace], axis_range=[0, max(4.0, 1.2 * max(ys))], nticks=3
    )


def performance_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """KPS as a line; an ECOG without a KPS is written at the foot, since the scales do not translate exactly."""
    rows = list(tracks.performance.itertuples())
    scored = [row for row in rows if not _absent(row.kps)]
    other = [row for row in rows if _absent(row.kps) and not _absent(row.ecog)]
    if not scored and not other:
        return empty_panel("KPS", "not recorded")
    traces = [_kps_trace(scored, axis)] if scored else []
    if other:
        traces.append(_ecog_trace(other, axis))
    return value_panel(
        ("KPS",), 50, traces, axis_range=[0, 112], tickmode="array", tickvals=[0, 50, 100], nticks=3
    )


def _kps_trace(rows: list[Any], axis: TimeAxis) -> Trace:
    return points(
        [axis.at(row.date) for row in rows],
        [float(row.kps) for row in rows],
        [f"KPS {row.kps:.0f}, {row.detail}<br>{axis.words(row.date)}" for row in rows],
        marker={"symbol": "circle", "size": 7, "color": BLUE},
        mode="lines+markers+text",
        text=[CHANGE_SIGNS.get(row.change, "") for row in rows],
        textposition="bottom center",
        textfont={"size": 9, "color": INK},
        line={"color": BLUE, "width": 1.5},
    )


def _ecog_trace(rows: list[Any], axis: TimeAxis) -> Trace:
    return points(
        [axis.at(row.date) for row in rows],
        [12.0] * len(rows),
        [f"ECOG {row.ecog:.0f}, {row.detail}<br>{axis.words(row.date)}" for row in rows],
        marker={"symbol": "square-open", "size": 7, "color": BLUE},
        mode="markers+text",
        text=[f" ECOG {row.ecog:.0f}" for row in rows],
        textposition="middle right",
        textfont={"size": 9, "color": INK},
    )


def enhancing_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """Enhancing volume, mL, on a scale of its own: it is what response is judged by."""
    return _measured_panel(
        tracks, axis, ("Volume, mL",), "volume", ENHANCING_CURVES, height=92, digits=1, unit="mL"
    )


def other_volumes_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """Oedema, cavity and necrosis, mL."""
    return _measured_panel(
        tracks, axis, ("Volume, mL",), "volume", OTHER_VOLUME_CURVES, height=76, digits=1, unit="mL"
    )


def adc_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """ADC of the enhancing region, 10^-6 mm2/s."""
    return _measured_panel(
        tracks,
        axis,
        ("ADC enhancing", "10⁻⁶ mm²/s"),
        "adc",
        ADC_CURVES,
        height=78,
        digits=0,
        unit="×10⁻⁶ mm²/s",
        scale=ADC_SHOWN_PER_STORED,
        from_zero=False,
    )


def rcbv_panel(tracks: Tracks, axis: TimeAxis) -> Panel:
    """nCBV ratio of the enhancing region against normal-appearing white matter."""
    return _measured_panel(
        tracks, axis, ("nRCBV enhancing", "vs NAWM"), "nrcbv", RCBV_CURVES, height=78, digits=2, unit=""
    )


def _measured_panel(
    tracks: Tracks,
    axis: TimeAxis,
    title: tuple[str, ...],
    quantity: str,
    curves: tuple[Curve, ...],
    *,
    height: int,
    digits: int,
    unit: str,
    scale: float = 1.0,
    from_zero: bool = True,
) -> Panel:
    of_quantity = tracks.measurements[tracks.measurements["quantity"] == quantity]
    drawn = [(curve, _rows_of(of_quantity, curve)) for curve in curves]
    drawn = [(curve, rows) for curve, rows in drawn if not rows.empty]
    if not drawn:
        return empty_panel(_empty_title(title, curves), "not measured")
    traces = [
        trace
        for curve, rows in drawn
        for trace in _curve_traces(curve, rows, axis, digits=digits, unit=unit, scale=scale)
    ]
    legend = tuple((curve.sign, curve.colour, curve.words) for curve, _ in drawn)
    values = [scale * float(value) for _, rows in drawn for value in rows["value"] if math.isfinite(value)]
    return value_panel(title, height, traces, axis_range=_padded(values, from_zero=from_zero), legend=legend)


def _empty_title(title: tuple[str, ...], curves: tuple[Curve, ...]) -> str:
    return f"{curves[0].words.capitalize()} volume" if title == ("Volume, mL",) else title[0]


def _rows_of(measurements: pd.DataFrame, curve: Curve) -> pd.DataFrame:
    """The rows of the first statistic of the curve that was measured at all."""
    of_region = measurements[measurements["region"] == curve.region]
    for statistic in curve.statistics:
        rows = of_region[of_region["statistic"] == statistic]
        if not rows.empty:
            return rows.sort_values("date")
    return of_region.iloc[0:0]


def _curve_traces(
    curve: Curve, rows: pd.DataFrame, axis: TimeAxis, *, digits: int, unit: str, scale: float
) -> list[Trace]:
    """One trace per stretch of comparable values, so that the line breaks where it must."""
    usual = pd.Series([B_OUT_OF_RANGE not in flags for flags in rows["flags"]]).astype(int)
    segment = pd.Series(list(rows["segment"])).astype(int)
    stretches = ((usual.diff().fillna(0) != 0) | (segment.diff().fillna(0) != 0)).cumsum()
    return [
        _curve_trace(curve, stretch, axis, digits=digits, unit=unit, scale=scale)
        for _, stretch in rows.groupby(stretches.to_numpy())
    ]


def _curve_trace(
    curve: Curve, rows: pd.DataFrame, axis: TimeAxis, *, digits: int, unit: str, scale: float
) -> Trace:
    items = list(rows.itertuples())
    return points(
        [axis.at(row.date) for row in items],
        [scale * float(row.value) if math.isfinite(row.value) else None for row in items],
        [_value_words(curve, row, axis, digits=digits, unit=unit, scale=scale) for row in items],
        marker={
            "symbol": [f"{curve.symbol}-open" if row.flags else curve.symbol for row in items],
            "size": 7,
            "color": curve.colour,
        },
        mode="lines+markers",
        line={"color": curve.colour, "width": 1.8, "dash": curve.dash},
        urls=[row.url for row in items],
    )


def _value_words(curve: Curve, row: Any, axis: TimeAxis, *, digits: int, unit: str, scale: float) -> str:
    flags = f"<br>flagged: {', '.join(flag_words(row.flags))}" if row.flags else ""
    value = f"{scale * row.value:.{digits}f} {unit}".strip()
    return f"{curve.region} {QUANTITY_WORDS[row.quantity]}, {row.statistic}: {value}<br>{axis.words(row.date)}{flags}"


def flag_words(flags: tuple[str, ...]) -> list[str]:
    """Flags as words."""
    return [flag.replace("_", " ") for flag in flags]


def _padded(values: list[float], *, from_zero: bool) -> list[float]:
    if not values:
        return [0.0, 1.0]
    low, high = min(values), max(values)
    pad = 0.12 * (high - low) or 0.12 * abs(high) or 1.0
    return [-0.05 * high if from_zero else low - pad, high + pad]


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
