"""Interleaved timing of several implementations in one process, with ratios written as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def interleave(sides: Mapping[str, Callable[[], object]], *, rounds: int = 7) -> dict[str, float]:
    """Minimum wall time in seconds of each side; they take turns, so that a busy machine hits all alike."""
    for call in sides.values():
        call()
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, call in sides.items():
            started = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def timed(call: Callable[[], object], *, rounds: int = 1) -> float:
    """Minimum wall time in seconds of one call, for sides too slow to take turns."""
    return min(interleave({"only": call}, rounds=rounds).values())


def report(name: str, seconds: Mapping[str, float], ratios: Mapping[str, float], **facts: Any) -> Path:
    """Print the ratios and write everything to results/<name>.json."""
    content = {
        "benchmark": name,
        "seconds": {k: round(v, 5) for k, v in seconds.items()},
        "ratios": {k: round(v, 3) for k, v in ratios.items()},
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **facts,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    print(json.dumps(content, indent=2, sort_keys=True))
    return path
