"""Say which clauses of a filter keep events out, from how many events have which verdicts. PURE.

A verdict is a letter of filter_sql.VERDICTS: h holds, m the property is missing, t it is of another type, d it differs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meters import filters
from meters.filters import Condition, FilterTree


@dataclass(frozen=True)
class Judged:
    """Events that are alike. verdicts: a letter for each condition of the filter, in reading order."""

    verdicts: str
    event_count: int


@dataclass(frozen=True)
class Blame:
    """What one condition does among the events that the filter keeps out.

    missing, other_type, differs: those that fail it, by the reason.  alone: those that would pass if only this condition held.
    """

    path: str
    condition: Condition
    missing: int
    other_type: int
    differs: int
    alone: int

    @property
    def failed(self) -> int:
        return self.missing + self.other_type + self.differs


def passes(tree: FilterTree, holds: Mapping[str, bool], path: str = "filter") -> bool:
    """Judge a filter by its conditions' verdicts, each under its path; no filter passes everything."""
    if tree is None:
        return True
    judge = all if tree.conjunction == "and" else any
    places = [(f"{path}.clauses[{number}]", clause) for number, clause in enumerate(tree.clauses)]
    return judge(holds[place] if isinstance(clause, Condition) else passes(clause, holds, place) for place, clause in places)


def blame(tree: FilterTree, judged: Iterable[Judged]) -> tuple[Blame, ...]:
    """Give for each condition, in reading order, what it keeps out."""
    conditions = list(filters.conditions(tree))
    paths = [path for path, _condition in conditions]
    kept_out = [(row, held) for row in judged if not passes(tree, held := _held(paths, row.verdicts))]
    found = []
    for number, (path, condition) in enumerate(conditions):
        failing = [(row, held) for row, held in kept_out if not held[path]]
        counts = {
            letter: sum(row.event_count for row, _held in failing if row.verdicts[number] == letter) for letter in ("m", "t", "d")
        }
        alone = sum(row.event_count for row, held in failing if passes(tree, {**held, path: True}))
        found.append(Blame(path, condition, counts["m"], counts["t"], counts["d"], alone))
    return tuple(found)


def passed(tree: FilterTree, row: Judged) -> bool:
    """Say whether the filter lets these events through."""
    return passes(tree, _held([path for path, _condition in filters.conditions(tree)], row.verdicts))


def _held(paths: Sequence[str], verdicts: str) -> dict[str, bool]:
    return {path: letter == "h" for path, letter in zip(paths, verdicts, strict=True)}
