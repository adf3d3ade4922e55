"""Step "read": from stored series to one native volume of each kind."""

from __future__ import annotations

import dataclasses
from typing import Any

from gliomon.common.errors import DomainError
from imaging.compute.dicom.read import join_diffusion, read_volume
from imaging.compute.volume import Volume, same_grid
from imaging.models import Series
from imaging.pipeline.workspace import Workspace
from imaging.services.intake import headers_of, series_by_kind
from imaging.services.processing import inputs_hash

STRUCTURAL = ("t1", "t1ce", "t2", "flair")


def read_series(workspace: Workspace) -> dict[str, Any]:
    """Read the best series of every kind; series that cannot be a volume are named with the reason."""
    # Taken before the first image is read: what comes in later belongs to another run.
    digest = inputs_hash(workspace.run.timepoint)
    found = series_by_kind(workspace.run.timepoint)
    refused: list[dict[str, str]] = []
    used: list[str] = []
    for kind in (*STRUCTURAL, "adc", "dsc"):
        if _read_first(workspace, kind, found.get(kind, []), refused):
            used.append(kind)
    if _read_diffusion(workspace, found.get("dwi", []), refused):
        used.append("dwi")
    if not used:
        reasons = "; ".join(item["reason"] for item in refused[:3]) or "no series of a known kind"
        raise DomainError("no_usable_series", f"no series could be read: {reasons}")
    return {"used": used, "refused": refused, "inputs_hash": digest}


def _read_first(
    workspace: Workspace, kind: str, candidates: list[Series], refused: list[dict[str, str]]
) -> bool:
    """Store the first candidate that reads; all that do not are named."""
    for series in candidates:
        volume = _try(series, kind, refused)
        if volume is not None:
            stored = _named(volume, "adc_scanner" if kind == "adc" else kind)
            workspace.put(stored, "native", method="dicom", input_uids=[series.series_uid])
            return True
    return False


def _try(series: Series, kind: str, refused: list[dict[str, str]]) -> Volume | None:
    try:
        return _named(read_volume(headers_of(series), kind=kind), kind)
    except DomainError as error:
        refused.append(
            {
                "series": series.series_uid,
                "description": series.description,
                "code": error.code,
                "reason": error.message,
            }
        )
        return None


def _named(volume: Volume, kind: str) -> Volume:
    return dataclasses.replace(volume, kind=kind)


def _read_diffusion(workspace: Workspace, candidates: list[Series], refused: list[dict[str, str]]) -> bool:
    """Join the diffusion series that lie on one grid; scanners store b = 0 and trace apart."""
    read = [(series, _try(series, "dwi", refused)) for series in candidates]
    groups: list[list[tuple[Series, Volume]]] = []
    for series, volume in read:
        if volume is None:
            continue
        home = next((group for group in groups if same_grid(group[0][1], volume, tolerance_mm=1e-2)), None)
        if home is None:
            groups.append([(series, volume)])
        else:
            home.append((series, volume))
    if not groups:
        return False
    best = max(groups, key=_distinct_b)
    joined = join_diffusion([volume for _, volume in best])
    workspace.put(joined, "native", method="dicom", input_uids=[series.series_uid for series, _ in best])
    return True


def _distinct_b(group: list[tuple[Series, Volume]]) -> int:
    return len({round(b, -1) for _, volume in group for b in volume.b_values or ()})
