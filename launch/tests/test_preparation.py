from pathlib import Path

import pytest

from launch import preparation


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("django")
    (tmp_path / "core" / "migrations").mkdir(parents=True)
    (tmp_path / "static").mkdir()
    return tmp_path


@pytest.mark.parametrize("changed", ["requirements.txt", "core/migrations/0001_initial.py", "static/tokens.css"])
def test_the_fingerprint_changes_with_each_source(clone: Path, changed: str) -> None:
    before = preparation.fingerprint(clone, {})

    (clone / changed).write_text("something else")

    assert preparation.fingerprint(clone, {}) != before


def test_the_fingerprint_changes_with_a_variable_and_with_nothing_else(clone: Path) -> None:
    before = preparation.fingerprint(clone, {"PORT": "8000"})

    (clone / "core" / "models.py").write_text("")

    assert preparation.fingerprint(clone, {"PORT": "8000"}) == before
    assert preparation.fingerprint(clone, {"PORT": "8001"}) != before
