"""Which alerts are listed and which is open, as the address says it: ?status=&severity=&rule=&patient=&alert=."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlencode

from analytics.services.alert_reading import ALL, OPEN, AlertFilter
from frontend.dash_apps.parts import address_pairs, words_of

_FIELDS = ("status", "severity", "rule", "patient")


@dataclasses.dataclass(frozen=True)
class View:
    """A list and, if one was chosen, an alert."""

    chosen: AlertFilter
    alert: str = ""

    @property
    def search(self) -> str:
        """The address of this view; the same view has one address."""
        pairs = [(name, getattr(self.chosen, name)) for name in _FIELDS]
        default = AlertFilter()
        # With an alert the status is always said: a bare ?alert= means that it is looked for everywhere.
        kept = [
            (name, value)
            for name, value in pairs
            if value != getattr(default, name) or (name == "status" and self.alert)
        ]
        kept += [("alert", self.alert)] if self.alert else []
        return f"?{urlencode(kept)}" if kept else ""

    def opening(self, alert: str) -> str:
        """The address of the same list with another alert open."""
        return dataclasses.replace(self, alert=alert).search


def view_from_search(search: Any) -> View:
    """Read the address; what is not understood is left out."""
    pairs = dict(address_pairs(search))
    named = {name: pairs[name][:64] for name in _FIELDS if name in pairs}
    # A link to one alert must find it in the list, whatever became of it.
    named.setdefault("status", ALL if "alert" in pairs and "status" not in pairs else OPEN)
    return View(AlertFilter(**named), pairs.get("alert", "")[:64])


def view_from_controls(search: Any, status: Any, severity: Any, rule: Any, patient: Any) -> View:
    """Read the controls; the open alert stays open."""
    words = [words_of(value)[:64] for value in (status, severity, rule, patient)]
    return View(AlertFilter(*words), view_from_search(search).alert)
