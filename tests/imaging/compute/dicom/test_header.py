"""Headers survive JSON unchanged."""

from __future__ import annotations

import json

from imaging.compute.dicom.header import FrameHeader, InstanceHeader, Mosaic


def test_json_round_trip() -> None:
    frame = FrameHeader(
        position=(1.0, 2.0, 3.0), gradient=(0.0, 0.6, 0.8), b_value=1000.0, frame_type=("M", "SE")
    )
    header = InstanceHeader(
        path="/a/b",
        sop_uid="1.2",
        sop_class_uid="1.3",
        series_uid="1.4",
        study_uid="1.5",
        transfer_syntax="1.2.840.10008.1.2",
        rows=3,
        columns=4,
        image_type=("ORIGINAL", "PRIMARY"),
        echo_time_ms=80.5,
        mosaic=Mosaic(tiles=9, normal=(0.0, 0.0, 1.0), step_mm=3.0),
        frames=(frame, FrameHeader(index=1)),
    )
    again = InstanceHeader.from_json(json.loads(json.dumps(header.to_json())))
    assert again == header
    assert (again.b_value, again.position) == (1000.0, (1.0, 2.0, 3.0))
