"""Makes the virtual environment from the pinned requirements. Run as a file by a bare Python 3.11: no imports of ours.

`python -I gliomon/embedded/install.py STAMP REQUIREMENTS...`; a file whose name holds `binaries` is installed by hash
and without its dependencies.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
LOG = PROJECT / "var" / "log" / "pip.log"
_LEAST_FREE_BYTES = 8 * 1024**3  # torch with its CUDA libraries fills about 6 GB
_LAST_LINES = 8
_KNOWN_FAILURES = {
    "No space left on device": "The disk is full: the packages need about 8 GB.",
    "No matching distribution found": "A pinned package has no build for this machine (Linux on x86_64 is served).",
    "Failed building wheel": "A package would have to be compiled here, though all pinned ones come ready made for "
    "Linux on x86_64: this machine is of another kind.",
    "error: command 'gcc' failed": "A package would have to be compiled here and there is no working compiler.",
    "Temporary failure in name resolution": "The package index cannot be reached: check the network.",
    "DO NOT MATCH THE HASHES": "A downloaded package is not the one that was pinned: nothing was installed.",
}


class InstallError(Exception):
    """One sentence for the person who installs."""


def main(stamp: Path, requirements: list[Path]) -> int:
    """Install step by step, each with its duration; write the stamp when all is there."""
    started = time.monotonic()
    for folder in (LOG.parent.parent, LOG.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    total = len(requirements) + 1
    try:
        _step(1, total, "virtual environment", _make_venv)
        for number, file in enumerate(requirements, start=2):
            _step(number, total, f"packages of {file.name}", partial(_install, file))
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    for old in VENV.glob(".ready-*"):
        if old.name.rsplit("-", 1)[0] == stamp.name.rsplit("-", 1)[0]:
            old.unlink()
    stamp.touch()
    print(f"installed in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def _step(number: int, total: int, name: str, work: Callable[[Callable[[str], None]], None]) -> None:
    """Print one line per step; on a terminal it also shows what pip is doing right now."""
    head = f"[install {number}/{total}] {name} ... "
    live = sys.stdout.isatty()
    print(head, end="", flush=True)
    started = time.monotonic()
    try:
        work(lambda words: print(f"\r\033[K{head}{words[:60]}", end="", flush=True) if live else None)
    except InstallError:
        print("failed", flush=True)
        raise
    print(f"\r\033[K{head}" if live else "", end="")
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def _make_venv(show: Callable[[str], None]) -> None:
    if (VENV / "bin" / "pip").exists() and (VENV / "bin" / "python").exists():
        return
    free = shutil.disk_usage(PROJECT).free
    if free < _LEAST_FREE_BYTES:
        raise InstallError(f"Only {free / 1024**3:.1f} GB are free for {VENV}; the packages need about 8 GB.")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True
    )
    if made.returncode != 0:
        LOG.write_text(made.stdout + made.stderr)
        raise InstallError(_explain_venv(made.stdout + made.stderr))


def _explain_venv(output: str) -> str:
    if "ensurepip" in output:
        return "This Python cannot make virtual environments: install the package python3.11-venv."
    return f"The virtual environment could not be made: {output.strip().splitlines()[-1]}"


def _install(file: Path, show: Callable[[str], None]) -> None:
    exact = ["--require-hashes", "--no-deps", "--only-binary=:all:"] if "binaries" in file.name else []
    command = [str(VENV / "bin" / "pip"), "install", "--no-input", "--disable-pip-version-check"]
    with LOG.open("w") as log:
        pip = subprocess.Popen(
            [*command, *exact, "-r", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in pip.stdout or ():
            log.write(line)
            if line.startswith(("Collecting", "Installing")):
                show(line.strip())
    if pip.wait() != 0:
        raise InstallError(_explain_pip(LOG.read_text()))


def _explain_pip(output: str) -> str:
    for sign, sentence in _KNOWN_FAILURES.items():
        if sign in output:
            return f"{sentence} (see {LOG})"
    tail = "\n".join(output.strip().splitlines()[-_LAST_LINES:])
    return f"pip failed; the last lines of {LOG} are:\n{tail}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(word) for word in sys.argv[2:]]))
