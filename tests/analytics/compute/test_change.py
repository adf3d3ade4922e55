"""Change of a series: references, percent and absolute, noise bands and breaks."""

import dataclasses
from datetime import date, timedelta

import pytest

from analytics.compute.change import MeasurementPoint, changes, compare
from analytics.compute.repeatability import change_interval, log_band, probability_of_rise
from gliomon.common.errors import DomainError

RT_END = date(2026, 3, 1)
KNOWN = {
    "method": "threshold",
    "method_version": "1",
    "normalisation": "none",
    "scanner": "Prisma",
    "scanner_software": "E11",
    "field_strength_t": 3.0,
}


def series(values, quantity="volume", days=None, **fields):
    unit = {"volume": "mL", "adc": "mm2/s", "k2": "1/s"}.get(quantity, "1")
    days = days or [28 * i for i in range(len(values))]
    return [
        MeasurementPoint(f"m{i}", RT_END + timedelta(days=day), quantity, value, unit, **(KNOWN | fields))
        for i, (day, value) in enumerate(zip(days, values, strict=True))
    ]


def pair(first, second, quantity="volume", **now):
    points = series([first, second], quantity)
    return compare(dataclasses.replace(points[1], **now), points[0])


def test_percent_and_absolute_have_their_sign():
    fall = pair(10.0, 8.0)
    assert (fall.absolute, fall.percent) == (-2.0, -20.0)
    assert pair(8.0, 10.0).percent == 25.0


def test_baseline_is_the_first_scan_three_to_six_weeks_after_radiotherapy():
    found = changes(series([30, 12, 10, 11, 9], days=[-40, 5, 28, 40, 84]), radiotherapy_end=RT_END)
    assert [point.is_baseline for point in found] == [False, False, True, False, False]
    assert found[0].reference_reason == "first scan 3-6 weeks after radiotherapy (28 days after 2026-03-01)"
    assert [point.versus_baseline is None for point in found] == [True, True, True, False, False]
    assert found[4].versus_baseline.reference_id == "m2"


@pytest.mark.parametrize(("day", "chosen"), [(20, 0), (21, 1), (42, 1), (43, 0)])
def test_window_of_the_baseline_includes_its_ends(day, chosen):
    found = changes(series([30, 12, 10], days=[-5, day, 90]), radiotherapy_end=RT_END)
    assert [point.is_baseline for point in found].index(True) == chosen
    if chosen == 0:
        assert "none 3-6 weeks" in found[0].reference_reason


def test_without_radiotherapy_the_first_scan_is_the_reference_and_says_so():
    found = changes(series([None, 12, 10]))
    assert found[1].is_baseline
    assert found[1].reference_reason == "first scan; no end of radiotherapy is recorded"


def test_nadir_is_the_smallest_up_to_the_scan_before():
    found = changes(series([10, 4, 6, 3, 5]))
    assert [point.versus_nadir and point.versus_nadir.reference_id for point in found] == [
        None,
        "m0",
        "m1",
        "m1",
        "m3",
    ]
    assert [point.versus_previous and point.versus_previous.reference_id for point in found] == [
        None, "m0", "m1", "m2", "m3",
    ]  # fmt: skip


def test_scan_without_a_value_has_no_change_and_is_no_reference():
    found = changes(series([10, float("nan"), 12]))
    assert found[1].versus_previous is None
    assert found[1].versus_baseline is None
    assert found[2].versus_previous.reference_id == "m0"
    assert changes(series([None]))[0].reference_reason == "no scan has a value"


@pytest.mark.parametrize(
    ("ratio", "judgement"),
    [
        (1.07, "within_noise"),
        (1.09, "possible"),
        (0.91, "possible"),
        (1.12, "real_rise"),
        (0.88, "real_fall"),
    ],
)
def test_adc_bands_of_the_product_rule(ratio, judgement):
    # Science sheet 2.3: below 8 % measurement error, 8-11 % possible, above 11 % real.
    assert pair(1e-3, 1e-3 * ratio, "adc").judgement == judgement


def test_adc_on_another_scanner_doubles_the_band():
    change = pair(1e-3, 1.2e-3, "adc", scanner_software="XA30")
    assert change.judgement == "possible"
    assert "band_doubled" in change.flags
    assert change.breaks == ("scanner software: E11 -> XA30",)
    assert pair(1e-3, 1.23e-3, "adc", scanner_software="XA30").judgement == "real_rise"


def test_rcbv_band_is_minus_58_to_plus_136_percent():
    change = pair(2.0, 4.0, "nrcbv")
    assert change.noise_low == pytest.approx(-58, abs=0.5)
    assert change.noise_high == pytest.approx(136, abs=0.5)
    assert change.judgement == "within_noise"
    assert pair(2.0, 4.8, "nrcbv").judgement == "real_rise"
    assert [100 * bound for bound in log_band(0.18)] == pytest.approx([-39, 64], abs=0.8)


def test_rcbv_of_another_scanner_or_method_is_not_compared():
    assert pair(2.0, 6.0, "nrcbv", field_strength_t=1.5).judgement == "not_comparable"
    change = pair(2.0, 6.0, "nrcbv", normalisation="standardised")
    assert change.judgement == "not_comparable"
    assert change.percent == 200
    assert change.probability_of_rise is None


def test_three_tesla_written_as_2_89_is_the_same_field():
    assert pair(2.0, 2.1, "nrcbv", field_strength_t=2.89).breaks == ()


def test_series_breaks_where_values_are_not_comparable():
    points = series([2.0, 2.1, 2.2, 2.3], "nrcbv")
    points[2:] = [dataclasses.replace(point, method_version="2") for point in points[2:]]
    assert [point.segment for point in changes(points)] == [0, 0, 1, 1]


def test_adc_out_of_the_usual_b_range_is_never_joined():
    change = pair(1e-3, 0.7e-3, "adc", flags=("b_out_of_range",))
    assert change.judgement == "not_comparable"


def test_what_is_not_recorded_is_named():
    change = pair(10.0, 11.0, scanner_software=None)
    assert change.breaks == ("scanner software: E11 -> not recorded",)
    bare = compare(*reversed(series([10.0, 11.0], scanner_software=None)))
    assert bare.breaks == ()
    assert "scanner_software_not_recorded" in bare.flags


def test_quantity_without_published_repeatability_is_unknown():
    change = pair(0.01, 0.02, "k2")
    assert (change.judgement, change.noise_low) == ("unknown", None)


def test_volume_from_and_near_zero():
    assert pair(0.0, 0.4).judgement == "within_noise"
    back = pair(0.0, 2.0)
    assert (back.judgement, back.percent, back.absolute) == ("real_rise", None, 2.0)
    assert "reference_zero" in back.flags
    assert pair(2.0, 0.0).judgement == "real_fall"


def test_negative_reference_keeps_the_sign_of_the_percentage():
    assert pair(-0.02, -0.01, "k2").absolute == pytest.approx(0.01)
    assert pair(-0.02, -0.01, "k2").percent == pytest.approx(50)


def test_interval_and_probability():
    low, high = change_interval(1.0, 0.10)
    assert (1 + low) * (1 + high) == pytest.approx(1)
    assert probability_of_rise(1.0, 0.1) == 0.5
    assert probability_of_rise(1.4, 0.1, 0.4) == pytest.approx(0.5)
    assert probability_of_rise(1.32, 0.10) == pytest.approx(0.975, abs=0.001)


def test_mixed_series_is_refused():
    for other in ("adc", "nrcbv"):
        with pytest.raises(DomainError) as caught:
            changes(series([1.0], "volume") + series([1.0], other))
        assert caught.value.code == "mixed_series"
