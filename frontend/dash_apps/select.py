"""The browser's own drop-down as a Dash component (static/frontend/dash_select.js)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash.development.base_component import Component


class Select(Component):
    """A labelled drop-down; `value` is "" where nothing is chosen."""

    _children_props: list[str] = []
    _base_nodes: list[str] = []
    _namespace = "gliomon_dash"
    _type = "Select"

    def __init__(
        self,
        id: str,
        *,
        label: str,
        options: Sequence[tuple[str, str]] = (),
        value: str = "",
        help: str = "",
        hidden: bool = False,
    ) -> None:
        self._prop_names = ["id", "label", "options", "value", "help", "hidden"]
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        super().__init__(
            id=id, label=label, options=options_of(options), value=value, help=help, hidden=hidden
        )


def options_of(pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """(value, words) pairs as the component takes them."""
    return [{"value": value, "label": label} for value, label in pairs]
