"""Step "perfusion": relative blood volume with and without leakage correction, normalised to white matter."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from gliomon.common.errors import DomainError
from imaging.compute.device import resolve_device
from imaging.compute.dicom.header import InstanceHeader
from imaging.compute.nawm import normalise_cbv
from imaging.compute.perfusion import PerfusionMaps, leakage_corrected_cbv
from imaging.compute.resample import resample_to
from imaging.compute.volume import Volume
from imaging.models import Instance
from imaging.pipeline.prepare import reference_of
from imaging.pipeline.steps import StepNotPossible
from imaging.pipeline.workspace import Workspace

METHOD = "bsw"
# Voxels of the reference grid; several times the 30 that a divisor needs at the least.
_ENOUGH_WHITE = 500


def compute_perfusion(workspace: Workspace) -> dict[str, Any]:
    """Compute rCBV and K2 on the perfusion grid, bring them to the reference, divide by normal white matter."""
    dynamic = workspace.get("dsc", "native")
    if dynamic is None:
        raise StepNotPossible("no DSC perfusion series in this visit")
    reference = reference_of(workspace)
    matrix = workspace.matrix_to_reference("dsc")
    first = dynamic.with_array(dynamic.array[..., 0], kind="dsc")
    brain = _on_dynamic_grid(workspace, "brain", first, matrix)
    lesion = _on_dynamic_grid(workspace, "labels", first, matrix)
    if brain is None:
        raise StepNotPossible("no brain mask in this visit")
    protocol = _protocol(workspace, dynamic)
    maps = leakage_corrected_cbv(
        dynamic.array,
        echo_time_s=protocol["echo_time_s"],
        repetition_time_s=protocol["repetition_time_s"],
        brain_mask=brain,
        exclude_mask=lesion,
        method=METHOD,
        device=str(resolve_device(workspace.device)),
    )
    flags = [*maps.quality.flags]
    scale = _store_maps(workspace, maps, first, reference, matrix, flags)
    return {
        **protocol,
        **scale,
        "method": METHOD,
        "baseline_points": maps.quality.baseline_points,
        "arrival_s": round(maps.quality.arrival_s, 2),
        "drop": round(maps.quality.drop, 3),
        "snr": round(maps.quality.snr, 1),
        "mean_curve": [round(float(value), 2) for value in maps.quality.mean_curve],
        "flags": flags,
    }


def _on_dynamic_grid(workspace: Workspace, kind: str, first: Volume, matrix: np.ndarray) -> Any:
    """A mask of the reference drawn on the perfusion grid."""
    mask = workspace.get(kind, "reference")
    if mask is None:
        return None
    return resample_to(mask, first, np.linalg.inv(matrix)).array > 0


def _protocol(workspace: Workspace, dynamic: Volume) -> dict[str, float]:
    """Echo time and time between samples, in seconds, from the series' own headers."""
    stored = Instance.objects.filter(series__series_uid__in=workspace.uids("dsc")).first()
    if stored is None:
        raise DomainError("dsc_header_missing", "the perfusion series has no stored header")
    header = InstanceHeader.from_json(stored.header)
    echo_ms = header.echo_time_ms or next((f.echo_time_ms for f in header.frames if f.echo_time_ms), None)
    if echo_ms is None:
        raise DomainError("dsc_no_echo_time", "the perfusion series states no echo time")
    if dynamic.times_s is not None and len(dynamic.times_s) > 1:
        step_s = float(np.median(np.diff(dynamic.times_s)))
    elif header.repetition_time_ms:
        step_s = header.repetition_time_ms / 1000.0
    else:
        raise DomainError("dsc_no_timing", "the perfusion series states no time between its samples")
    return {"echo_time_s": echo_ms / 1000.0, "repetition_time_s": round(step_s, 4)}


def _store_maps(
    workspace: Workspace,
    maps: PerfusionMaps,
    first: Volume,
    reference: Volume,
    matrix: np.ndarray,
    flags: list[str],
) -> dict[str, Any]:
    """Store corrected and uncorrected blood volume and K2 on the reference grid; returns how they were scaled."""
    nawm = workspace.get("nawm", "reference")
    if nawm is None:
        raise StepNotPossible("no normal white matter was found to normalise by")
    white = _white_through_and_through(nawm, first)
    detail: dict[str, Any] = {"white_matter_voxels_left": int(white.sum())}
    for kind, array in (("rcbv", maps.cbv), ("rcbv_uncorrected", maps.cbv_uncorrected)):
        trusted = np.where(maps.reliable, array, np.nan)
        drawn = resample_to(first.with_array(trusted, kind=kind, unit="1"), reference, matrix)
        scaled = normalise_cbv(drawn.array, white)
        _put(workspace, drawn.with_array(scaled.cbv.astype(np.float32)), flags)
        detail[f"{kind}_nawm_voxels"] = scaled.n_voxels
        detail[f"{kind}_nawm_cv"] = round(scaled.nawm_cv, 3)
    k2 = np.where(maps.reliable, maps.k2, np.nan).astype(np.float32)
    _put(workspace, resample_to(first.with_array(k2, kind="k2", unit="1/s"), reference, matrix), flags)
    return detail


def _white_through_and_through(nawm: Volume, first: Volume) -> Any:
    """White matter further inside than half a perfusion voxel, so that no divisor voxel mixes in cortex.

    Grey matter holds about twice the blood: on a virtual head a 3 x 3 x 5 mm grid raised the divisor by 10 %.
    The whole region is taken where too little of it is that deep.
    """
    white = nawm.array.astype(bool)
    depth = ndimage.distance_transform_edt(white, sampling=nawm.spacing_mm)
    deep = white & (depth > max(first.spacing_mm) / 2.0)
    return deep if deep.sum() >= _ENOUGH_WHITE else white


def _put(workspace: Workspace, volume: Volume, flags: list[str]) -> None:
    workspace.put(
        volume, "reference", method=f"leakage {METHOD}", flags=tuple(flags), input_uids=workspace.uids("dsc")
    )
