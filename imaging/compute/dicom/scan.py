"""From a folder as scanners and exports leave it to headers, grouped into studies and series."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gliomon.common.errors import DomainError
from imaging.compute.dicom.container import PREAMBLE, has_preamble
from imaging.compute.dicom.header import InstanceHeader
from imaging.compute.dicom.limits import DEFAULT_LIMITS, Limits
from imaging.compute.dicom.sandbox import run_limited


class Unreadable(NamedTuple):
    """A file that was not taken in, and why."""

    path: str
    code: str
    reason: str


@dataclasses.dataclass(frozen=True)
class SeriesGroup:
    """Instances of one series, by instance number."""

    uid: str
    number: int | None
    headers: tuple[InstanceHeader, ...]


@dataclasses.dataclass(frozen=True)
class StudyGroup:
    """Series of one study, by series number."""

    uid: str
    date: str
    series: tuple[SeriesGroup, ...]


@dataclasses.dataclass(frozen=True)
class ScanResult:
    """What a scan found: readable instances, and the files that were not taken in.

    A file that repeats an instance byte for byte is listed in neither (its path stands in `repeated`).
    """

    instances: tuple[InstanceHeader, ...]
    unreadable: tuple[Unreadable, ...]
    repeated: tuple[str, ...] = ()

    @property
    def studies(self) -> tuple[StudyGroup, ...]:
        """Instances grouped into studies and series."""
        return group_studies(self.instances)


def scan_files(paths: Iterable[Path], *, limits: Limits = DEFAULT_LIMITS) -> ScanResult:
    """Read the headers of untrusted files in a limited child process.

    Parameters
    ----------
    paths : iterable of Path
        Files, or folders that are searched in depth. Symbolic links are not followed, a DICOMDIR neither.
    limits : Limits
        Caps; see `Limits`.

    Returns
    -------
    ScanResult
        Every file stands in exactly one of `instances`, `unreadable` and `repeated`. Codes of unreadable files:
        `not_dicom`, `not_image`, `dicomdir_ignored`, `dicom_unreadable`, `dicom_too_large`, `dicom_uid_conflict`
        and `dicom_invalid_<field>`.

    Raises
    ------
    DomainError
        `too_many_files` where there are more files than one scan may take.
    """
    files = _listed(paths, limits)
    refused: list[Unreadable] = []
    candidates = [path for path in files if _is_candidate(path, refused)]
    items = [{"path": str(path), "limits": dataclasses.asdict(limits)} for path in candidates]
    answers = run_limited("imaging.compute.dicom.parse:parse_item", items, limits=limits)
    headers: list[InstanceHeader] = []
    for path, answer in zip(candidates, answers, strict=True):
        if answer.code:
            refused.append(Unreadable(str(path), answer.code, answer.reason))
        else:
            headers.append(InstanceHeader.from_json(answer.value))
    instances, repeated = _unique(headers, refused)
    return ScanResult(tuple(instances), tuple(refused), tuple(repeated))


def _listed(paths: Iterable[Path], limits: Limits) -> list[Path]:
    files: list[Path] = []
    for path in _walk(paths):
        files.append(path.absolute())
        if len(files) > limits.files:
            raise DomainError(
                "too_many_files", f"more than {limits.files} files at once: import them in parts"
            )
    return files


def _walk(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(sorted(path.iterdir()))
        elif path.is_file():
            yield path


def _is_candidate(path: Path, refused: list[Unreadable]) -> bool:
    """Whether the file is worth a child's time; others are noted in `refused`."""
    try:
        size = path.stat().st_size
        if path.name.upper() == "DICOMDIR":
            refused.append(Unreadable(str(path), "dicomdir_ignored", "a DICOMDIR index is never followed"))
        elif size < PREAMBLE or not has_preamble(path):
            reason = f"{size} bytes without a DICM mark: it is not a DICOM file"
            refused.append(Unreadable(str(path), "not_dicom", reason))
        else:
            return True
    except OSError as error:
        refused.append(
            Unreadable(str(path), "file_unreadable", f"the file cannot be opened ({error.strerror})")
        )
    return False


def _unique(
    headers: Sequence[InstanceHeader], refused: list[Unreadable]
) -> tuple[list[InstanceHeader], list[str]]:
    """One header per SOP instance; byte-equal copies are dropped, differing ones refused."""
    kept: dict[str, InstanceHeader] = {}
    repeated: list[str] = []
    for header in headers:
        earlier = kept.setdefault(header.sop_uid, header)
        if earlier is header:
            continue
        if _digest(earlier.path) == _digest(header.path):
            repeated.append(header.path)
        else:
            reason = "another file with the same SOPInstanceUID and other content came before"
            refused.append(Unreadable(header.path, "dicom_uid_conflict", reason))
    return list(kept.values()), repeated


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def group_studies(headers: Iterable[InstanceHeader]) -> tuple[StudyGroup, ...]:
    """Group instances into studies (by date) and series (by number)."""
    studies: dict[str, dict[str, list[InstanceHeader]]] = defaultdict(lambda: defaultdict(list))
    for header in headers:
        studies[header.study_uid][header.series_uid].append(header)
    groups = [_study(uid, series) for uid, series in studies.items()]
    return tuple(sorted(groups, key=lambda study: (study.date, study.uid)))


def _study(uid: str, series: dict[str, list[InstanceHeader]]) -> StudyGroup:
    groups = [_series(series_uid, headers) for series_uid, headers in series.items()]
    groups.sort(key=lambda group: (group.number is None, group.number or 0, group.uid))
    date = min(
        (header.study_date for group in groups for header in group.headers if header.study_date), default=""
    )
    return StudyGroup(uid, date, tuple(groups))


def _series(uid: str, headers: list[InstanceHeader]) -> SeriesGroup:
    ordered = sorted(headers, key=lambda h: (h.instance_number is None, h.instance_number or 0, h.path))
    return SeriesGroup(uid, ordered[0].series_number, tuple(ordered))
