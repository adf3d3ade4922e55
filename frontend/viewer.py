"""What the image viewer is given: which volumes there are, how maps are coloured, what the labels mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from imaging import selectors

BASES = ("t1ce", "t1", "t2", "flair")
# matplotlib's perceptually uniform maps (CC0), 17 even steps: the viewer's own of these names have 4 and are translucent.
COLOURS: dict[str, str] = {
    "viridis": (
        "#440154 #48186a #472d7b #424086 #3b528b #33638d #2c728e #26828e #21918c "
        "#1f9f88 #27ad81 #3dbc74 #5cc863 #81d34d #aadc32 #d5e21a #fde725"
    ),
    "inferno": (
        "#000004 #0b0724 #210c4a #3d0965 #57106e #71196e #8a226a #a32c61 #bc3754 "
        "#d04545 #e35933 #f1711f #f98c0a #fcaa0f #f9c932 #f2e865 #fcffa4"
    ),
}
# Fixed windows, so that visits can be compared by eye. Shown unit = stored unit x scale.
MAPS: dict[str, dict[str, Any]] = {
    "adc": {
        "title": "ADC",
        "unit": "×10⁻⁶ mm²/s",
        "colormap": "viridis",
        "low": 0.3e-3,
        "high": 2.5e-3,
        "scale": 1e6,
        "digits": 0,
        "key": "A",
    },
    "rcbv": {
        "title": "nRCBV",
        "unit": "× normal white matter",
        "colormap": "inferno",
        "low": 0.0,
        "high": 4.0,
        "scale": 1.0,
        "digits": 1,
        "key": "R",
    },
}


def viewer_setup(patient: Any, volumes: Sequence[Any]) -> dict[str, Any] | None:
    """The viewer's data, ready for JSON; None where there is no image on the visit's reference grid."""
    shown = {volume.kind: volume for volume in volumes if volume.space == "reference"}
    bases = [_image(patient, shown[kind]) for kind in BASES if kind in shown]
    if not bases:
        return None
    return {
        "bases": bases,
        "labels": _image(patient, shown["labels"]) if "labels" in shown else None,
        "maps": [_map(patient, shown[kind]) for kind in MAPS if kind in shown],
        "legend": legend(),
    }


def legend() -> list[dict[str, Any]]:
    """Label values with name, colour and meaning, in the fixed order."""
    return [
        {
            "value": value,
            "key": entry.key,
            "name": entry.name,
            "colour": entry.colour,
            "meaning": entry.meaning,
        }
        for value, entry in selectors.label_legend()
    ]


def _map(patient: Any, volume: Any) -> dict[str, Any]:
    how = MAPS[volume.kind]
    return _image(patient, volume) | how | {"colours": COLOURS[how["colormap"]].split()}


def _image(patient: Any, volume: Any) -> dict[str, Any]:
    return {
        "kind": volume.kind,
        "name": selectors.volume_name(volume.kind),
        "url": reverse("volume-file", args=[patient.key, volume.pk]),
        "affine": volume.affine,
    }
