"""The answer of the survival screen: figure, medians, tests, hazard ratios, who was left out, and the table."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.services.survival import BASELINE_ASSUMPTION, CohortFacts, SurvivalAnswer
from frontend.dash_apps.parts import Children, named, number, table
from frontend.dash_apps.parts import figure as figure_part
from frontend.dash_apps.survival.curves import DAYS_PER_MONTH, curve_groups, tick_months
from frontend.dash_apps.survival.question import Question
from frontend.figures.kaplan_meier import COUNTS, CurveGroup, kaplan_meier_figure

PH_DOUBTFUL = 0.05


def answer_parts(answer: SurvivalAnswer, question: Question) -> Children:
    """Figure on the left, numbers on the right, the table alternative below."""
    if not answer.analysis.groups:
        return [
            html.Div(
                [html.P("No group has five patients or more: nothing is shown."), _excluded(answer)],
                className="empty stack-tight",
            )
        ]
    groups = curve_groups(answer.analysis.groups)
    return [
        html.Section(_figure(answer, groups, question), className="card stack-tight"),
        html.Section(_numbers(answer, groups), className="card stack", **named("Numbers")),
        html.Section(_alternative(answer, groups), className="card dash-wide"),
    ]


def _figure(answer: SurvivalAnswer, groups: list[CurveGroup], question: Question) -> Children:
    title = f"Overall survival, {answer.cohort.name}"
    ticks = tick_months(answer.analysis.groups)
    drawn = kaplan_meier_figure(groups, ticks, simulated=answer.cohort.is_virtual)
    return [
        html.H2([title, *_mark(answer)]),
        html.P(_population_words(answer, question), className="muted small"),
        figure_part(
            "survival-figure", drawn, f"{title}: Kaplan-Meier curves; the same numbers are in the table below"
        ),
        html.P(_caption(answer), className="muted small"),
    ]


def _mark(answer: SurvivalAnswer) -> Children:
    """What stands beside every number of simulated patients."""
    return [" ", html.Span("SIMULATED", className="badge badge-warn")] if answer.cohort.is_virtual else []


def _population_words(answer: SurvivalAnswer, question: Question) -> str:
    labels = {field.name: field.label for field in answer.fields}
    chosen = [f"{labels.get(field, field)} = {value}" for field, value in question.where.items()]
    groups = f"groups by {labels.get(question.by, question.by)}" if question.by else "one group"
    return f"Population: {', '.join(chosen) or 'all of the cohort'}; {groups}."


def _caption(answer: SurvivalAnswer) -> str:
    cohort, analysis = answer.cohort, answer.analysis
    n = sum(group.curve.n for group in analysis.groups)
    events = sum(group.curve.n_events for group in analysis.groups)
    entry = (
        " Entry is delayed for some patients (left truncation is accounted for)."
        if analysis.delayed_entry
        else ""
    )
    return (
        f"n = {n}, events = {events}. Time zero and follow-up: column “{cohort.time_column}” of the source table. "
        f"Data cut-off: the table as imported on {cohort.imported_at:%d %b %Y}. Median follow-up "
        f"{_months(analysis.median_follow_up)} months (reverse Kaplan-Meier). Bands: 95 % CI (log-log); small upright "
        f"ticks: censored. {BASELINE_ASSUMPTION}{entry}"
    )


def _numbers(answer: SurvivalAnswer, groups: list[CurveGroup]) -> Children:
    return [
        _medians(answer, groups),
        *_tests(answer),
        *_hazards(answer),
        _excluded(answer),
        _source(answer.cohort, answer.later_fields),
    ]


def _medians(answer: SurvivalAnswer, groups: list[CurveGroup]) -> Component:
    rows = [
        html.Tr(
            [
                html.Th([f"{drawn.letter} {drawn.label}", *_mark(answer)], scope="row"),
                number(group.curve.n),
                number(group.curve.n_events),
                html.Td(
                    [
                        html.Div(f"{_median(group.curve, DAYS_PER_MONTH, 1)} months"),
                        html.Div(f"{_median(group.curve, 1.0, 0)} days", className="muted small"),
                    ],
                    className="number",
                ),
            ]
        )
        for drawn, group in zip(groups, answer.analysis.groups, strict=True)
    ]
    heads = ("group", "n", "events", "median (95 % CI)")
    return table("Median survival; NR = not reached", heads, rows)


def _tests(answer: SurvivalAnswer) -> Children:
    test = answer.analysis.logrank
    if test is None:
        words = "" if len(answer.analysis.groups) < 2 else "Log-rank: the groups were never at risk together."
        return [html.P(words)] if words else []
    line = html.P(
        [
            html.Strong(f"Log-rank p {_p(test.p)}"),
            f" (chi² {test.chi2:.2f}, {test.df} df)",
            *_mark(answer),
        ]
    )
    if not test.pairwise:
        return [line]
    rows = [
        html.Tr(
            [
                html.Th(f"{pair.first} – {pair.second}", scope="row"),
                number(_p(pair.p)),
                number(_p(pair.p_holm)),
            ]
        )
        for pair in test.pairwise
    ]
    heads = ("pair", "p", "p, Holm-adjusted")
    return [line, table("Pairwise log-rank", heads, rows)]


def _hazards(answer: SurvivalAnswer) -> Children:
    if not answer.analysis.cox:
        return []
    rows = [
        html.Tr(
            [
                html.Th([row.level, *_mark(answer)], scope="row"),
                number(_hazard_ratio(row)),
                number(_p(row.p)),
                number(_p(row.ph_p)),
            ]
        )
        for row in answer.analysis.cox
    ]
    caption = f"Cox hazard ratio of death; reference: {answer.analysis.cox[0].reference}"
    heads = ("group", "HR (95 % CI)", "p", "PH check p")
    parts: Children = [table(caption, heads, rows)]
    if any(row.ph_p is not None and row.ph_p < PH_DOUBTFUL for row in answer.analysis.cox):
        parts.append(
            html.P(
                "The hazards are not proportional over time (check p < 0.05): the hazard ratio is an average over the "
                "follow-up, read the curves.",
                className="alert-line alert-warning small",
            )
        )
    return parts


def _hazard_ratio(row: Any) -> str:
    if row.hr is None:
        return "not estimable"
    return f"{row.hr:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})"


def _excluded(answer: SurvivalAnswer) -> Component:
    left_out = answer.analysis.excluded
    if not left_out:
        return html.P("Nobody of this population was left out.", className="small")
    rows = [html.Tr([html.Th(reason, scope="row"), number(count)]) for reason, count in left_out.items()]
    return table("Left out of the curves", ("reason", "patients"), rows)


def _source(cohort: CohortFacts, later: tuple[str, ...]) -> Component:
    refused = f" Known only after time zero, so never a group: {', '.join(later)}." if later else ""
    rows = f" {cohort.rejected} rows of the file could not be read." if cohort.rejected else ""
    return html.P(
        f"Source: {cohort.source_name} ({cohort.subjects} subjects, sha256 {cohort.source_sha256[:12]}). "
        f"Basis: {cohort.basis}.{rows}{refused}",
        className="muted small",
    )


def _alternative(answer: SurvivalAnswer, groups: list[CurveGroup]) -> Component:
    ticks = tick_months(answer.analysis.groups)
    rows = [
        html.Tr(
            [html.Th([f"{group.letter} {group.label}, {words}", *_mark(answer)], scope="row")]
            + [number(value) for value in values]
        )
        for group in groups
        for words, values in _count_rows(group, ticks)
    ]
    heads = ("group, what", *(f"{tick:g}" for tick in ticks))
    return html.Details(
        [
            html.Summary("The figure as a table"),
            table("By months from time zero", heads, rows),
        ]
    )


def _count_rows(group: CurveGroup, ticks: list[float]) -> list[tuple[str, list[str]]]:
    survival = [f"{100 * _survival_at(group, tick):.1f}" for tick in ticks]
    counts = (group.at_risk, group.censored, group.events)
    return [("alive, %", survival)] + [
        (words, [str(value) for value in values]) for words, values in zip(COUNTS, counts, strict=True)
    ]


def _survival_at(group: CurveGroup, month: float) -> float:
    """The step curve's value; beyond the last observation it stays at the last value."""
    return float(group.survival[max(int((group.months <= month + 1e-9).sum()) - 1, 0)])


def _median(curve: Any, unit: float, digits: int) -> str:
    low, high = (_value(value, unit, digits) for value in (curve.median_ci_low, curve.median_ci_high))
    return f"{_value(curve.median, unit, digits)} ({low} to {high})"


def _value(days: float | None, unit: float, digits: int) -> str:
    return "NR" if days is None else f"{days / unit:.{digits}f}"


def _months(days: float | None) -> str:
    return _value(days, DAYS_PER_MONTH, 1)


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
