"""Forms for adding and correcting the clinical records of `patients.services.records.KINDS`."""

from __future__ import annotations

import functools
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from frontend.forms.fields import form_field
from frontend.forms.texts import PlainTextField
from frontend.forms.wording import HELPS, LABELS
from patients.services.diagnosis_codes import MORPHOLOGY_CODES
from patients.services.entry_fields import record_fields

REASON_LENGTH = 500
_ICDO = RegexValidator(r"^[0-9]{4}/[0-9]$", "Four digits, a slash and one digit: 9440/3.")


class EntryForm(forms.Form):
    """A form whose refusals by a service stand beside the field they are about."""

    use_required_attribute = False

    def add_refusals(self, errors: dict[str, list[str]]) -> None:
        """Put a service's sentences beside their fields; those about no field of the form stand at its top."""
        for name, sentences in errors.items():
            for sentence in sentences:
                text = sentence[:1].upper() + sentence[1:]
                self.add_error(name if name in self.fields else None, text)

    def focus_first(self) -> None:
        """The keyboard starts where it is needed: at the first error, else at the first field."""
        wrong = [name for name in self.fields if self.is_bound and name in self.errors]
        name = (wrong or list(self.fields))[0]
        self.fields[name].widget.attrs["autofocus"] = True


class ReasonForm(EntryForm):
    """Why something is corrected or retracted."""

    reason = PlainTextField(
        label="Reason",
        max_length=REASON_LENGTH,
        help_text="Kept with the old version for good.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Say why; the reason is kept with the old version."},
    )


@functools.cache
def record_form(kind: str) -> type[EntryForm]:
    """The form class for one kind of record."""
    fields: dict[str, Any] = {}
    for entry in record_fields(kind):
        label = LABELS.get(kind, {}).get(entry.name, "")
        fields[entry.name] = form_field(entry, label=label, help_text=HELPS.get(kind, {}).get(entry.name, ""))
    fields["occurred_on"].help_text = HELPS.get(kind, {}).get("occurred_on", "")
    if kind == "diagnosis":
        fields["icdo"].validators.append(_ICDO)
        fields["icdo"].widget.attrs["list"] = "icdo-codes"
    return type(f"{kind.title()}Form", (EntryForm,), fields)


def correction_form(kind: str, record: Any, data: Any = None) -> EntryForm:
    """The form of a kind, filled with a record, with a reason at the end."""
    form_class = type("CorrectionForm", (record_form(kind), ReasonForm), {})
    initial = {name: getattr(record, name) for name in record_form(kind).base_fields}
    form: EntryForm = form_class(data, initial=initial)
    form.order_fields([*record_form(kind).base_fields, "reason"])
    return form


def show_what_stands(form: EntryForm, texts: dict[str, str]) -> None:
    """Give each field the text that stands (`before`) and the raw value that it was filled with (`recorded`)."""
    for name, text in texts.items():
        field: Any = form.fields[name]
        raw = field.prepare_value(form.initial.get(name))
        field.before = text
        field.recorded = "" if raw is None else str(raw).lower() if isinstance(raw, bool) else str(raw)


def changes_of(form: EntryForm) -> dict[str, Any]:
    """What a valid correction alters, without its reason."""
    return {name: form.cleaned_data[name] for name in form.changed_data if name != "reason"}


def what_was_entered(form: EntryForm) -> list[tuple[str, str]]:
    """The posted values as typed, to be carried over to another version of the same record."""
    return [(name, str(form.data[name])) for name in form.fields if form.data.get(name)]


def morphology_codes() -> list[dict[str, Any]]:
    """The ICD-O suggestions, for the page's list and its script."""
    return [
        {"type": code.cns5_type, "grade": code.grade, "icdo": code.icdo, "name": code.name}
        for code in MORPHOLOGY_CODES
    ]
