"""A radiologist uploads a study as a zip, watches it being computed, and looks at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imaging.models import ImagingRun
from tests.factories import people
from tests.factories.dicom import ALL_KINDS, small_study, zipped
from tests.journeys.conftest import System, wait_until
from tests.journeys.pages import logged_in, looks_right

pytestmark = [pytest.mark.slow, pytest.mark.journey]


def test_from_a_zip_to_the_lesion_on_the_screen(system: System, browser: Any, tmp_path: Path) -> None:
    clinic = people.clinic()
    archive = zipped(small_study(tmp_path / "study", kinds=ALL_KINDS), tmp_path / "study.zip")
    system.start_web()
    system.start_worker("imaging", "imaging")
    system.start_worker("default", "default,alerts")
    person = logged_in(browser, system.url, clinic.radiologist.username)
    page = person.page

    person.opens("/upload/")
    page.get_by_label("Patient", exact=True).select_option(clinic.patient.key)
    page.set_input_files("#files", str(archive))
    page.get_by_role("button", name="Upload").click()
    wait_until(lambda: ImagingRun.objects.exists(), "the upload was taken in", seconds=120)
    wait_until(
        lambda: ImagingRun.objects.get().state in ("done", "failed"), "the numbers are there", seconds=300
    )
    run = ImagingRun.objects.get()
    assert (run.state, run.error) == ("done", "")

    person.opens(f"/patients/{clinic.patient.key}/scans/{run.timepoint_id}/")
    page.wait_for_selector("#viewer canvas", timeout=30_000)
    wait_until(lambda: _brightness(page) > 5, "the viewer shows an image", seconds=60)
    looks_right(person, "timepoint")
    person.sees("Measure regions")
    person.opens(f"/patients/{clinic.patient.key}/")
    person.sees("Enhancing volume")


def _brightness(page: Any) -> float:
    """Mean grey value of the viewer as a person sees it."""
    import io

    import numpy as np
    from PIL import Image

    picture = page.locator("#viewer canvas").first.screenshot()
    return float(np.asarray(Image.open(io.BytesIO(picture)).convert("L")).mean())
