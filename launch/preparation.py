"""Tell whether an earlier start prepared database and static files for what is there now: a start with nothing new is quick."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path


def fingerprint(clone: Path, environment: Mapping[str, str]) -> str:
    """Return a text that changes with the migrations, the static files, the requirements and the product's variables."""
    digest = hashlib.sha256(json.dumps(dict(environment), sort_keys=True).encode())
    for file in _sources(clone):
        found = file.stat()
        digest.update(f"{file.relative_to(clone)}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources(clone: Path) -> Iterator[Path]:
    yield clone / "requirements.txt"
    yield from sorted(clone.glob("*/migrations/*.py"))
    for folder in sorted({clone / "static", *clone.glob("*/static")} - {clone / "var" / "static"}):
        yield from sorted(file for file in folder.rglob("*") if file.is_file())
