"""Progress lines: what is being done, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """Prints `[3/8] database ... 4.2 s`, one line per step; quiet ones print nothing."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total = total
        self._quiet = quiet
        self._done = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a block; a failing one ends its line with `failed`."""
        self._done += 1
        self._write(f"[{self._done}/{self._total}] {name} ... ", end="")
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._write("failed")
            raise
        self._write(f"{time.monotonic() - started:.1f} s")

    def _write(self, words: str, end: str = "\n") -> None:
        if not self._quiet:
            print(words, end=end, flush=True)
