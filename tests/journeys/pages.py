"""What a person does in every journey: log in, look at a page, and let axe look at it too."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

from tests.factories.people import PASSWORD

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}

# The browser's own word about software rendering in a machine without a graphics card.
_NOT_OURS = re.compile(r"GPU stall|swiftshader|WebGL|GL Driver", re.IGNORECASE)


@dataclasses.dataclass
class Person:
    """Somebody with a browser window of their own."""

    page: Any
    url: str
    complaints: list[str]

    def opens(self, path: str) -> None:
        """Go to a page of the site and wait until it has loaded."""
        answer = self.page.goto(self.url + path)
        assert answer.status == 200, f"{path}: {answer.status}"
        self.page.wait_for_load_state("networkidle")

    def sees(self, text: str, *, seconds: float = 20) -> None:
        """Wait until a text is visible."""
        self.page.get_by_text(text).first.wait_for(state="visible", timeout=seconds * 1000)


def logged_in(browser: Any, url: str, username: str, *, viewport: dict[str, int] | None = None) -> Person:
    """A person who has logged in through the login page."""
    context = browser.new_context(viewport=viewport or DESKTOP)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    person = Person(page, url, complaints)
    person.opens("/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda found: "/login/" not in found)
    return person


def _note(message: Any, complaints: list[str]) -> None:
    if message.type == "error" and not _NOT_OURS.search(message.text):
        complaints.append(message.text)


def looks_right(person: Person, name: str) -> None:
    """At both widths: a picture for people, no sideways scrolling, nothing for axe to find, no error in the console."""
    from axe_playwright_python.sync_playwright import Axe

    for label, size in (("desktop", DESKTOP), ("phone", PHONE)):
        person.page.set_viewport_size(size)
        person.page.wait_for_timeout(400)
        _picture(person, f"{name}-{label}")
        wide = person.page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= size["width"], f"{name} is {wide} px wide on a screen of {size['width']}"
        found = Axe().run(person.page)
        assert found.violations_count == 0, f"{name} {label}: {found.generate_report()}"
    person.page.set_viewport_size(DESKTOP)
    assert person.complaints == []


def _picture(person: Person, name: str) -> None:
    folder = os.environ.get("GLIOMON_TEST_PICTURES", "")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        person.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
