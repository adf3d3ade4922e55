"""Steps "brain" and "align": the brain of the reference, and every sequence brought to it."""

from __future__ import annotations

from typing import Any

from gliomon.common.errors import DomainError
from gliomon.common.version import code_version
from imaging.compute.registration import align_rigid
from imaging.compute.resample import resample_to
from imaging.compute.volume import Volume
from imaging.models import Registration
from imaging.pipeline.read import STRUCTURAL
from imaging.pipeline.steps import StepNotPossible
from imaging.pipeline.workspace import Workspace


def reference_of(workspace: Workspace) -> Volume:
    """The visit's reference volume; without a structural series there is none."""
    kind = workspace.reference_kind()
    if kind is None:
        raise StepNotPossible("no T1, T1ce, T2 or FLAIR in this visit")
    volume = workspace.get(kind, "native")
    if volume is None:
        raise StepNotPossible(f"the {kind} volume is not stored")
    return volume


def find_brain(workspace: Workspace) -> dict[str, Any]:
    """Extract the brain of the reference."""
    from imaging.compute.brain import extract_brain
    from imaging.compute.device import resolve_device

    reference = reference_of(workspace)
    found = extract_brain(reference, device=str(resolve_device(workspace.device)))
    workspace.put(
        found.mask,
        "reference",
        method=f"{found.method} {found.version}",
        flags=found.flags,
        input_uids=workspace.uids(reference.kind),
    )
    return {
        "reference": reference.kind,
        "method": found.method,
        "volume_ml": round(found.volume_ml, 1),
        "flags": list(found.flags),
    }


def align_sequences(workspace: Workspace) -> dict[str, Any]:
    """Align every sequence to the reference; a result that is not better than the headers is refused and said."""
    reference = reference_of(workspace)
    brain = workspace.get("brain", "reference")
    detail: dict[str, Any] = {"reference": reference.kind}
    for kind in sorted(workspace.kinds("native")):
        moving = workspace.get(kind, "native")
        if moving is None or kind == "adc_scanner":
            continue
        if kind == reference.kind:
            workspace.put(reference, "reference", method="is the reference", input_uids=workspace.uids(kind))
        else:
            detail[kind] = _align_one(workspace, moving, reference, brain)
    return detail


def _align_one(
    workspace: Workspace, moving: Volume, reference: Volume, brain: Volume | None
) -> dict[str, Any]:
    try:
        found = align_rigid(moving, reference, brain_fixed=brain)
    except DomainError as error:
        return {"accepted": False, "reason": error.code, "sentence": error.message}
    quality = {
        "mi_before": round(found.mi_before, 4),
        "mi_after": round(found.mi_after, 4),
        "displacement_mm": round(found.displacement_mm, 2),
    }
    workspace.add(
        Registration(
            run=workspace.run,
            moving_kind=moving.kind,
            fixed_kind=reference.kind,
            matrix=found.matrix.tolist(),
            accepted=found.accepted,
            reason=found.reason,
            quality=quality,
            method=f"rigid {found.version}",
            code_version=code_version("imaging"),
        )
    )
    if moving.kind in STRUCTURAL:
        workspace.put(
            resample_to(moving, reference, found.matrix),
            "reference",
            method=f"rigid {found.version}",
            flags=() if found.accepted else ("alignment_refused",),
            input_uids=workspace.uids(moving.kind),
        )
    return {"accepted": found.accepted, "reason": found.reason, **quality}
