import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from tests.architecture import guards

LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def lint_imports(folder: Path) -> str:
    """Run import-linter with this project's own contracts over the packages in `folder`, and return what it says."""
    (folder / "pyproject.toml").write_text((guards.ROOT / "pyproject.toml").read_text())
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Lay out the project's packages, empty."""
    for package in guards.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    return tmp_path


def test_every_package_has_its_layer() -> None:
    assert sorted(guards.PACKAGES) == sorted(app for layer in guards.layers() for app in layer)


def test_foreign_keys_point_down_the_layers() -> None:
    assert guards.upward_keys(apps.get_models()) == []


def test_no_foreign_key_points_to_people() -> None:
    assert guards.keys_to_people(apps.get_models()) == []


@isolate_apps("core", "meters", "api", "dashboard", "access")
def test_the_guard_sees_a_foreign_key_by_a_string_that_points_up() -> None:
    class Meter(models.Model):
        class Meta:
            app_label = "meters"

    class Note(models.Model):
        meter = models.ForeignKey("meters.Meter", on_delete=models.PROTECT)

        class Meta:
            app_label = "core"

    assert guards.upward_keys([Note, Meter]) == ["core.Note.meter points up to meters.Meter"]


@isolate_apps("meters", "access")
def test_the_guard_sees_a_foreign_key_to_people() -> None:
    class User(models.Model):
        class Meta:
            app_label = "access"

    class Meter(models.Model):
        made_by = models.ForeignKey(User, on_delete=models.PROTECT)

        class Meta:
            app_label = "meters"

    assert guards.keys_to_people([Meter, User]) == ["meters.Meter.made_by"]


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("core", "import invoices"),
        ("events", "from meters import rollup"),
        ("api", "import dashboard"),
        ("dashboard", "import api"),
        ("products", "def f():\n    import credits"),
    ],
)
def test_the_import_contract_breaks_on_an_import_that_points_up(packages: Path, module: str, statement: str) -> None:
    (packages / "meters" / "rollup.py").touch()
    (packages / module / "wrong.py").write_text(statement + "\n")

    assert "Contracts: 0 kept, 1 broken." in lint_imports(packages)


def test_the_import_contract_holds_for_imports_that_point_down(packages: Path) -> None:
    (packages / "api" / "right.py").write_text("import invoices, core\n")

    assert "Contracts: 1 kept, 0 broken." in lint_imports(packages)
