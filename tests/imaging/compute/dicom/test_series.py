"""Recognition: what a scanner states, the physics of the sequence and people's names, with the classic traps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from imaging.compute.dicom.header import FrameHeader, InstanceHeader
from imaging.compute.dicom.series import Recognition, recognise

MR = "1.2.840.10008.5.1.4.1.1.4"
T1_GRE = {
    "repetition_time_ms": 1760.0,
    "echo_time_ms": 3.1,
    "inversion_time_ms": 950.0,
    "gradient_echo": True,
}
T1_SE = {"repetition_time_ms": 550.0, "echo_time_ms": 12.0}
T2_TSE = {"repetition_time_ms": 4680.0, "echo_time_ms": 85.0}
FLAIR = {"repetition_time_ms": 9000.0, "echo_time_ms": 120.0, "inversion_time_ms": 2500.0}
EPI = {"repetition_time_ms": 1500.0, "echo_time_ms": 30.0, "echo_planar": True, "gradient_echo": True}
DIFFUSION = {"repetition_time_ms": 6000.0, "echo_time_ms": 80.0, "echo_planar": True}


def series(
    description: str = "",
    *,
    times: int = 1,
    b: tuple[float, ...] = (),
    types: tuple[str, ...] = (),
    **values: Any,
) -> list[InstanceHeader]:
    """Four slices, each with `times` images or one image per b-value."""
    base = {"modality": "MR", "sop_class_uid": MR, "image_type": ("ORIGINAL", "PRIMARY", *types), **values}
    return [
        InstanceHeader(
            path="x",
            sop_uid=f"1.{k}.{t}",
            series_uid="1",
            study_uid="1",
            transfer_syntax="1.2.840.10008.1.2.1",
            rows=4,
            columns=4,
            description=description,
            frames=(
                FrameHeader(
                    position=(0.0, 0.0, 3.0 * k), orientation=(1, 0, 0, 0, 1, 0), b_value=b[t] if b else None
                ),
            ),
            **base,
        )
        for k in range(4)
        for t in range(len(b) or times)
    ]


def kind(*args: Any, **values: Any) -> str:
    return recognise(series(*args, **values)).kind


@pytest.mark.parametrize(
    ("description", "values", "expected"),
    [
        ("t1_mprage_sag", T1_GRE, "t1"),
        ("Ax T1 SE", T1_SE, "t1"),
        ("MPRAGE", T1_GRE, "t1"),
        ("T1 FLAIR", {"repetition_time_ms": 2200.0, "echo_time_ms": 20.0, "inversion_time_ms": 860.0}, "t1"),
        ("Sag CUBE T1", T1_SE, "t1"),
        ("AX T2 FRFSE", T2_TSE, "t2"),
        ("t2_tse_tra", T2_TSE, "t2"),
        ("Ax T2 FLAIR", FLAIR, "flair"),
        ("t2_tirm_tra_dark-fluid", FLAIR, "flair"),
        (
            "FLAIR 3D",
            {"repetition_time_ms": 5000.0, "echo_time_ms": 390.0, "inversion_time_ms": 1800.0},
            "flair",
        ),
        ("", T1_GRE, "t1"),
        ("", T2_TSE, "t2"),
        ("", FLAIR, "flair"),
    ],
)
def test_structural(description: str, values: dict[str, Any], expected: str) -> None:
    assert kind(description, **values) == expected


@pytest.mark.parametrize(
    ("description", "agent", "expected"),
    [
        ("t1 axial stealth-post", "9ML MULTIHANCE", "t1ce"),
        ("T1 post", "", "t1ce"),
        ("T1_MPRAGE +C", "", "t1ce"),
        ("AX T1 GD", "", "t1ce"),
        ("t1_mprage_km", "", "t1ce"),
        ("T1w", "Gadovist", "t1ce"),
        ("T1 pre contrast", "", "t1"),
        ("T1 without contrast", "", "t1"),
        ("T1 w/o", "", "t1"),
        ("T1", "", "t1"),
    ],
)
def test_contrast_by_name_or_by_tag(description: str, agent: str, expected: str) -> None:
    assert kind(description, **T1_GRE, contrast_agent=agent) == expected


def test_contradictions_cost_confidence() -> None:
    both = recognise(series("T1 post", **T1_GRE, contrast_agent="Gadovist"))
    tag_only = recognise(series("T1", **T1_GRE, contrast_agent="Gadovist"))
    against = recognise(series("T1 pre", **T1_GRE, contrast_agent="Gadovist"))
    assert both.confidence > tag_only.confidence > 0.5 > against.confidence
    wrong_name = recognise(series("AX T1", **T2_TSE))
    assert (wrong_name.kind, wrong_name.confidence < 0.5) == ("t2", True)
    assert "Name and physics disagree." in wrong_name.reasons


def test_contrast_tag_does_not_turn_flair_into_t1ce() -> None:
    assert kind("t2_Flair_axial", **FLAIR, contrast_agent="9ML MULTIHANCE") == "flair"


def test_diffusion_and_its_maps() -> None:
    assert kind("DWI", b=(0.0, 1000.0), **DIFFUSION) == "dwi"
    assert kind("", b=(0.0, 1000.0), **DIFFUSION) == "dwi"
    assert kind("ep2d_diff_TRACEW", b=(1000.0,), types=("DIFFUSION", "TRACEW"), **DIFFUSION) == "dwi"
    assert kind("TENSOR_B0", b=(0.0,), types=("DIFFUSION", "TENSOR_B0"), **DIFFUSION) == "dwi"
    assert kind("ep2d_diff_ADC", b=(0.0,), types=("DIFFUSION", "ADC"), **DIFFUSION) == "adc"
    assert kind("Apparent Diffusion Coefficient", **DIFFUSION) == "adc"
    assert kind("ADC (10^-6 mm2/s)", **DIFFUSION) == "adc"


@pytest.mark.parametrize(
    "name", ["eADC", "Exponential ADC", "DTI FA", "colFA", "rCBV", "relCBV", "MTT", "TTP", "CBF map", "Tmax"]
)
def test_computed_maps_are_other(name: str) -> None:
    verdict = recognise(series(name, **DIFFUSION))
    assert verdict.kind == "other"
    assert verdict.reasons


@pytest.mark.parametrize("token", ["FA", "EADC", "CBV", "TTP", "MTT"])
def test_computed_maps_by_image_type(token: str) -> None:
    assert kind("", types=(token,), **DIFFUSION) == "other"


def test_dsc() -> None:
    assert kind("ep2d_perf", times=40, contrast_agent="Gadovist", **EPI) == "dsc"
    assert kind("DSC PERFUSION", times=60, **EPI) == "dsc"
    assert kind("PWI", times=50, **EPI) == "dsc"


@pytest.mark.parametrize(
    ("description", "values"),
    [
        ("pcasl_perfusion", {"times": 60, **EPI}),
        ("Perfusion", {"times": 60, "asl_contrast": "PSEUDOCONTINUOUS", **EPI}),
        ("Perfusion_Weighted", {"times": 60, "types": ("ASL",), **EPI}),
        ("fMRI finger tapping", {"times": 120, **EPI}),
        ("BOLD_rest", {"times": 200, "contrast_agent": "Gadovist", **EPI}),
        ("ep2d", {"times": 120, **EPI}),
        ("perf", {"times": 5, **EPI}),
        (
            "DCE perfusion",
            {"times": 60, "repetition_time_ms": 5.0, "echo_time_ms": 2.0, "gradient_echo": True},
        ),
        ("perfusion", {"times": 60, "repetition_time_ms": 5.0, "echo_time_ms": 2.0, "gradient_echo": True}),
    ],
)
def test_not_dsc(description: str, values: dict[str, Any]) -> None:
    assert kind(description, **values) == "other"


@pytest.mark.parametrize(
    ("description", "values"),
    [
        ("localizer", T1_GRE),
        ("", {**T1_GRE, "types": ("LOCALIZER",)}),
        ("T1 SUB", T1_GRE),
        ("", {**T1_GRE, "types": ("SUBTRACT",)}),
        ("SWI", {"echo_time_ms": 20.0, "repetition_time_ms": 28.0, "gradient_echo": True}),
        ("t2* gre", {"echo_time_ms": 20.0, "repetition_time_ms": 600.0, "gradient_echo": True}),
        ("TOF 3D MRA", T1_GRE),
        ("MIP", T1_GRE),
        ("PD TSE", {"echo_time_ms": 12.0, "repetition_time_ms": 3000.0}),
        ("T2 STIR", {"echo_time_ms": 60.0, "repetition_time_ms": 4000.0, "inversion_time_ms": 160.0}),
        ("", {}),
        ("AX T1", {**T1_SE, "modality": "CT"}),
        ("AX T1", {**T1_SE, "sop_class_uid": "1.2.840.10008.5.1.4.1.1.7"}),
        ("AX T1", {**T1_SE, "samples_per_pixel": 3}),
    ],
)
def test_other(description: str, values: dict[str, Any]) -> None:
    assert kind(description, **values) == "other"


def test_derived_images_are_not_dismissed() -> None:
    phantom = {"manufacturer": "gliomon virtual scanner", "image_type": ("DERIVED", "SECONDARY", "OTHER")}
    headers = series("T1 post", **T1_GRE, contrast_agent="Gd")
    assert recognise([dataclasses.replace(h, **phantom) for h in headers]).kind == "t1ce"


def test_reasons_are_sentences_and_nothing_is_certain() -> None:
    for headers in (series("t1", **T1_GRE), series("x"), series("ep2d_perf", times=40, **EPI)):
        verdict = recognise(headers)
        assert 0.0 <= verdict.confidence < 1.0
        assert all(
            reason[0].isupper() or reason[0] == "'" or reason[0].isdigit() for reason in verdict.reasons
        )
        assert all(reason.endswith(".") for reason in verdict.reasons)
    assert recognise([]) == Recognition("other", 0.0, ("The series holds no images.",))
