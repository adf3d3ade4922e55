"""What a browser's renderer sends to a Dash screen, for tests that have no browser."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from frontend.dash_apps.bridge import Screen


def message(
    screen: Screen, output: str, values: dict[str, Any], changed: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The message for the callback whose outputs contain `output`; inputs not in `values` are None."""
    key = next(key for key in screen.callback_map if output in key)
    entry = screen.callback_map[key]
    outputs = entry["output"] if isinstance(entry["output"], list | tuple) else [entry["output"]]
    named = [{"id": item.component_id, "property": item.component_property} for item in outputs]

    def with_value(item: dict[str, str]) -> dict[str, Any]:
        name = f"{item['id']}.{item['property']}"
        return {"id": item["id"], "property": item["property"], "value": values.get(name)}

    return {
        "output": key,
        "outputs": named if key.startswith("..") else named[0],
        "inputs": [with_value(item) for item in entry["inputs"]],
        "state": [with_value(item) for item in entry["state"]],
        "changedPropIds": list(changed),
    }


def post(client: Client, screen: Screen, body: Any, **more: Any) -> Any:
    """Send a message to the screen."""
    address = f"/{screen.screen_name}/_dash-update-component"
    headers = {"Accept": "application/json"} | more.pop("headers", {})
    return client.post(address, json.dumps(body), content_type="application/json", headers=headers, **more)


def words(node: Any) -> str:
    """All text of a component as it was sent, in reading order."""
    if isinstance(node, str | int | float):
        return str(node)
    if isinstance(node, list):
        return " ".join(words(item) for item in node)
    if isinstance(node, dict):
        props = node.get("props", {})
        return words(props.get("children", ""))
    return ""


def find(node: Any, name: str) -> dict[str, Any] | None:
    """The component with this id, or None."""
    if isinstance(node, dict):
        if node.get("props", {}).get("id") == name:
            return node
        return find(node.get("props", {}).get("children"), name)
    if isinstance(node, list):
        return next((found for item in node if (found := find(item, name)) is not None), None)
    return None
