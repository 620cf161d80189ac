import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import guards

PURE = guards.pure_modules()
LOADED = "import sys, importlib; importlib.import_module(sys.argv[1]); print(' '.join(sys.modules))"


def frameworks_loaded_by(module: str, folder: Path) -> set[str]:
    """Import the module in a fresh interpreter, and return the frameworks that came with it."""
    command = [sys.executable, "-c", LOADED, module]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(answer.stdout.split()) & guards.FRAMEWORKS


def test_there_are_pure_modules() -> None:
    assert {"core.money", "products.pricing", "invoices.assemble"} <= {guards.dotted(path) for path in PURE}


@pytest.mark.parametrize("path", PURE, ids=guards.dotted)
def test_a_pure_module_touches_no_clock_file_network_or_float(path: Path) -> None:
    assert guards.impurities(path.read_text()) == []


def test_all_pure_modules_together_load_no_framework_in_a_fresh_interpreter(tmp_path: Path) -> None:
    together = "\n".join(f"import {guards.dotted(path)}" for path in PURE)
    (tmp_path / "together.py").write_text(f"import sys\nsys.path.insert(0, {str(guards.ROOT)!r})\n{together}\n")

    assert frameworks_loaded_by("together", tmp_path) == set()


def test_the_guard_sees_a_framework_that_a_module_loads_through_another(tmp_path: Path) -> None:
    (tmp_path / "looks_pure.py").write_text('"""Look pure. PURE."""\nimport helper\n')
    (tmp_path / "helper.py").write_text("from django.db import models\n")

    assert frameworks_loaded_by("looks_pure", tmp_path) >= {"django"}


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        ("import os", ["line 1: imports os"]),
        ("from pathlib import Path", ["line 1: imports pathlib"]),
        ("def f():\n    return datetime.now(UTC)", ["line 2: calls datetime.now"]),
        ("def f(name):\n    return open(name).read()", ["line 2: calls open"]),
        ("import random\nrandom.randint(1, 6)", ["line 2: calls random.randint"]),
        ("import random\nrandom.Random('seed')", []),
        ("RATE = 0.19", ["line 1: the float 0.19"]),
        ("def f(text):\n    return float(text)", ["line 2: calls float"]),
        ("from decimal import Decimal\nRATE = Decimal('0.19')", []),
    ],
)
def test_the_guard_sees_each_impurity(source: str, broken: list[str]) -> None:
    assert guards.impurities(source) == broken


@pytest.mark.parametrize(
    ("docstring", "pure"),
    [("Add. PURE.", True), ("Add.\n\nPURE: no clock.", True), ("Say what a PURE module is to others.", False), ("", False)],
)
def test_the_guard_knows_a_pure_module_by_its_docstring(docstring: str, pure: bool) -> None:
    assert guards.is_pure(f'"""{docstring}"""') is pure
