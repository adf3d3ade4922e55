from __future__ import annotations

import re
from pathlib import Path

import pytest

from gliomon.embedded import install

_PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        ("error: command 'gcc' failed: No such file or directory", "no working compiler"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
            "not the one that was pinned",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build for this machine"),
    ],
)
def test_known_failures_become_one_sentence(output: str, wanted: str) -> None:
    said = install._explain_pip(f"Collecting torch\n{output}\nmore\n")
    assert wanted in said
    assert "\n" not in said


def test_unknown_failure_shows_the_last_lines() -> None:
    assert install._explain_pip("first\n" * 20 + "the reason\n").endswith("the reason")


def test_missing_ensurepip_names_the_package() -> None:
    output = "The virtual environment was not created successfully because ensurepip is not available."
    assert "python3.11-venv" in install._explain_venv(output)


def test_every_binary_is_pinned_by_version_and_hash() -> None:
    text = (_PROJECT / "requirements-binaries.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 3
    assert all(re.match(r"\S+==\S+( +--hash=sha256:[0-9a-f]{64})+$", line.strip()) for line in lines)
