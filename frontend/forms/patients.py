"""The form for a new patient."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone

from frontend.forms.dates import IsoDateField
from frontend.forms.numbers import PlainIntegerField
from frontend.forms.records import EntryForm
from frontend.forms.texts import PlainTextField

# The database's own lower limit of a year of birth.
EARLIEST_BIRTH_YEAR = 1890
SEXES = [("unknown", "unknown"), ("female", "female"), ("male", "male"), ("other", "other")]


class PatientForm(EntryForm):
    """A pseudonymous patient; name, hospital number and date of birth are kept apart from the record."""

    key = PlainTextField(
        label="Key",
        max_length=32,
        help_text="What screens, files and commands use: 2 to 32 capital letters, digits, dots or dashes. No name.",
        validators=[
            RegexValidator(r"^[A-Z0-9][A-Z0-9._-]{1,31}$", "2 to 32 capital letters, digits, dots, dashes.")
        ],
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}
        ),
    )
    team = forms.ChoiceField(label="Care team", help_text="Its members look after the patient.")
    sex = forms.ChoiceField(label="Sex", choices=SEXES)
    birth_date = IsoDateField(
        label="Date of birth", required=False, help_text="Kept with the name; the record keeps the year."
    )
    birth_year = PlainIntegerField(
        label="or year of birth", required=False, help_text="When the full date is not to be stored."
    )
    name = PlainTextField(
        label="Name", max_length=200, required=False, help_text="Leave empty for a pseudonym only."
    )
    mrn = PlainTextField(label="Hospital number", max_length=64, required=False)

    def __init__(self, *args: Any, teams: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.teams = {str(team.pk): team for team in teams}
        self.fields["team"].choices = [(pk, f"{team} ({team.site})") for pk, team in self.teams.items()]  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.error_messages["required"] = "This is needed."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        born, year = cleaned.get("birth_date"), cleaned.get("birth_year")
        self._refuse_impossible_birth("birth_date", born.year if born else None)
        self._refuse_impossible_birth("birth_year", year)
        if born and born > timezone.localdate():
            self.add_error("birth_date", "This day lies in the future.")
        if born and year and born.year != year:
            self.add_error("birth_year", "The year differs from the date of birth; enter one of the two.")
        if (born or cleaned.get("mrn")) and not cleaned.get("name"):
            self.add_error("name", "A hospital number or a full date of birth is kept only with a name.")
        return cleaned

    def _refuse_impossible_birth(self, field: str, year: int | None) -> None:
        latest = timezone.localdate().year
        if year is not None and not EARLIEST_BIRTH_YEAR <= year <= latest:
            self.add_error(field, f"The year must be {EARLIEST_BIRTH_YEAR} to {latest}.")
