"""DICOM files of a small virtual head."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

STUDY_DATE = dt.date(2025, 3, 4)
ALL_KINDS = ("t1", "flair", "t2", "dwi", "dsc", "t1ce")


def small_study(
    folder: Path,
    *,
    key: str = "SYNTH-9",
    kinds: tuple[str, ...] = ("flair", "t1ce"),
    date: dt.date = STUDY_DATE,
    seed: int = 7,
) -> list[Path]:
    """Write the series of one visit and return their files."""
    from imaging.compute.phantoms.anatomy import build_head
    from imaging.compute.phantoms.dicom_writer import write_dicom
    from imaging.compute.phantoms.profiles import SMALL
    from imaging.compute.phantoms.render import render_timepoint
    from imaging.compute.phantoms.tumour import TumourState

    state = TumourState(centre_mm=(32.0, -20.0, 32.0), enhancing_ml=16.0, oedema_ml=40.0, necrosis_share=0.3)
    head = build_head(seed=3, spacing_mm=SMALL.head_spacing_mm)
    rendered = render_timepoint(head, state, profile=SMALL, seed=seed, kinds=kinds)
    return write_dicom(rendered, folder, patient_key=key, study_date=date, seed=seed)


def zipped(files: list[Path], path: Path, extra: dict[str, bytes] | None = None) -> Path:
    """Put files, and some that are no images, into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, file in enumerate(files):
            archive.write(file, f"export/{number % 3}/{number}")
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return path
