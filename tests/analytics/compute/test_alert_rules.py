"""What all rules share: identity, evidence key, reasons."""

import dataclasses
import hashlib
from datetime import date

from analytics.compute.alert_rules import RULES, EvidenceItem, evidence_key


def item(record_id, kind="measurement"):
    return EvidenceItem(kind, record_id, "label", 1.0, "mL", date(2026, 1, 1), "current")


def test_rules_are_named_once_and_say_how_they_clear():
    assert len({rule.id for rule in RULES}) == len(RULES) == 2
    assert all(rule.version and rule.title and rule.clears_when and rule.source for rule in RULES)


def test_key_depends_on_rule_version_and_records_not_on_their_order_or_values():
    rule = RULES[0]
    key = evidence_key(rule, [item("1"), item("2")])
    assert key == evidence_key(rule, [item("2"), dataclasses.replace(item("1"), value=9.0)])
    assert key != evidence_key(rule, [item("1"), item("3")])
    assert key != evidence_key(rule, [item("1"), item("2", "ctdna_result")])
    assert key != evidence_key(RULES[1], [item("1"), item("2")])
    assert key != evidence_key(dataclasses.replace(rule, version="2"), [item("1"), item("2")])


def test_key_is_the_same_in_every_process():
    expected = hashlib.sha256(b"ctdna_molecular_rise\n1\nmeasurement\t1").hexdigest()
    assert evidence_key(RULES[0], [item("1"), item("1")]) == expected
