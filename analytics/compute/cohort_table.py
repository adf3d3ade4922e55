"""A cohort from somebody else's CSV: rows, and in plain words what could not be read."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Iterator, Mapping

import pandas as pd

from analytics.compute.cns5 import cns5
from analytics.compute.cohort_values import event_flag, is_missing, number
from gliomon.common.errors import DomainError

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_CELL = 500  # characters; longer cells are notes, which do not belong into a cohort
MAX_DAYS = 120 * 365.25  # a longer follow-up is a unit mistake
DAYS_PER_UNIT = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}

TIME, EVENT, SUBJECT, ENTRY, DIAGNOSIS = "time", "event", "id", "entry", "diagnosis"
_DIRECT = (TIME, EVENT, SUBJECT, ENTRY, DIAGNOSIS)
_TAKEN = frozenset({"subject", "time_days", "event", "entry_days", "source_diagnosis", "grade_cns5"})


@dataclasses.dataclass(frozen=True)
class CohortRow:
    """One patient of the table.

    Attributes
    ----------
    line : int
        Line of the file (the header is line 1).
    subject : str
        The source's identifier, or "row-<line>" where no id column is mapped.
    time_days, entry_days : float or None
        Follow-up from time zero and start of observation, days; None = the source does not say.
    event : bool or None
        True = the event happened.
    diagnosis, grade : str or None, int or None
        Our CNS5 type and grade, where the mapped fields idh, codel_1p19q and grade support one.
    diagnosis_reason : str
        Why there is no type of ours; empty where there is one.
    source_diagnosis : str or None
        The source's own label, unchanged.
    fields : dict of str to str or None
        Mapped fields in the source's words; None = not known.
    """

    line: int
    subject: str
    time_days: float | None
    event: bool | None
    entry_days: float | None
    diagnosis: str | None
    grade: int | None
    diagnosis_reason: str
    source_diagnosis: str | None
    fields: dict[str, str | None]


@dataclasses.dataclass(frozen=True)
class RowError:
    """Why one line was not taken: a stable code and a sentence for the person who owns the file."""

    line: int
    column: str
    code: str
    message: str


@dataclasses.dataclass(frozen=True)
class CohortTable:
    """What a file held.

    Attributes
    ----------
    rows : tuple of CohortRow
        Lines taken, in file order.
    errors : tuple of RowError
        Lines not taken, one error each (the first found).
    counts : dict of str to int
        "lines", "taken", one entry per error code, and per gap that later keeps a taken row out of a curve.
    columns : tuple of str
        All columns of the file.
    mapping : dict of str to str
        Field to column, as asked for.
    """

    rows: tuple[CohortRow, ...]
    errors: tuple[RowError, ...]
    counts: dict[str, int]
    columns: tuple[str, ...]
    mapping: dict[str, str]

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as the frame that the survival functions take (event 1, 0 or NaN)."""
        return pd.DataFrame([_frame_row(row, self.mapping) for row in self.rows])


def parse_cohort_table(
    data: str | bytes, mapping: Mapping[str, str], *, time_unit: str = "days"
) -> CohortTable:
    """Read a cohort from CSV text.

    Parameters
    ----------
    data : str or bytes
        CSV with a header line, separated by comma, semicolon or tab; bytes must be UTF-8.
    mapping : mapping of field to column
        `time` and `event` are needed; `id`, `entry` and `diagnosis` (the source's label) have their own meaning; any
        other name becomes a field. The fields idh, codel_1p19q and grade also give our CNS5 type.
    time_unit : str
        Unit of the time and entry columns: days, weeks, months (30.4375 d) or years (365.25 d).

    Returns
    -------
    CohortTable
        Every line is either a row or an error. A missing word in time or event leaves a row without that value;
        text that is neither a value nor a missing word refuses the line.

    Raises
    ------
    DomainError
        `csv_too_large`, `csv_encoding`, `csv_malformed`, `csv_header`, `missing_column`, `mapping`.
    """
    chosen = _checked_mapping(mapping, time_unit)
    text = _decoded(data)
    lines = _lines(text)
    header = _header(lines, chosen)
    reader = _Reader(header, chosen, DAYS_PER_UNIT[time_unit])
    for line, cells in lines:
        reader.take(line, cells)
    return reader.result()


class _Reader:
    """Collects rows and errors of one file."""

    def __init__(self, header: list[str], mapping: dict[str, str], days: float) -> None:
        self.header, self.mapping, self.days = header, mapping, days
        self.place = {field: header.index(column) for field, column in mapping.items()}
        self.rows: list[CohortRow] = []
        self.errors: list[RowError] = []
        self.seen: dict[str, int] = {}

    def take(self, line: int, cells: list[str]) -> None:
        """Add one line as a row or as an error."""
        if len(self.rows) + len(self.errors) >= MAX_ROWS:
            raise DomainError("csv_too_large", f"the file has more than {MAX_ROWS} lines; split it")
        if len(cells) != len(self.header):
            self._refuse(line, "", "cell_count", f"has {len(cells)} cells, the header has {len(self.header)}")
            return
        try:
            row = self._row(line, {field: cells[place] for field, place in self.place.items()})
        except _CellError as error:
            self._refuse(line, self.mapping[error.field], error.code, error.message)
            return
        self.seen[row.subject] = line
        self.rows.append(row)

    def result(self) -> CohortTable:
        """Return what was collected."""
        counts = Counter({"lines": len(self.rows) + len(self.errors), "taken": len(self.rows)})
        counts.update(error.code for error in self.errors)
        counts.update(gap for row in self.rows for gap in _gaps(row))
        return CohortTable(
            tuple(self.rows), tuple(self.errors), dict(counts), tuple(self.header), self.mapping
        )

    def _refuse(self, line: int, column: str, code: str, message: str) -> None:
        where = f'line {line}, column "{column}"' if column else f"line {line}"
        self.errors.append(RowError(line, column, code, f"{where}: {message}"))

    def _row(self, line: int, cells: dict[str, str]) -> CohortRow:
        for field, cell in cells.items():
            _check_cell(field, cell)
        values = {field: None if is_missing(cell) else cell.strip() for field, cell in cells.items()}
        fields = {field: value for field, value in values.items() if field not in _DIRECT}
        ours = cns5(fields.get("idh"), fields.get("codel_1p19q"), fields.get("grade"), values.get(DIAGNOSIS))
        return CohortRow(
            line=line,
            subject=self._subject(line, values),
            time_days=self._days(TIME, values),
            event=_event(values),
            entry_days=self._days(ENTRY, values),
            diagnosis=ours.diagnosis,
            grade=ours.grade,
            diagnosis_reason=ours.reason,
            source_diagnosis=values.get(DIAGNOSIS),
            fields=fields,
        )

    def _subject(self, line: int, values: Mapping[str, str | None]) -> str:
        if SUBJECT not in self.mapping:
            return f"row-{line}"
        subject = values[SUBJECT]
        if subject is None:
            raise _CellError(SUBJECT, "id_missing", "the identifier is empty")
        if subject in self.seen:
            raise _CellError(
                SUBJECT, "id_repeated", f"this identifier is already on line {self.seen[subject]}"
            )
        return subject

    def _days(self, field: str, values: Mapping[str, str | None]) -> float | None:
        text = values.get(field)
        if text is None:
            return None
        days = _number(field, text) * self.days
        if abs(days) > MAX_DAYS:
            raise _CellError(
                field, "time_implausible", f"{days:.0f} days is longer than a life; check the unit"
            )
        return days


class _CellError(Exception):
    """A cell that cannot be read."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


def _number(field: str, text: str) -> float:
    try:
        return number(text)
    except DomainError as error:
        raise _CellError(field, error.code, error.message) from error


def _event(values: Mapping[str, str | None]) -> bool | None:
    text = values[EVENT]
    if text is None:
        return None
    try:
        return event_flag(text)
    except DomainError as error:
        raise _CellError(EVENT, error.code, error.message) from error


def _check_cell(field: str, cell: str) -> None:
    if len(cell) > MAX_CELL:
        raise _CellError(
            field, "cell_too_long", f"the cell has {len(cell)} characters, at most {MAX_CELL} are taken"
        )
    if not cell.replace("\t", " ").isprintable():
        raise _CellError(field, "cell_control", "the cell holds a line break or a control character")


def _gaps(row: CohortRow) -> Iterator[str]:
    if row.time_days is None:
        yield "time_not_known"
    elif row.time_days <= 0:
        yield "time_not_above_0"
    if row.event is None:
        yield "event_not_known"


def _frame_row(row: CohortRow, mapping: Mapping[str, str]) -> dict[str, object]:
    line: dict[str, object] = {
        "subject": row.subject,
        "time_days": float("nan") if row.time_days is None else row.time_days,
        "event": float("nan") if row.event is None else float(row.event),
    }
    if ENTRY in mapping:
        line["entry_days"] = float("nan") if row.entry_days is None else row.entry_days
    line |= {"diagnosis": row.diagnosis, "grade_cns5": row.grade, "source_diagnosis": row.source_diagnosis}
    return line | row.fields


def _checked_mapping(mapping: Mapping[str, str], time_unit: str) -> dict[str, str]:
    if time_unit not in DAYS_PER_UNIT:
        raise DomainError("mapping", f'the time unit "{time_unit}" is not one of {sorted(DAYS_PER_UNIT)}')
    absent = [name for name in (TIME, EVENT) if not mapping.get(name)]
    if absent:
        raise DomainError(
            "mapping", f"{absent} have no column; say which column holds them, such as time=os_days"
        )
    for field in mapping:
        if not field.isascii() or not field.replace("_", "a").isalnum() or field in _TAKEN - {EVENT}:
            raise DomainError(
                "mapping", f'"{field}" cannot be a field name; use letters, digits and underscore'
            )
    return dict(mapping)


def _decoded(data: str | bytes) -> str:
    if len(data) > MAX_BYTES:
        raise DomainError("csv_too_large", f"the file is larger than {MAX_BYTES // 2**20} MiB; split it")
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DomainError(
                "csv_encoding", f"byte {error.start} is not UTF-8; save the table as CSV in UTF-8"
            ) from error
    if "\0" in data:
        raise DomainError("csv_encoding", "the file holds zero bytes; save the table as CSV in UTF-8")
    return data.removeprefix("\ufeff")


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of each non-blank line, the header first."""
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DomainError("csv_malformed", f"line {reader.line_num} is not valid CSV: {error}") from error


def _header(lines: Iterator[tuple[int, list[str]]], mapping: Mapping[str, str]) -> list[str]:
    _, cells = next(lines, (0, []))
    header = [cell.strip() for cell in cells]
    if not header:
        raise DomainError("csv_header", "the file is empty; its first line must name the columns")
    if len(header) > MAX_COLUMNS:
        raise DomainError(
            "csv_header", f"the header has {len(header)} columns, at most {MAX_COLUMNS} are taken"
        )
    for field, column in mapping.items():
        if header.count(column) != 1:
            found = "no column" if column not in header else "more than one column"
            raise DomainError(
                "missing_column", f'{field}={column}: the file has {found} "{column}"; it has {header}'
            )
    return header
