"""The rules that hold the architecture, as functions: each gives the list of what breaks it, so that tests can see it fail."""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import models

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]
FRAMEWORKS = {
    *(
        "billing_project.settings",
        "celery",
        "django",
        "django_filters",
        "httpx",
        "kombu",
        "pghistory",
        "plotly",
        "psycopg",
        "redis",
    ),
    *("rest_framework", "structlog", "typst", "xlsxwriter"),
}
IMPURE_IMPORTS = {
    *("asyncio", "io", "logging", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "threading", "time"),
    *("urllib",),
}
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now"}
EXACT_APPS = ("customers", "events", "meters", "products", "credits", "invoices")
"""Where every number is money or a quantity, unless its name says seconds."""


def modules(package: str) -> Iterator[Path]:
    """Walk a package's modules, without tests and migrations."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if not {"tests", "migrations"} & set(path.parts):
            yield path


def pure_modules() -> list[Path]:
    """Find the modules whose first docstring says PURE."""
    return [path for package in PACKAGES for path in modules(package) if is_pure(path.read_text())]


def is_pure(source: str) -> bool:
    """Tell whether the module's docstring says PURE at the end of a line or the start of one."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return any(line.endswith("PURE.") or line.startswith("PURE") for line in docstring.splitlines())


def dotted(path: Path) -> str:
    """Name a module by its path."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def impurities(source: str) -> list[str]:
    """List the clock, files, environment, network and floats that a PURE module touches."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = imported(node) & IMPURE_IMPORTS
        found += [f"line {node.lineno}: imports {name}" for name in sorted(names)]  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and _is_impure(ast.unparse(node.func)):
            found.append(f"line {node.lineno}: calls {ast.unparse(node.func)}")
    return found + floats(source)


def _is_impure(function: str) -> bool:
    unseeded = function.startswith("random.") and function != "random.Random"
    return function in IMPURE_CALLS or unseeded


def imported(node: ast.AST) -> set[str]:
    """Return the top-level packages that an import statement names."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").partition(".")[0]}
    return set()


def floats(source: str) -> list[str]:
    """List the float literals and conversions to float in a module, but for those whose name says that they are seconds."""
    tree = ast.parse(source)
    excused = {id(part) for node in ast.walk(tree) if _names_seconds(node) for part in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if id(node) in excused:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: the float {node.value}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            found.append(f"line {node.lineno}: calls float")
    return found


def _names_seconds(node: ast.AST) -> bool:
    targets: list[str] = []
    if isinstance(node, ast.Assign):
        targets = [ast.unparse(target) for target in node.targets]
    elif isinstance(node, ast.AnnAssign):
        targets = [ast.unparse(node.target)]
    elif isinstance(node, ast.keyword):
        targets = [node.arg or ""]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("sleep"):
        targets = ["seconds"]
    return any("seconds" in name.lower() or "timeout" in name.lower() for name in targets)


def layers() -> list[set[str]]:
    """Return the layers of the import contract, highest first."""
    [contract] = [c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return [{name.strip() for name in layer.split("|")} for layer in contract["layers"]]


def upward_keys(checked: Iterable[type[models.Model]]) -> list[str]:
    """List the foreign keys that point to a higher layer or a sibling; a key by a string escapes import-linter."""
    height = {app: -index for index, layer in enumerate(layers()) for app in layer}
    found = []
    for model in _ours(checked):
        for field in model._meta.get_fields():
            target = _target(field)
            if target is None or target._meta.app_label not in height or target._meta.app_label == model._meta.app_label:
                continue
            if height[target._meta.app_label] >= height[model._meta.app_label]:
                found.append(f"{model._meta.label}.{field.name} points up to {target._meta.label}")
    return found


def keys_to_people(checked: Iterable[type[models.Model]]) -> list[str]:
    """List the foreign keys to the user model outside access: history names people as text, so that they can leave."""
    found = []
    for model in _ours(checked):
        for field in model._meta.get_fields():
            target = _target(field)
            if target is not None and target._meta.label == "access.User" and model._meta.app_label != "access":
                found.append(f"{model._meta.label}.{field.name}")
    return found


def _ours(checked: Iterable[type[models.Model]]) -> Iterator[type[models.Model]]:
    return (model for model in checked if model._meta.app_label in PACKAGES)


def _target(field: Any) -> type[models.Model] | None:
    forward = isinstance(field, models.ForeignKey | models.ManyToManyField)
    return field.related_model if forward else None


def float_fields(checked: Iterable[type[models.Model]]) -> list[str]:
    """List the columns that hold floats."""
    return [
        f"{model._meta.label}.{field.name}"
        for model in _ours(checked)
        for field in model._meta.get_fields()
        if isinstance(field, models.FloatField)
    ]
