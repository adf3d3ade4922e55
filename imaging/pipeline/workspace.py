"""What the steps of one run share: volumes in memory, and their rows and files written together with the step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction

from gliomon.common.runs import hold
from gliomon.common.version import code_version
from imaging import storage
from imaging.compute.volume import Volume, read_nifti, write_nifti
from imaging.models import ImagingRun, ImagingStep, Registration, StepState
from imaging.models import Volume as VolumeRow


@dataclasses.dataclass
class Workspace:
    """One run at work. A step takes volumes with `get`, leaves new ones with `put`; `close_step` makes them real."""

    run: ImagingRun
    device: str = dataclasses.field(default_factory=lambda: settings.DEVICE)
    _loaded: dict[tuple[str, str], Volume] = dataclasses.field(default_factory=dict)
    _pending: list[Any] = dataclasses.field(default_factory=list)
    _on_close: list[Callable[[], object]] = dataclasses.field(default_factory=list)

    def get(self, kind: str, space: str) -> Volume | None:
        """A volume that this run has made, or None."""
        key = (kind, space)
        if key not in self._loaded:
            row = VolumeRow.objects.filter(run=self.run, kind=kind, space=space).first()
            if row is None:
                return None
            self._loaded[key] = _load(row)
        return self._loaded[key]

    def kinds(self, space: str) -> set[str]:
        """The kinds of volume this run has in a space."""
        stored = VolumeRow.objects.filter(run=self.run, space=space).values_list("kind", flat=True)
        return set(stored) | {kind for kind, where in self._loaded if where == space}

    def row(self, kind: str, space: str) -> VolumeRow | None:
        """The stored row of a volume."""
        return VolumeRow.objects.filter(run=self.run, kind=kind, space=space).first()

    def put(
        self,
        volume: Volume,
        space: str,
        *,
        method: str = "",
        flags: tuple[str, ...] = (),
        input_uids: list[str] | None = None,
    ) -> VolumeRow:
        """Write the volume's file now and its row when the step closes; a repeated step writes the same file again."""
        file = storage.volume_file(self.run.pk, volume.kind, space)
        sha256 = write_nifti(volume, storage.media_path(file))
        row = VolumeRow(
            run=self.run,
            timepoint=self.run.timepoint,
            kind=volume.kind,
            space=space,
            unit=volume.unit,
            file=file,
            sha256=sha256,
            shape=list(volume.array.shape),
            affine=np.asarray(volume.affine, dtype=float).tolist(),
            axis_values={"b_values": volume.b_values, "times_s": volume.times_s},
            input_uids=input_uids or [],
            method=method,
            code_version=code_version("imaging"),
            flags=list(flags),
        )
        self._loaded[volume.kind, space] = volume
        self._pending.append(row)
        return row

    def add(self, row: Any) -> None:
        """Have another row stored when the step closes."""
        self._pending.append(row)

    def when_closed(self, act: Callable[[], object]) -> None:
        """Have something done inside the transaction that closes the step."""
        self._on_close.append(act)

    def forget_pending(self) -> None:
        """Drop what a failed step left."""
        for row in self._pending:
            if isinstance(row, VolumeRow):
                self._loaded.pop((row.kind, row.space), None)
        self._pending.clear()
        self._on_close.clear()

    def close_step(self, step: ImagingStep, *, seconds: float, detail: dict[str, Any]) -> None:
        """Store the step's rows and mark it done, in one transaction that only the owner of the run may make."""
        with transaction.atomic():
            hold(self.run)
            for row in self._pending:
                row.save(force_insert=True)
            ImagingStep.objects.filter(pk=step.pk).update(
                state=StepState.DONE, seconds=seconds, detail=detail, error="", error_code=""
            )
            for act in self._on_close:
                act()
        self._pending.clear()
        self._on_close.clear()

    def matrix_to_reference(self, kind: str) -> np.ndarray:
        """The stored rigid map from the reference's RAS mm to the RAS mm of `kind` (identity where none is)."""
        row = Registration.objects.filter(run=self.run, moving_kind=kind).first()
        return np.eye(4) if row is None else np.asarray(row.matrix, dtype=float)

    def reference_kind(self) -> str | None:
        """Which native volume is the visit's reference: post-contrast T1 first."""
        present = self.kinds("native")
        return next((kind for kind in ("t1ce", "t1", "flair", "t2") if kind in present), None)

    def uids(self, kind: str) -> list[str]:
        """DICOM series UIDs behind a native volume."""
        row = self.row(kind, "native")
        return list(row.input_uids) if row is not None else []


def _load(row: VolumeRow) -> Volume:
    volume = read_nifti(storage.media_path(row.file), kind=row.kind, unit=row.unit)
    b_values, times_s = row.axis_values.get("b_values"), row.axis_values.get("times_s")
    return dataclasses.replace(
        volume,
        b_values=tuple(b_values) if b_values else None,
        times_s=tuple(times_s) if times_s else None,
    )
