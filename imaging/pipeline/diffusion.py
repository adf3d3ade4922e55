"""Step "adc": from diffusion-weighted volumes, or else from the scanner's own map."""

from __future__ import annotations

from typing import Any

import numpy as np

from gliomon.common.errors import DomainError
from imaging.compute.adc import fit_adc, to_mm2_per_s
from imaging.compute.device import resolve_device
from imaging.compute.resample import resample_to
from imaging.compute.volume import Volume
from imaging.pipeline.steps import StepNotPossible
from imaging.pipeline.workspace import Workspace

# Signal above this share of the b = 0 volume's 98th percentile counts as tissue when no brain mask is there.
_FOREGROUND_SHARE = 0.1


def compute_adc(workspace: Workspace) -> dict[str, Any]:
    """Fit ADC, or convert the scanner's map where no diffusion series came; compare the two where both did."""
    diffusion, scanner = workspace.get("dwi", "native"), workspace.get("adc_scanner", "native")
    if diffusion is None and scanner is None:
        raise StepNotPossible("no diffusion series and no scanner ADC map in this visit")
    if diffusion is not None and _can_be_fitted(diffusion):
        detail = _from_diffusion(workspace, diffusion)
        if scanner is not None:
            detail["scanner_map"] = _agreement(workspace, scanner)
        return detail
    if scanner is None:
        raise DomainError("adc_b_values", "ADC needs at least two different b-values in this visit")
    return _from_scanner(workspace, scanner)


def _can_be_fitted(diffusion: Volume) -> bool:
    return len({round(b, -1) for b in diffusion.b_values or ()}) >= 2


def _from_diffusion(workspace: Workspace, diffusion: Volume) -> dict[str, Any]:
    mask = foreground(diffusion.array[..., int(np.argmin(diffusion.b_values or (0,)))])
    fit = fit_adc(
        diffusion.array,
        np.asarray(diffusion.b_values),
        mask=mask,
        device=str(resolve_device(workspace.device)),
    )
    adc = diffusion.with_array(fit.adc.astype(np.float32), kind="adc", unit="mm2/s")
    _store(workspace, adc, method=f"{fit.method} b {_words(fit.b_used)}", flags=fit.flags, source="dwi")
    return {
        "method": fit.method,
        "b_used": list(fit.b_used),
        "b_dropped": list(fit.b_dropped),
        "censored_points": fit.n_censored,
        "out_of_range_voxels": fit.n_out_of_range,
        "flags": list(fit.flags),
    }


def _from_scanner(workspace: Workspace, scanner: Volume) -> dict[str, Any]:
    values, unit = to_mm2_per_s(scanner.array.astype(np.float32), foreground(scanner.array))
    values = np.where((values >= 0.1e-3) & (values <= 3.5e-3), values, np.nan).astype(np.float32)
    flags = ("scanner_map",)
    _store(
        workspace,
        scanner.with_array(values, kind="adc", unit="mm2/s"),
        method=f"scanner map, unit {unit}",
        flags=flags,
        source="adc_scanner",
    )
    return {"method": "scanner map", "detected_unit": unit, "flags": list(flags)}


def _store(workspace: Workspace, adc: Volume, *, method: str, flags: tuple[str, ...], source: str) -> None:
    uids = workspace.uids(source)
    workspace.put(adc, "native", method=method, flags=flags, input_uids=uids)
    kind = workspace.reference_kind()
    reference = workspace.get(kind, "native") if kind is not None else None
    if reference is not None:
        matrix = workspace.matrix_to_reference("dwi" if source == "dwi" else "adc_scanner")
        workspace.put(
            resample_to(adc, reference, matrix), "reference", method=method, flags=flags, input_uids=uids
        )


def _agreement(workspace: Workspace, scanner: Volume) -> dict[str, Any]:
    """How our map compares with the scanner's where both have a number."""
    ours = workspace.get("adc", "native")
    if ours is None or ours.array.shape != scanner.array.shape:
        return {"compared": False, "reason": "the scanner's map lies on another grid"}
    theirs = scanner.array.astype(float)
    both = np.isfinite(ours.array) & (theirs > 0)
    if both.sum() < 100:
        return {"compared": False, "reason": "fewer than 100 voxels in common"}
    correlation = float(np.corrcoef(ours.array[both], theirs[both])[0, 1])
    ratio = float(np.median(ours.array[both] / theirs[both]))
    return {"compared": True, "r": round(correlation, 5), "ratio_of_values": ratio}


def foreground(image: np.ndarray) -> np.ndarray:
    """Voxels with signal, where no better mask is at hand."""
    finite = np.nan_to_num(np.asarray(image, dtype=float))
    return finite > _FOREGROUND_SHARE * np.percentile(finite, 98)


def _words(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.0f}" for value in values)
