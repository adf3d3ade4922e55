from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest

from gliomon.common.errors import DomainError
from gliomon.embedded.credentials import load_or_create


def test_made_once_private_and_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    made = load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create(path) == made
    assert len(set(astuple(made))) == 5
    assert min(map(len, astuple(made))) >= 43
    assert len(made.secret_key) >= 50


def test_every_directory_gets_its_own(tmp_path: Path) -> None:
    one, other = (astuple(load_or_create(tmp_path / name)) for name in ("a.json", "b.json"))
    assert not set(one) & set(other)


def test_damaged_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text('{"postgres": "half')
    with pytest.raises(DomainError, match="is damaged"):
        load_or_create(path)
    assert path.read_text() == '{"postgres": "half'
