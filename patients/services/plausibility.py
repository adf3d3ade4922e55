"""What is possible but unlikely in a sample: shown, and confirmed by the person who enters it; science.md 6.4."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from patients.models import CtdnaResult, Patient, Surgery, Tube
from patients.models.liquid_biopsy import Detection

# Haploid genome equivalents per nanogram of cfDNA (3.3 pg each); science.md 6.2.
GE_PER_NG = 303
# cfDNA is released by the wound for about two weeks; science.md 6.2, clinical.md 1.
AFTER_SURGERY_DAYS = 14
# Hours from draw to spin after which white cells have begun to break; science.md 6.4.
LONGEST_HOURS_TO_SPIN = {Tube.EDTA: 4, Tube.STABILISING: 72}
# Percent and fraction differ by 100; a step of half that is asked about.
UNIT_SWAP_FACTOR = 50


@dataclasses.dataclass(frozen=True)
class Implausible:
    """A value that is possible but unlikely; `row` is the result it belongs to, None for the tube itself."""

    field: str
    sentence: str
    row: int | None = None


def unlikely_values(*, fluid: str, values: dict[str, Any]) -> list[Implausible]:
    """Return the values of one result or tube that are possible but unlikely."""
    warnings = []
    vaf_limit = {"plasma": 5.0, "csf": 80.0}[fluid]
    volume_limit = {"plasma": 2.0, "csf": 1.0}[fluid]
    checks = (
        (
            "vaf_percent",
            lambda v: v > vaf_limit,
            f"above {vaf_limit:g} % is rare in {fluid}; is it a percent?",
        ),
        ("copies_per_ml", lambda v: v > 1e4, "above 10,000 copies/mL is rare"),
        ("cfdna_ng_per_ml", lambda v: v > 100 or v < 1, "outside 1-100 ng/mL is rare"),
        ("volume_ml", lambda v: v < volume_limit, f"under {volume_limit:g} mL limits what can be found"),
        ("total_ge", lambda v: v < 1000, "under 1,000 genome equivalents a negative result says little"),
        ("lod_percent", lambda v: v > 1, "an LoD above 1 % is unusual; is it a percent?"),
    )
    for field, unlikely, sentence in checks:
        value = values.get(field)
        if value is not None and unlikely(float(value)):
            warnings.append(Implausible(field, sentence))
    return warnings


def _copies_disagree(values: dict[str, Any]) -> list[Implausible]:
    vaf, cfdna, copies = (values.get(name) for name in ("vaf_percent", "cfdna_ng_per_ml", "copies_per_ml"))
    if not vaf or not cfdna or not copies:
        return []
    expected = float(vaf) / 100.0 * float(cfdna) * GE_PER_NG
    if 1 / 3 <= float(copies) / expected <= 3:
        return []
    return [
        Implausible(
            "copies_per_ml", f"VAF and cfDNA give about {expected:.3g} copies/mL, entered {float(copies):g}"
        )
    ]


def sample_warnings(
    *, patient: Patient, specimen: dict[str, Any], results: list[dict[str, Any]]
) -> list[Implausible]:
    """Return everything in a whole sample that the person must look at again before it is stored."""
    fluid = specimen["fluid"]
    tube = {name: specimen.get(name) for name in ("volume_ml", "cfdna_ng_per_ml")}
    warnings = unlikely_values(fluid=fluid, values=tube)
    warnings += _soon_after_surgery(patient, specimen)
    warnings += _late_spin(specimen)
    previous = _previous_vafs(patient, fluid, specimen["collected_at"])
    for row, result in enumerate(results):
        found = unlikely_values(fluid=fluid, values=result) + _copies_disagree(result | tube)
        found += _unit_swap(result, previous.get(result["analyte"]))
        warnings += [dataclasses.replace(warning, row=row) for warning in found]
    return warnings


def _soon_after_surgery(patient: Patient, specimen: dict[str, Any]) -> list[Implausible]:
    collected = specimen["collected_at"].date()
    surgeries = Surgery.objects.current().filter(patient=patient, occurred_on__lte=collected)
    last = surgeries.last()
    if last is None or specimen["fluid"] != "plasma":
        return []
    days = (collected - last.occurred_on).days
    if days >= AFTER_SURGERY_DAYS:
        return []
    return [
        Implausible(
            "collected_at",
            f"blood drawn {days} days after surgery ({last.occurred_on}); under {AFTER_SURGERY_DAYS} days the "
            "wound itself releases DNA",
        )
    ]


def _late_spin(specimen: dict[str, Any]) -> list[Implausible]:
    limit = LONGEST_HOURS_TO_SPIN.get(specimen.get("tube") or Tube.UNKNOWN)
    if limit is None or specimen.get("spun_at") is None:
        return []
    waited = specimen["spun_at"] - specimen["collected_at"]
    if waited <= dt.timedelta(hours=limit):
        return []
    hours = waited.total_seconds() / 3600
    return [Implausible("spun_at", f"spun {hours:.0f} h after the draw; this tube keeps about {limit} h")]


def _previous_vafs(patient: Patient, fluid: str, before: dt.datetime) -> dict[str, float]:
    """The newest detected VAF of each analyte in this fluid before a moment, %."""
    rows = CtdnaResult.objects.current().filter(
        patient=patient,
        specimen__fluid=fluid,
        specimen__collected_at__lt=before,
        detection=Detection.DETECTED,
        vaf_percent__gt=0,
    )
    return {row.analyte: float(row.vaf_percent) for row in rows.order_by("specimen__collected_at")}


def _unit_swap(result: dict[str, Any], previous: float | None) -> list[Implausible]:
    value = float(result.get("vaf_percent") or 0)
    if not value or not previous or 1 / UNIT_SWAP_FACTOR < value / previous < UNIT_SWAP_FACTOR:
        return []
    return [
        Implausible(
            "vaf_percent", f"{value:g} % after {previous:g} %: is one of them a fraction, not a percent?"
        )
    ]
