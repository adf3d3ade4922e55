"""Step "measure": from labels and maps to rows of numbers, each with its provenance."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gliomon.common.news import features_ready
from gliomon.common.version import code_version
from imaging.compute.features import RegionMeasurement, region_measurements
from imaging.compute.quality import merged, nawm_adc_flags
from imaging.compute.volume import Volume
from imaging.models import ImagingStep, Measurement
from imaging.pipeline.steps import StepNotPossible
from imaging.pipeline.workspace import Workspace

MAPS = ("adc", "rcbv", "k2")
# Said once at the map; beside every number it would only hide the flags that matter there.
_NOT_REPEATED = {"no_noise_level"}
# The native series from which each map was computed.
_SOURCES = {"adc": "adc", "rcbv": "dsc", "k2": "dsc"}


def measure_regions(workspace: Workspace) -> dict[str, Any]:
    """Measure every region in every map, and store what is new."""
    labels, brain = workspace.get("labels", "reference"), workspace.get("brain", "reference")
    maps = {kind: volume for kind in MAPS if (volume := workspace.get(kind, "reference")) is not None}
    found: list[RegionMeasurement] = []
    if labels is not None:
        found += _of_regions(workspace, labels, maps)
    if brain is not None and "adc" in maps:
        found += _of_brain(workspace, brain, maps["adc"])
    if not found:
        raise StepNotPossible("neither a lesion outline nor an ADC map in this visit")
    stored = _store(workspace, found, _quality(found))
    run = workspace.run
    workspace.when_closed(
        lambda: features_ready.send(
            sender=Measurement,
            patient_id=run.timepoint.patient_id,
            timepoint_id=run.timepoint_id,
            run_id=f"{run.pk}:{run.attempts}",
        )
    )
    return {"measurements": stored, "maps": sorted(maps)}


def _of_regions(workspace: Workspace, labels: Volume, maps: dict[str, Volume]) -> list[RegionMeasurement]:
    step = ImagingStep.objects.get(run=workspace.run, name="segment")
    known = step.detail.get("regions_known")
    return region_measurements(
        labels,
        maps,
        nawm=workspace.get("nawm", "reference"),
        regions_known=None if known is None else tuple(known),
        native_voxel_ml=_native_voxels(workspace, maps),
        map_flags=_map_flags(workspace, maps),
    )


def _of_brain(workspace: Workspace, brain: Volume, adc: Volume) -> list[RegionMeasurement]:
    """ADC of the whole brain: what can be said where no lesion can be outlined."""
    nothing = brain.with_array(np.zeros_like(brain.array, dtype=np.uint8), kind="labels")
    rows = region_measurements(
        nothing,
        {"adc": adc},
        nawm=brain,
        regions_known=(),
        map_flags=_map_flags(workspace, {"adc": adc}),
    )
    return [dataclasses.replace(row, region="brain") for row in rows]


def _native_voxels(workspace: Workspace, maps: dict[str, Volume]) -> dict[str, float]:
    found = {}
    for kind in maps:
        native = workspace.get(_SOURCES[kind], "native")
        if native is not None:
            found[kind] = native.voxel_ml
    return found


def _map_flags(workspace: Workspace, maps: dict[str, Volume]) -> dict[str, tuple[str, ...]]:
    rows = {kind: workspace.row(kind, "reference") for kind in maps}
    return {
        kind: tuple(flag for flag in row.flags if flag not in _NOT_REPEATED)
        for kind, row in rows.items()
        if row is not None
    }


def _quality(found: list[RegionMeasurement]) -> dict[str, tuple[str, ...]]:
    """Flags that concern every number of a quantity."""
    white = next(
        (row.value for row in found if (row.region, row.quantity, row.statistic) == ("nawm", "adc", "mean")),
        None,
    )
    return {"adc": nawm_adc_flags(white)}


def _store(workspace: Workspace, found: list[RegionMeasurement], quality: dict[str, tuple[str, ...]]) -> int:
    """Have the rows stored that this run does not have yet; returns how many."""
    run = workspace.run
    have = set(Measurement.objects.filter(run=run).values_list("region", "quantity", "statistic"))
    uids = {kind: workspace.uids(_SOURCES[kind]) for kind in MAPS}
    labels = workspace.row("labels", "reference")
    uids["labels"] = list(labels.input_uids) if labels is not None else []
    digest = ImagingStep.objects.get(run=run, name="read").detail["inputs_hash"]
    fresh = [row for row in found if (row.region, row.quantity, row.statistic) not in have]
    for row in fresh:
        workspace.add(
            Measurement(
                run=run,
                timepoint=run.timepoint,
                region=row.region,
                quantity=row.quantity,
                statistic=row.statistic,
                value=row.value,
                unit=row.unit,
                n_voxels=row.n_voxels,
                nan_share=row.nan_share,
                flags=list(merged(row.flags, quality.get(row.quantity, ()))),
                input_uids=_inputs(row.quantity, uids),
                inputs_hash=digest,
                code_version=code_version("imaging"),
            )
        )
    return len(fresh)


def _inputs(quantity: str, uids: dict[str, list[str]]) -> list[str]:
    """DICOM series behind a number: the map's and those the outline rests on."""
    kind = {"nrcbv": "rcbv"}.get(quantity, quantity)
    return sorted({*uids.get(kind, []), *uids["labels"]})
