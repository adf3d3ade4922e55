"""The brain's mean signal during the contrast bolus: baseline, arrival, drop."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from frontend.figures.panel import BLUE, GRID, INK, VERMILION

HEIGHT = 210


@dataclasses.dataclass(frozen=True)
class BolusCurve:
    """Mean DSC signal (arbitrary units), one value every `step_s` seconds.

    Attributes
    ----------
    signal : sequence of float
    step_s : float
        Time between samples, s.
    baseline_points : int
        Samples before the bolus, from which the baseline was taken.
    arrival_s : float
        When the bolus arrives, s from the first sample.
    drop_percent : float
        Largest fall below the baseline, percent.
    echo_ms : float
        Echo time, ms.
    """

    signal: Sequence[float]
    step_s: float
    baseline_points: int
    arrival_s: float
    drop_percent: float
    echo_ms: float

    @property
    def times_s(self) -> list[float]:
        """Time of each sample, s."""
        return [round(index * self.step_s, 3) for index in range(len(self.signal))]

    @property
    def samples(self) -> list[tuple[float, float]]:
        """(time, signal), for the table."""
        return list(zip(self.times_s, self.signal, strict=True))


def bolus_figure(curve: BolusCurve) -> dict[str, Any]:
    """A plotly figure (data, layout) with colours as tokens of the style sheet."""
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": curve.times_s,
        "y": list(curve.signal),
        "line": {"color": BLUE, "width": 2},
        "hovertemplate": "%{x:.1f} s: %{y:.0f}<extra></extra>",
        "showlegend": False,
    }
    layout = {
        "height": HEIGHT,
        "margin": {"l": 56, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 11},
        "xaxis": {"title": {"text": "seconds"}, "gridcolor": GRID, "zeroline": False, "fixedrange": True},
        "yaxis": {
            "title": {"text": "signal (a.u.)"},
            "gridcolor": GRID,
            "zeroline": False,
            "fixedrange": True,
        },
        "shapes": [_arrival(curve)],
        "annotations": [_arrival_words(curve)],
    }
    return {"data": [trace], "layout": layout}


def _arrival(curve: BolusCurve) -> dict[str, Any]:
    return {
        "type": "line",
        "yref": "paper",
        "x0": curve.arrival_s,
        "x1": curve.arrival_s,
        "y0": 0,
        "y1": 1,
        "line": {"color": VERMILION, "width": 1, "dash": "dash"},
    }


def _arrival_words(curve: BolusCurve) -> dict[str, Any]:
    return {
        "text": "bolus arrives",
        "x": curve.arrival_s,
        "y": 0.02,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "right",
        "showarrow": False,
        "font": {"color": INK, "size": 10},
    }
