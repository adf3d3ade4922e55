"""The new column of the ctDNA grid: one tube, and one row per analyte with its state chosen explicitly."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from frontend.forms.fields import form_field
from frontend.forms.records import EntryForm, ReasonForm
from frontend.forms.wording import HELPS, LABELS, UNITS
from patients.services.entry_fields import EntryField, result_fields, specimen_fields
from patients.services.liquid_biopsy import SampleFault

FORM_ID = "sample-entry"
SPARE_ROWS = 12
MOST_ROWS = 120
# Offered while typing an analyte; anything else may be typed. science.md 6.4.
COMMON_ANALYTES = (
    "TERT C228T",
    "TERT C250T",
    "IDH1 R132H",
    "IDH2 R172K",
    "EGFRvIII",
    "EGFR A289V",
    "BRAF V600E",
    "H3-3A K27M",
    "H3-3A G34R",
)
# What the laboratory states once for the whole sample, stored with each result.
SHARED = ("assay", "lod_percent", "lob_percent", "total_ge", "reported_on")
OWN = ("analyte", "detection", "vaf_percent", "copies_per_ml", "lod_percent")
_KEPT = re.compile(r"sample-[a-z_]+|r[0-9]{1,3}-[a-z_]+|rows")
_LONGEST_DRAFT_VALUE = 200


def _fields(entries: tuple[EntryField, ...], names: tuple[str, ...], words: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for entry in entries:
        if entry.name not in names:
            continue
        unit = UNITS.get(words, {}).get(entry.name, entry.unit)
        fields[entry.name] = form_field(
            dataclasses.replace(entry, unit=unit),
            label=LABELS.get(words, {}).get(entry.name, ""),
            help_text=HELPS.get(words, {}).get(entry.name, ""),
        )
    return fields


_TUBE = tuple(entry.name for entry in specimen_fields())


class SampleForm(EntryForm):
    """The tube, and what the laboratory states for all its analytes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields.update(_fields(specimen_fields(), _TUBE, "sample"))
        self.fields.update(_fields(result_fields(), SHARED, "sample"))

    def tube(self) -> dict[str, Any]:
        """The fields of the specimen."""
        return {name: self.cleaned_data[name] for name in _TUBE}

    def shared(self) -> dict[str, Any]:
        """The fields that every result of the sample gets."""
        return {name: self.cleaned_data[name] for name in SHARED}


class ResultRow(EntryForm):
    """One analyte. A row that names no analyte and holds nothing is left out."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields.update(_fields(result_fields(), OWN, "row"))
        self.fields["detection"].error_messages["required"] = "Choose what was reported, or “not tested”."
        self.fields["analyte"].error_messages["required"] = "Name the analyte."
        self.fields["lod_percent"].widget.attrs["placeholder"] = "as above"
        self.fields["analyte"].widget.attrs["list"] = "common-analytes"

    @property
    def is_empty(self) -> bool:
        return not any(str(self.data.get(self.add_prefix(name), "")).strip() for name in self.fields)

    def result(self, shared: dict[str, Any]) -> dict[str, Any]:
        """The fields of the result; the row's own LoD goes before the sample's."""
        own = dict(self.cleaned_data)
        own["analyte"] = " ".join(own["analyte"].split())
        if own["lod_percent"] is None:
            own["lod_percent"] = shared["lod_percent"]
        return shared | own


class SampleEntry:
    """The whole column: bound to what was posted, or filled from a draft."""

    def __init__(
        self,
        known: list[str],
        *,
        data: Mapping[str, str] | None = None,
        draft: Mapping[str, str] | None = None,
    ) -> None:
        source = data if data is not None else draft or {}
        self.known = known
        self.data = data
        self.sample = SampleForm(data, prefix="sample", initial=_initial(draft or {}, "sample"))
        names = _row_names(source, known)
        self.rows = [self._row(index, name, draft or {}) for index, name in enumerate(names)]
        for field in self.sample.fields.values():
            field.widget.attrs["form"] = FORM_ID

    def _row(self, index: int, name: str, draft: Mapping[str, str]) -> ResultRow:
        initial = {"analyte": name} | _initial(draft, f"r{index}")
        row = ResultRow(self.data, prefix=f"r{index}", initial=initial)
        if row.is_bound and row.is_empty:
            row = ResultRow(None, prefix=f"r{index}", initial=initial)
        for field in row.fields.values():
            field.widget.attrs["form"] = FORM_ID
        row.is_known = name in self.known  # type: ignore[attr-defined]
        row.shown = row.is_known or bool(initial["analyte"]) or self._first_spare(index)  # type: ignore[attr-defined]
        return row

    def _first_spare(self, index: int) -> bool:
        return index < max(len(self.known) + 1, 3)

    @property
    def filled(self) -> list[ResultRow]:
        return [row for row in self.rows if row.is_bound]

    def is_valid(self) -> bool:
        """Check the tube and every row that holds something; every fault is found in one go."""
        valid = [self.sample.is_valid(), *(row.is_valid() for row in self.filled)]
        if not self.filled:
            self.sample.add_error(None, "Enter at least one analyte.")
        return all(valid) and bool(self.filled)

    def results(self) -> list[dict[str, Any]]:
        """The results, in the order of the rows that hold something."""
        shared = self.sample.shared()
        return [row.result(shared) for row in self.filled]

    def add_faults(self, faults: list[SampleFault]) -> None:
        """Put a service's refusals beside their fields."""
        for fault in faults:
            form: EntryForm = self.sample if fault.row is None else self.filled[fault.row]
            if fault.field not in form.fields and fault.field in self.sample.fields:
                form = self.sample
            form.add_refusals({fault.field: [fault.sentence]})

    @property
    def faults(self) -> int:
        """How many fields were refused."""
        if self.data is None:
            return 0
        return sum(len(form.errors) for form in (self.sample, *self.filled))

    def label_of(self, row: int | None) -> str:
        """How a warning names what it is about."""
        return "sample" if row is None else str(self.filled[row].cleaned_data["analyte"])


def _row_names(source: Mapping[str, str], known: list[str]) -> list[str]:
    """The analyte of each row: what was posted or drafted first, then known ones that are missing, then blanks."""
    posted = [source.get(f"r{index}-analyte", "") for index in range(_row_count(source))]
    while posted and not posted[-1]:
        posted.pop()
    missing = [name for name in known if name not in posted]
    return (posted + missing if source else list(known)) + [""] * SPARE_ROWS


def _row_count(source: Mapping[str, str]) -> int:
    text = str(source.get("rows", ""))
    return min(int(text), MOST_ROWS) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _initial(draft: Mapping[str, str], prefix: str) -> dict[str, str]:
    start = f"{prefix}-"
    return {name.removeprefix(start): value for name, value in draft.items() if name.startswith(start)}


def draft_content(data: Mapping[str, str]) -> dict[str, str]:
    """What is kept of an unfinished column: its own fields, as typed."""
    return {
        name: str(value)[:_LONGEST_DRAFT_VALUE]
        for name, value in data.items()
        if _KEPT.fullmatch(name) and value
    }


class ResultCorrection(ReasonForm):
    """One stored result, with a reason at the end."""

    def __init__(self, result: Any, data: Any = None) -> None:
        names = [entry.name for entry in result_fields()]
        super().__init__(data, initial={name: getattr(result, name) for name in names})
        self.fields.update(_fields(result_fields(), tuple(names), "result"))
        self.order_fields([*names, "reason"])
