"""Pieces that both Dash screens are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from dash import dcc, html
from dash.development.base_component import Component

Children = list[Component | str]


MAX_WORDS = 500


def words_of(value: Any) -> str:
    """What came from a browser as one line of text; anything else is empty."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value[:MAX_WORDS] if letter.isprintable()).strip()


def address_pairs(search: Any) -> list[tuple[str, str]]:
    """The names and values of an address, as one line of text each; an address of too many is empty."""
    try:
        pairs = parse_qsl(search.lstrip("?"), max_num_fields=20) if isinstance(search, str) else []
    except ValueError:
        return []
    return [(name, words_of(value)) for name, value in pairs]


def named(label: str) -> dict[str, Any]:
    """The name by which a screen reader announces a region."""
    return {"aria-label": label}


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Component], *, numbers_from: int = 1
) -> Component:
    """A table that scrolls in itself on a narrow screen, also by keyboard; columns from `numbers_from` are numbers."""
    cells = [
        html.Th(head, scope="col", className="number" if place >= numbers_from else "")
        for place, head in enumerate(heads)
    ]
    content: Children = [html.Caption(caption), html.Thead(html.Tr(cells)), html.Tbody(list(rows))]
    return html.Div(
        html.Table(content, className="table"),
        className="table-scroll",
        role="group",
        tabIndex=0,
        **named(caption),
    )


def number(value: Any) -> Component:
    """A cell with a number."""
    return html.Td(str(value), className="number")


def figure(name: str, drawn: Any, label: str) -> Component:
    """A figure that scrolls in itself on a narrow screen."""
    graph = dcc.Graph(id=name, figure=drawn, config={"displayModeBar": False, "responsive": True})
    return html.Div(graph, className="figure-scroll", role="group", tabIndex=0, **named(label))


def warning(words: str) -> Component:
    """One sentence that must not be overlooked."""
    return html.P(words, className="alert-line alert-warning")
