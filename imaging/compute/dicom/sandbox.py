"""Do work on untrusted files in a child process with little memory, little time and no secrets.

The parent hands the child a list of items and reads one answer per item. A child that dies or falls silent condemns
only the item it was on: a new child goes on with the rest.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from gliomon.common.errors import DomainError, RetriableError
from imaging.compute.dicom.limits import DEFAULT_LIMITS, Limits

_ROOT = Path(__file__).resolve().parents[3]
_MAX_ANSWER = 256 * 1024 * 1024
_READ = 1 << 16
_READY = b"ready"


class Answer(NamedTuple):
    """What became of one item: a value, or an error code with its reason."""

    value: Any = None
    code: str = ""
    reason: str = ""


def run_limited(target: str, items: Sequence[Any], *, limits: Limits = DEFAULT_LIMITS) -> list[Answer]:
    """Call `target` (``"package.module:function"``) with each item in a limited child process.

    Parameters
    ----------
    target : str
        A function that takes one JSON value and returns one.
    items : sequence
        JSON values.
    limits : Limits
        Memory of the child; CPU and wall seconds per item.

    Returns
    -------
    list of Answer
        One per item, in order. An item whose child died carries the code `dicom_unreadable`.

    Raises
    ------
    RetriableError
        `sandbox_failed` where no child process can be started.
    """
    answers: list[Answer] = []
    while len(answers) < len(items):
        answers.extend(_answers_of_one_child(target, items[len(answers) :], limits))
    return answers


def _answers_of_one_child(target: str, items: Sequence[Any], limits: Limits) -> list[Answer]:
    """Answers until the child is through, dies or falls silent; the item it was lost on is answered too."""
    answers: list[Answer] = []
    with tempfile.TemporaryFile() as todo:
        todo.write(json.dumps({"target": target, "items": list(items), **_caps(limits)}).encode())
        todo.seek(0)
        child = _start(todo)
        try:
            reason = _collect(child, answers, limits.wall_s)
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
    if len(answers) < len(items):
        answers.append(Answer(None, "dicom_unreadable", reason))
    return answers


def _collect(child: subprocess.Popen[bytes], answers: list[Answer], wall_s: float) -> str:
    """Append the child's answers; return why they ended."""
    lines = _lines(child, wall_s)
    try:
        if next(lines, None) != _READY:
            raise RetriableError("sandbox_failed", "the process that reads DICOM files did not start")
        answers.extend(Answer(*json.loads(line)) for line in lines)
        return f"the reading process died on this file ({_why(child.wait(timeout=5))})"
    except TimeoutError:
        return f"reading this file took more than {wall_s:.0f} s"
    except subprocess.TimeoutExpired:
        return "the reading process closed its answers"


def _caps(limits: Limits) -> dict[str, float]:
    return {"memory": limits.memory_bytes, "cpu": limits.cpu_s}


def _start(todo: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "imaging.compute.dicom.sandbox"],
        stdin=todo,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        start_new_session=True,
    )


def _lines(child: subprocess.Popen[bytes], wall_s: float) -> Iterator[bytes]:
    """Whole lines of the child's output; TimeoutError after `wall_s` of silence."""
    assert child.stdout is not None  # noqa: S101  (opened as a pipe above)
    descriptor = child.stdout.fileno()
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(wall_s):
                raise TimeoutError
            part = os.read(descriptor, _READ)
            if not part or len(pending) > _MAX_ANSWER:
                return
            *lines, pending = (pending + part).split(b"\n") if b"\n" in part else [pending + part]
            yield from lines


def _why(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit {returncode}"


def _child_main() -> None:
    """Answer each item of the work list on standard output."""
    work = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    module, _, name = work["target"].partition(":")
    function = getattr(importlib.import_module(module), name)
    _limit(resource.RLIMIT_AS, int(work["memory"]))
    _limit(resource.RLIMIT_CORE, 0)
    answers.write(_READY.decode() + "\n")
    answers.flush()
    for item in work["items"]:
        _grant_cpu(float(work["cpu"]))
        answers.write(json.dumps(_guarded(function, item)) + "\n")
        answers.flush()


def _limit(kind: int, amount: int) -> None:
    resource.setrlimit(kind, (amount, amount))


def _grant_cpu(seconds: float) -> None:
    """Allow this much CPU time from now on (the kernel ends the process beyond it)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def _guarded(function: Callable[[Any], Any], item: Any) -> tuple[Any, str, str]:
    try:
        return function(item), "", ""
    except DomainError as error:
        return None, error.code, error.message
    except MemoryError:
        return None, "dicom_too_large", "the file needs more memory than an untrusted file may take"
    except RecursionError:
        return None, "dicom_unreadable", "the file nests its sequences too deep"
    except Exception as error:
        return None, "dicom_unreadable", f"the file cannot be parsed ({type(error).__name__})"


if __name__ == "__main__":
    _child_main()
