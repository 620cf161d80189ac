"""Lay a filter's draft out for its form: every clause with its controls, what is offered for them, and what is at fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard import filter_draft
from dashboard.filter_draft import Node
from events.catalogue import Property
from meters import filters

OPERATORS = tuple(filters.OPERATORS.values())
KINDS: tuple[filters.Kind, ...] = ("string", "number", "boolean")


@dataclass(frozen=True)
class Offered:
    """One metadata key as the editor offers it. number: its place, which names its list of samples."""

    number: int
    key: str
    kinds: Sequence[str]
    usual: str
    shares: Sequence[tuple[str, int]]
    samples: Sequence[str]

    @property
    def carries_numbers(self) -> bool:
        return "number" in self.kinds


@dataclass(frozen=True)
class Clause:
    """One row or group of the editor. place: its ordinal among its siblings, counted from 1."""

    path: str
    place: int
    node: Node
    errors: Mapping[str, str]
    clauses: Sequence["Clause"] = ()
    offered: Offered | None = None
    may_add: bool = False
    may_nest: bool = False

    @property
    def element(self) -> str:
        """The clause's id in the page."""
        return self.path.replace(".", "-")

    @property
    def is_group(self) -> bool:
        return filter_draft.is_group(self.node)

    @property
    def never_holds(self) -> bool:
        """Whether no event was seen to carry the key with a value of the kind that is compared with."""
        return self.offered is not None and self.node["kind"] not in self.offered.kinds


def offer(properties: Sequence[Property]) -> list[Offered]:
    """Prepare the keys of an event name for the editor's lists."""
    return [
        Offered(
            number=number,
            key=one.key,
            kinds=[kind for kind, count in one.counts.items() if count],
            usual=one.kind,
            shares=_shares(one),
            samples=list(dict.fromkeys(sample.text for sample in one.samples)),
        )
        for number, one in enumerate(properties)
        if one.total
    ]


def _shares(one: Property) -> list[tuple[str, int]]:
    """Give each kind's share in percent, the commonest first; a trace of a kind is seen, too."""
    found = sorted(one.counts.items(), key=lambda row: -row[1])
    return [(kind, max(1, 100 * count // one.total)) for kind, count in found if count]


def lay_out(draft: Node, errors: Mapping[str, str], offered: Sequence[Offered]) -> Clause:
    """Give the outermost group with all that it holds."""
    return _clause(draft, filter_draft.ROOT, 1, errors, {one.key: one for one in offered})


def _clause(node: Node, path: str, place: int, errors: Mapping[str, str], offered: Mapping[str, Offered]) -> Clause:
    if not filter_draft.is_group(node):
        own = {name.rpartition(".")[2]: text for name, text in errors.items() if name.rpartition(".")[0] == path}
        return Clause(path, place, node, own, offered=offered.get(node["key"]))
    clauses = [_clause(each, f"{path}.{number}", number + 1, errors, offered) for number, each in enumerate(node["clauses"])]
    return Clause(
        path,
        place,
        node,
        {},
        clauses,
        may_add=filter_draft.may_add(node),
        may_nest=filter_draft.may_nest(node, path),
    )


def context(draft: Node, errors: Mapping[str, str], properties: Sequence[Property]) -> dict[str, Any]:
    """Give what templates/dashboard/meters/wizard/filter.html needs."""
    offered = offer(properties)
    root = lay_out(draft, errors, offered)
    return {"root": root, "offered": offered, "operators": OPERATORS, "kinds": KINDS, "knows_keys": bool(offered)}
