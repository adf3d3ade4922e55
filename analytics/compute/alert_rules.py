"""The alert rules, and the parts that callers need of each.

A rule lives in a file of its own: `ctdna_rule`, `volume_rule`. What they answer with is in `firing`.
"""

from __future__ import annotations

from analytics.compute.ctdna_rule import (
    CtdnaPoint,
    SurgeryPoint,
    ctdna_molecular_rise,
    ctdna_rise_by_series,
    reference_change_limit,
)
from analytics.compute.firing import (
    CTDNA_MOLECULAR_RISE,
    ENHANCING_VOLUME_BEYOND_NADIR,
    RULES,
    AlertRule,
    EvidenceItem,
    Firing,
    NotFired,
    evidence_key,
)
from analytics.compute.volume_rule import RadiotherapyEnd, VolumePoint, enhancing_volume_beyond_nadir

__all__ = [
    "CTDNA_MOLECULAR_RISE",
    "ENHANCING_VOLUME_BEYOND_NADIR",
    "RULES",
    "AlertRule",
    "CtdnaPoint",
    "EvidenceItem",
    "Firing",
    "NotFired",
    "RadiotherapyEnd",
    "SurgeryPoint",
    "VolumePoint",
    "ctdna_molecular_rise",
    "ctdna_rise_by_series",
    "enhancing_volume_beyond_nadir",
    "evidence_key",
    "reference_change_limit",
]
