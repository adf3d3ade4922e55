"""The stories keep what they promise: arithmetic, order of events, and the course each one tells."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal

import pytest

from analytics.compute.ctdna_rule import CtdnaPoint, SurgeryPoint, ctdna_molecular_rise
from analytics.compute.firing import Firing
from analytics.compute.stories import STORIES, Story, story_of
from analytics.compute.stories_shape import (
    EXTRACTION_YIELD,
    GE_PER_NG,
    ClinicalStatus,
    Diagnosis,
    MolecularMarker,
    Outcome,
    RadiologyRead,
    Radiotherapy,
    SteroidDose,
    Surgery,
    SystemicTherapy,
)
from gliomon.common.errors import DomainError

RESPONSE, PSEUDOPROGRESSION, BEVACIZUMAB = STORIES
EPOCH = datetime.date(2030, 1, 1)


def on(day: int) -> datetime.date:
    return EPOCH + datetime.timedelta(days=day)


def events_of(story: Story, kind: type) -> list:
    return [event for event in story.events if isinstance(event.fields, kind)]


def radiotherapy_end(story: Story) -> int:
    return events_of(story, Radiotherapy)[0].fields.ended_day


def enhancing(story: Story) -> dict[int, float]:
    return {visit.day: visit.state.enhancing_ml for visit in story.visits}


def marker(story: Story, name: str) -> str:
    return next(e.fields.status for e in events_of(story, MolecularMarker) if e.fields.marker == name)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.key)
class TestEveryStory:
    def test_has_six_full_timepoints_of_measurable_lesions(self, story: Story) -> None:
        assert len(story.full_visits) >= 6
        for visit in story.visits:
            assert 2.0 <= visit.state.enhancing_ml <= 30.0

    def test_has_every_kind_of_record(self, story: Story) -> None:
        for kind in (Diagnosis, Surgery, Radiotherapy, SystemicTherapy, SteroidDose, ClinicalStatus, Outcome):
            assert events_of(story, kind), kind.__name__

    def test_every_scan_is_read(self, story: Story) -> None:
        assert [e.day for e in events_of(story, RadiologyRead)] == [visit.day for visit in story.visits]

    def test_radiotherapy_is_sixty_gray_in_thirty_weekdays(self, story: Story) -> None:
        course = events_of(story, Radiotherapy)[0]
        assert (course.fields.dose_gy, course.fields.fractions) == (60.0, 30)
        assert course.fields.ended_day - course.day + 1 == 40  # six weeks from Monday to Friday

    def test_is_an_idh_wildtype_glioblastoma(self, story: Story) -> None:
        diagnosis = events_of(story, Diagnosis)[0].fields
        assert (diagnosis.cns5_type, diagnosis.grade, diagnosis.icdo) == ("gbm_idhwt", 4, "9440/3")
        assert marker(story, "idh") == "wildtype"

    def test_residual_tumour_agrees_with_the_operation(self, story: Story) -> None:
        before, after = (visit.state.enhancing_ml for visit in story.visits[:2])
        surgery = events_of(story, Surgery)[0].fields
        assert surgery.residual_ml == pytest.approx(after)
        assert surgery.resected_percent == pytest.approx(100 * (1 - after / before), abs=0.05)

    def test_ctdna_arithmetic_agrees(self, story: Story) -> None:
        """Science sheet 6.2: copies/mL = VAF x cfDNA x 303; GE = volume x cfDNA x 303 x yield."""
        for tube in story.specimens:
            for result in tube.results:
                amount = tube.volume_ml * tube.cfdna_ng_per_ml * GE_PER_NG * EXTRACTION_YIELD
                assert result.total_ge == pytest.approx(amount, abs=0.5)
                assert result.total_ge >= 3 / (result.lod_percent / 100)
                if result.vaf_percent is None:
                    assert result.detection == "not_detected"
                    assert result.copies_per_ml is None
                else:
                    assert result.vaf_percent >= result.lod_percent
                    copies = result.vaf_percent / 100 * tube.cfdna_ng_per_ml * GE_PER_NG
                    assert result.copies_per_ml == pytest.approx(copies, abs=1e-3)

    def test_nothing_is_known_before_it_happened(self, story: Story) -> None:
        assert all(event.known_day >= event.day for event in story.events)
        assert all(r.reported_day > tube.day for tube in story.specimens for r in tube.results)
        assert story.last_day >= max(visit.day for visit in story.visits)
        assert story.first_day < 0

    def test_values_are_exact_decimals_under_the_records_names(self, story: Story) -> None:
        course = events_of(story, Radiotherapy)[0]
        assert course.values()["dose_gy"] == Decimal("60.0")
        assert course.kind == "radiotherapy"
        tube = story.specimens[0]
        assert tube.values()["cfdna_ng_per_ml"] == Decimal(str(tube.cfdna_ng_per_ml))
        assert tube.results[0].values()["lod_percent"] == Decimal("0.1")
        assert "verified_day" not in tube.results[0].values()

    def test_visits_have_seeds_of_their_own(self, story: Story) -> None:
        seeds = [story.visit_seed(visit) for visit in story.visits]
        assert len(set(seeds)) == len(seeds)
        assert min(seeds) > 0


def test_response_reaches_and_holds_minus_sixty_five_percent() -> None:
    volumes = enhancing(RESPONSE)
    baseline = volumes[102]
    assert marker(RESPONSE, "mgmt") == "methylated"
    assert all(volumes[day] / baseline <= 0.35 for day in (270, 326, 410, 494))
    assert max(volumes[day] for day in (326, 410, 494)) < 1.4 * min(volumes.values())


def test_pseudoprogression_grows_in_the_window_and_resolves() -> None:
    volumes, end = enhancing(PSEUDOPROGRESSION), radiotherapy_end(PSEUDOPROGRESSION)
    peak = next(v for v in PSEUDOPROGRESSION.visits if v.day == end + 42)
    assert marker(PSEUDOPROGRESSION, "mgmt") == "methylated"
    assert peak.state.enhancing_ml > 1.4 * volumes[95]
    assert peak.state.rcbv_enhancing == pytest.approx(1.2)
    assert peak.state.adc_enhancing > 1.38e-3
    for weeks in (14, 20):
        assert volumes[end + 7 * weeks] < 1.4 * volumes[95]
        assert volumes[end + 7 * weeks] < volumes[peak.day]


def test_bevacizumab_hides_growth_before_it_shows() -> None:
    volumes = enhancing(BEVACIZUMAB)
    states = {visit.day: visit.state for visit in BEVACIZUMAB.visits}
    start = next(e.day for e in events_of(BEVACIZUMAB, SystemicTherapy) if e.fields.agent == "bevacizumab")
    assert marker(BEVACIZUMAB, "mgmt") == "unmethylated"
    assert volumes[214] >= 1.4 * volumes[158]
    assert 0 < 242 - start <= 21
    assert volumes[242] < 0.5 * volumes[214]
    assert states[242].rcbv_enhancing > states[214].rcbv_enhancing
    assert states[340].oedema_ml > 1.25 * states[284].oedema_ml
    assert volumes[340] < 1.4 * volumes[284]
    assert volumes[396] >= 1.4 * volumes[284]


def points_until(story: Story, day: int) -> list[CtdnaPoint]:
    """Verified plasma and CSF results that were known by a day."""
    return [
        CtdnaPoint(
            id=f"{tube.fluid}-{tube.day}",
            collected_on=on(tube.day),
            analyte=result.analyte,
            matrix=tube.fluid,
            assay=result.assay,
            laboratory=tube.laboratory,
            outcome="detected" if result.detection == "detected" else "not_detected",
            vaf_percent=result.vaf_percent,
            lod_percent=result.lod_percent,
            verified=result.verified_day is not None,
        )
        for tube in story.specimens
        for result in tube.results
        if (result.verified_day or result.reported_day) <= day
    ]


def test_two_ctdna_rises_come_before_the_scan_that_shows_progression() -> None:
    surgeries = [SurgeryPoint("surgery", on(0))]
    early = ctdna_molecular_rise(points_until(BEVACIZUMAB, 330), surgeries=surgeries)
    late = ctdna_molecular_rise(points_until(BEVACIZUMAB, 350), surgeries=surgeries)
    assert not isinstance(early, Firing)
    assert isinstance(late, Firing)
    assert late.evidence[-1].date < on(396)


@pytest.mark.parametrize("story", [RESPONSE, PSEUDOPROGRESSION], ids=lambda story: story.key)
def test_the_quiet_stories_raise_no_ctdna_alert(story: Story) -> None:
    answer = ctdna_molecular_rise(
        points_until(story, story.last_day), surgeries=[SurgeryPoint("surgery", on(0))]
    )
    assert not isinstance(answer, Firing)


def test_stories_are_found_by_their_key_and_refuse_a_real_looking_one() -> None:
    assert story_of("SYNTH-0002") is PSEUDOPROGRESSION
    with pytest.raises(KeyError):
        story_of("SYNTH-9999")
    with pytest.raises(DomainError):
        dataclasses.replace(RESPONSE, key="0001")
