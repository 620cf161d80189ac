"""Read golden cases from text; any word that is not known fails."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One case: where it stands, its facts as words, and the lines that it must give."""

    file: str
    title: str
    facts: tuple[tuple[str, ...], ...]
    gives: tuple[str, ...]


class CaseUnreadable(Exception):
    """A golden file holds a line that means nothing."""


def cases(folder: str, *, here: Path = HERE) -> list[Case]:
    """List every case of a folder, in order of file and line."""
    return [case for file in sorted((here / folder).glob("*.txt")) for case in _read(file)]


def unread(folders: Sequence[str], *, here: Path = HERE) -> set[Path]:
    """Find the files that belong to no folder which is read, or whose name does not end in .txt: their cases hold nothing."""
    found = {path.relative_to(here) for path in here.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".md")}
    read = {path.relative_to(here) for folder in folders for path in (here / folder).glob("*.txt")}
    return found - read


def instant(text: str) -> datetime:
    """Read a date (its UTC midnight) or a UTC instant."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def shown(at: datetime) -> str:
    """Write an instant as `instant` reads it."""
    return at.date().isoformat() if at == at.replace(hour=0, minute=0, second=0, microsecond=0) else f"{at:%Y-%m-%dT%H:%M:%S}Z"


def _read(file: Path) -> Iterator[Case]:
    title, facts, gives, given = None, [], [], False
    for text in [*file.read_text().splitlines(), "case"]:
        line = text.split("#")[0].strip()
        if line == "case" or line.startswith("case "):
            if title is not None:
                if not (facts and gives):
                    raise CaseUnreadable(f"{file.name}: {title}: lacks facts or a result")
                yield Case(file.name, title, tuple(facts), tuple(gives))
            title, facts, gives, given = line.removeprefix("case").strip(), [], [], False
        elif line == "gives":
            given = True
        elif line and title is None:
            raise CaseUnreadable(f"{file.name}: {line!r} stands before the first case")
        elif line and given:
            gives.append(" ".join(line.split()))
        elif line:
            facts.append(tuple(line.split()))
