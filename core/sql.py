"""Read the statements that stand in .sql files beside the modules which run them."""

from functools import cache
from pathlib import Path


@cache
def load(module_file: str, name: str) -> str:
    """Return the statement in sql/NAME.sql beside a module, given that module's __file__."""
    return (Path(module_file).parent / "sql" / f"{name}.sql").read_text()
