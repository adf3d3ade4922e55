"""The enhancing-volume rule: RANO 3D threshold, measurable floor, pseudoprogression window."""

from datetime import date, timedelta

import pytest

from analytics.compute.alert_rules import (
    Firing,
    NotFired,
    RadiotherapyEnd,
    VolumePoint,
    enhancing_volume_beyond_nadir,
)
from gliomon.common.errors import DomainError

RT_END = RadiotherapyEnd("rt", date(2026, 1, 1))


def scans(*pairs, version="1"):
    return [
        VolumePoint(f"v{day}", RT_END.on + timedelta(days=day), volume, "threshold", version)
        for day, volume in pairs
    ]


def judge(*pairs, end=RT_END, **options):
    return enhancing_volume_beyond_nadir(scans(*pairs), radiotherapy_end=end, **options)


@pytest.mark.parametrize(
    ("now", "fires"), [(13.9, False), (13.999999, False), (14.0, True), (10.0 * 1.4, True), (30.0, True)]
)
def test_threshold_is_forty_percent_inclusive(now, fires):
    # Worked cases 8 and 9 of the science sheet: 10.0 -> 13.9 mL is SD, -> 14.0 mL is PD.
    assert isinstance(judge((28, 10.0), (140, now)), Firing) == fires


@pytest.mark.parametrize(("nadir", "now"), [(8.3, 11.62), (16.6, 23.24)])
def test_rounding_does_not_decide(nadir, now):
    assert now / nadir < 1.4  # exactly +40 % on paper, a little less in floating point
    assert isinstance(judge((28, nadir), (140, now)), Firing)


def test_progression_is_judged_against_the_nadir_not_the_baseline():
    fired = judge((28, 10.0), (84, 4.0), (140, 6.0))
    assert {item.role: item.record_id for item in fired.evidence} == {
        "window": "rt", "baseline": "v28", "nadir": "v84", "current": "v140",
    }  # fmt: skip
    assert "+50 % (+2.0 mL)" in fired.sentence


def test_scans_before_the_baseline_are_no_nadir():
    assert isinstance(judge((-30, 2.0), (28, 10.0), (140, 11.0)), NotFired)
    assert isinstance(judge((-30, 2.0), (10, 10.0), (140, 11.0)), Firing)


@pytest.mark.parametrize(("day", "preliminary"), [(84, True), (85, False)])
def test_window_after_radiotherapy_makes_it_preliminary(day, preliminary):
    fired = judge((28, 10.0), (day, 15.0))
    assert fired.preliminary == preliminary
    assert ("Preliminary (pPD)" in fired.sentence) == preliminary
    assert ("pseudoprogression window" in fired.sentence) == preliminary


def test_scan_during_radiotherapy_is_not_in_the_window():
    assert not judge((-60, 5.0), (-10, 10.0)).preliminary


@pytest.mark.parametrize(
    ("nadir", "now", "fires"), [(0.2, 0.49, False), (0.2, 0.5, True), (0.0, 0.4, False), (0.0, 0.6, True)]
)
def test_lesion_must_be_measurable(nadir, now, fires):
    answer = judge((28, 10.0), (84, nadir), (140, now))
    assert isinstance(answer, Firing) == fires


def test_reappearing_lesion_has_no_percentage():
    fired = judge((28, 10.0), (84, 0.0), (140, 2.0))
    assert "reappeared (+2.0 mL)" in fired.sentence


def test_unknown_radiotherapy_is_named():
    fired = judge((0, 10.0), (100, 15.0), end=None)
    assert any("radiotherapy" in item for item in fired.missing)
    assert not any(
        "radiotherapy" in item
        for item in judge((0, 10.0), (100, 15.0), end=None, never_irradiated=True).missing
    )
    assert any("radiotherapy" in item for item in judge((0, 10.0), (100, 10.0), end=None).missing)


def test_missing_values_are_named_and_never_stable():
    assert judge().missing == ("enhancing volumes",)
    assert judge((28, 10.0), (140, None)).missing == ("enhancing volume of 2026-05-21",)
    assert judge((28, 10.0)).missing == ("an earlier enhancing volume",)
    assert isinstance(judge((28, 10.0), (84, None), (140, 15.0)), Firing)


def test_volumes_of_another_method_are_not_compared():
    points = scans((28, 10.0)) + scans((140, 20.0), version="2")
    answer = enhancing_volume_beyond_nadir(points, radiotherapy_end=RT_END)
    assert isinstance(answer, NotFired)
    assert answer.missing == ("an earlier volume by the same method",)


def test_negative_volume_is_refused():
    with pytest.raises(DomainError) as caught:
        judge((28, -1.0))
    assert caught.value.code == "volume_range"


def test_reference_says_how_certain_the_size_is():
    assert "probability 50 %" in judge((28, 10.0), (140, 14.0)).reference
    assert "first scan 3-6 weeks after radiotherapy" in judge((28, 10.0), (140, 14.0)).reference


def test_same_evidence_has_the_same_key():
    first, again = judge((28, 10.0), (140, 15.0)), judge((28, 10.0), (140, 16.0))
    assert first.evidence_key == again.evidence_key
    assert first.evidence_key != judge((28, 10.0), (141, 15.0)).evidence_key
