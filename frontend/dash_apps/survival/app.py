"""The survival screen's Dash app and its one callback."""

from __future__ import annotations

import dataclasses
from typing import Any

from dash import Input, Output, ctx, no_update

from analytics.services.survival import (
    CohortField,
    OpenCohort,
    SurvivalAnswer,
    cohort_names,
    cohort_open,
    survival_of,
)
from frontend.dash_apps.bridge import Screen, current_request_id, current_user
from frontend.dash_apps.parts import Children, warning
from frontend.dash_apps.select import options_of
from frontend.dash_apps.survival.answer import answer_parts
from frontend.dash_apps.survival.layout import layout
from frontend.dash_apps.survival.question import (
    FILTERS,
    Question,
    question_from_controls,
    question_from_search,
    search_of,
)
from gliomon.common.errors import DomainError
from gliomon.common.policy import requires

DEFAULT_BY = "idh"

screen = Screen("survival", action="cohort.view", title="Survival")
screen.layout = layout

_NUMBERS = range(1, FILTERS + 1)
_FILTER_INPUTS = [Input(f"{part}-{n}", "value") for n in _NUMBERS for part in ("field", "value")]
_FILTER_OUTPUTS = [
    Output(f"{part}-{n}", prop)
    for n in _NUMBERS
    for part, props in (("field", ("options", "value")), ("value", ("options", "value", "hidden")))
    for prop in props
]


@screen.callback(
    Output("url", "search"),
    Output("cohort", "options"),
    Output("cohort", "value"),
    Output("by", "options"),
    Output("by", "value"),
    Output("reference", "options"),
    Output("reference", "value"),
    Output("reference", "hidden"),
    *_FILTER_OUTPUTS,
    Output("survival-said", "children"),
    Output("survival-answer", "children"),
    Input("url", "search"),
    Input("cohort", "value"),
    Input("by", "value"),
    Input("reference", "value"),
    *_FILTER_INPUTS,
)
@requires("cohort.view")
def update(search: Any, *controls: Any) -> list[Any]:
    """Whatever was changed, address or control: one question, one answer."""
    user = current_user()
    cohorts = cohort_names(user=user)
    asked = question_from_search(search) if _by_address() else question_from_controls(*controls)
    if not cohorts:
        return _shown(
            Question(), [], (), [warning("There is no cohort yet: load one with import_cohort.")], []
        )
    question = _completed(asked, [name for name, _ in cohorts], first=_by_address() and not asked.cohort)
    fields: tuple[CohortField, ...] = ()
    try:
        cohort = cohort_open(user=user, name=question.cohort)
        fields = cohort.fields
        question, answer, said = _answered(user, question, cohort)
    except DomainError as error:
        return _shown(question, cohorts, fields, [warning(error.message)], [])
    return _shown(question, cohorts, fields, said, answer_parts(answer, question))


def _by_address() -> bool:
    """Whether the page was just opened, or its address changed; else a control did."""
    return not ctx.triggered or any(item["prop_id"] == "url.search" for item in ctx.triggered)


def _completed(question: Question, names: list[str], *, first: bool) -> Question:
    """The question with a cohort; a page opened without one starts with the first and its usual groups."""
    if question.cohort in names or (question.cohort and not first):
        return question
    return dataclasses.replace(question, cohort=names[0], by=question.by or DEFAULT_BY)


def _answered(user: Any, question: Question, cohort: OpenCohort) -> tuple[Question, SurvivalAnswer, Children]:
    """The answer; what the cohort does not have is dropped from the question, and said."""
    fitting, said = _fitting(question, cohort.fields)
    request_id = current_request_id()

    def ask(reference: str | None) -> SurvivalAnswer:
        return survival_of(
            user=user,
            cohort=cohort,
            by=fitting.by or None,
            where=fitting.where,
            reference=reference,
            request_id=request_id,
        )

    try:
        return fitting, ask(fitting.reference or None), said
    except DomainError as error:
        if error.code != "cox_reference" or not fitting.reference:
            raise
        said.append(warning(f"{fitting.reference} is not a group here; another reference was taken."))
        return dataclasses.replace(fitting, reference=""), ask(None), said


def _fitting(question: Question, fields: tuple[CohortField, ...]) -> tuple[Question, Children]:
    """Drop a choice that another cohort offered, such as a field that this one has not."""
    known = {field.name: field for field in fields}
    said: Children = []
    filters = tuple(
        (name, value if value in known[name].values else "") if name in known else ("", "")
        for name, value in question.filters
    )
    reference = (
        question.reference if question.by in known and question.reference in known[question.by].values else ""
    )
    by = question.by
    if by == DEFAULT_BY and by not in known:
        by = ""
    if question.where and {name: value for name, value in filters if name and value} != question.where:
        said.append(warning("A filter that this cohort does not have was left out."))
    return dataclasses.replace(question, filters=filters, reference=reference, by=by), said


def _shown(
    question: Question,
    cohorts: list[tuple[str, bool]],
    fields: tuple[CohortField, ...],
    said: Children,
    answer: Children,
) -> list[Any]:
    """All outputs in their order."""
    levels = next((field.values for field in fields if field.name == question.by), ())
    return [
        # Only a control changes the address: writing it back to where it came from would break the way back.
        no_update if _by_address() else search_of(question),
        options_of([(name, f"{name} (SIMULATED)" if virtual else name) for name, virtual in cohorts]),
        question.cohort,
        options_of([("", "one group"), *((f.name, f.label) for f in fields if f.may_group)]),
        question.by,
        options_of([("", "usual comparator"), *((level, level) for level in levels)]),
        question.reference,
        not question.by,
        *_filters_shown(question, fields),
        said,
        answer,
    ]


def _filters_shown(question: Question, fields: tuple[CohortField, ...]) -> list[Any]:
    shown: list[Any] = []
    known = {field.name: field for field in fields}
    names = options_of([("", "everybody"), *((field.name, field.label) for field in fields)])
    for place in range(FILTERS):
        name, value = question.filters[place] if place < len(question.filters) else ("", "")
        values = known[name].values if name in known else ()
        shown += [names, name, options_of([("", "choose"), *((v, v) for v in values)]), value, not name]
    return shown
