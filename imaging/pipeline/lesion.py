"""Steps "segment" and "nawm": the lesion's labels, and normal-appearing white matter opposite to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gliomon.common.errors import DomainError
from imaging.compute.nawm import nawm_contralateral
from imaging.compute.segmentation.threshold import segment_by_threshold
from imaging.models import Segmentation
from imaging.pipeline.prepare import reference_of
from imaging.pipeline.read import STRUCTURAL
from imaging.pipeline.steps import StepNotPossible
from imaging.pipeline.workspace import Workspace


def outline_lesion(workspace: Workspace) -> dict[str, Any]:
    """Label the lesion by the threshold pair inside the brain."""
    brain = workspace.get("brain", "reference")
    if brain is None:
        raise StepNotPossible("no brain mask in this visit")
    images = {kind: volume for kind in STRUCTURAL if (volume := workspace.get(kind, "reference")) is not None}
    if not {"t1ce", "flair"} & set(images):
        raise StepNotPossible("neither a post-contrast T1 nor a FLAIR in this visit")
    found = segment_by_threshold(images, brain)
    uids = [uid for kind in found.inputs_used for uid in workspace.uids(kind)]
    row = workspace.put(
        found.labels,
        "reference",
        method=f"{found.method} {found.version}",
        flags=tuple(found.flags),
        input_uids=uids,
    )
    workspace.add(
        Segmentation(
            run=workspace.run,
            volume=row,
            method=found.method,
            version=found.version,
            inputs_used=list(found.inputs_used),
            inputs_missing=list(found.inputs_missing),
            flags=list(found.flags),
        )
    )
    return {
        "method": found.method,
        "version": found.version,
        "inputs_used": list(found.inputs_used),
        "inputs_missing": list(found.inputs_missing),
        "regions_known": list(found.regions_known),
        "flags": list(found.flags),
    }


def find_normal_white_matter(workspace: Workspace) -> dict[str, Any]:
    """Find normal-appearing white matter in the hemisphere opposite to the lesion."""
    reference = reference_of(workspace)
    brain, labels = workspace.get("brain", "reference"), workspace.get("labels", "reference")
    if brain is None or labels is None:
        raise StepNotPossible("no brain mask or no lesion labels in this visit")
    weighting = next(
        (kind for kind in ("t1", "t1ce", "t2") if workspace.get(kind, "reference") is not None), None
    )
    if weighting is None:
        raise StepNotPossible("no T1, T1ce or T2 to tell white matter from grey")
    structural = workspace.get(weighting, "reference")
    adc = workspace.get("adc", "reference")
    if structural is None:
        raise DomainError("volume_missing", f"the {weighting} volume is not stored")
    region = nawm_contralateral(
        brain.array.astype(bool),
        labels.array > 0,
        structural.array,
        reference.affine,
        weighting=weighting,
        adc=adc.array.astype(float) if adc is not None else None,
    )
    workspace.put(
        reference.with_array(region.mask.astype(np.uint8), kind="nawm", unit="1"),
        "reference",
        method=f"contralateral white matter on {weighting}",
        flags=region.flags,
        input_uids=workspace.uids(weighting),
    )
    return {
        "side": region.side,
        "voxels": region.n_voxels,
        "weighting": weighting,
        "flags": list(region.flags),
    }
