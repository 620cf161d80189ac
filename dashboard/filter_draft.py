"""Keep a filter while a person edits it: incomplete, with every value as the text that was typed. PURE.

A draft is plain JSON: a group {conjunction, clauses}, whose clauses are conditions {key, operator, kind, value} or further groups.
In a form each has a path, such as filter.1.0; a number stays text until `judge` reads it as a Decimal.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.text import gettext_noop as _
from meters import filters
from meters.filters import MAX_CLAUSES, MAX_LEVELS, FilterInvalid, Group

ROOT = "filter"
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
BOOLEANS = {"true": True, "false": False}

NOT_A_NUMBER = _("Enter a number with a point for decimals and without grouping, such as 1250.5.")
NOT_A_BOOLEAN = _("Enter true or false.")
NO_KEY = _("Enter the metadata key to compare.")

Node = dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What a draft comes to. filter: the wire contract's filter without what is at fault; None without a clause.

    errors: by the path of the control, such as filter.0.value.
    """

    filter: dict[str, Any] | None
    errors: dict[str, str] = field(default_factory=dict)


def empty() -> Node:
    """Give a draft without clauses, which is no filter."""
    return {"conjunction": "and", "clauses": []}


def condition() -> Node:
    """Give a condition that is still to be filled in."""
    return {"key": "", "operator": "equals", "kind": "string", "value": ""}


def is_group(node: Node) -> bool:
    return "clauses" in node


def read(posted: Mapping[str, str], path: str = ROOT, level: int = 1) -> Node:
    """Read what a form posted, however little of it makes sense."""
    clauses: list[Node] = []
    for number in range(MAX_CLAUSES):
        here = f"{path}.{number}"
        if f"{here}.conjunction" in posted and level < MAX_LEVELS:
            clauses.append(read(posted, here, level + 1))
        elif f"{here}.key" in posted:
            clauses.append({name: posted.get(f"{here}.{name}", usual) for name, usual in condition().items()})
    return {"conjunction": "or" if posted.get(f"{path}.conjunction") == "or" else "and", "clauses": clauses}


def of_filter(tree: Group | None) -> Node:
    """Turn a meter's filter into a draft of it."""
    return empty() if tree is None else _of_group(tree)


def _of_group(tree: Group) -> Node:
    return {"conjunction": tree.conjunction, "clauses": [_of_clause(clause) for clause in tree.clauses]}


def _of_clause(clause: filters.Clause) -> Node:
    if isinstance(clause, Group):
        return _of_group(clause)
    kind = filters.kind_of(clause.value)
    if isinstance(clause.value, bool):
        text = "true" if clause.value else "false"
    else:
        text = format(clause.value, "f") if isinstance(clause.value, Decimal) else clause.value
    return {"key": clause.key, "operator": clause.operator, "kind": kind, "value": text}


def walk(node: Node, path: str = ROOT) -> Iterator[tuple[str, Node]]:
    """Walk all clauses with their paths, each group before what it holds."""
    yield path, node
    for number, clause in enumerate(node.get("clauses", ())):
        yield from walk(clause, f"{path}.{number}")


def level_of(path: str) -> int:
    """Say how deep a group lies; the outermost is at level 1."""
    return path.count(".") + 1


def may_add(node: Node) -> bool:
    return len(node["clauses"]) < MAX_CLAUSES


def may_nest(node: Node, path: str) -> bool:
    return may_add(node) and level_of(path) < MAX_LEVELS


def change(draft: Node, wanted: str) -> str:
    """Carry out add:PATH, group:PATH or remove:PATH in place; anything else changes nothing.

    Returns the path of the clause to go on with, where there is one.
    """
    verb, _colon, path = wanted.partition(":")
    places = dict(walk(draft))
    node = places.get(path)
    if verb == "remove":
        return _remove(places, path)
    if node is None or not is_group(node):
        return ""
    if verb == "add" and may_add(node):
        node["clauses"].append(condition())
    elif verb == "group" and may_nest(node, path):
        turned = "and" if node["conjunction"] == "or" else "or"
        node["clauses"].append({"conjunction": turned, "clauses": [condition()]})
        return f"{path}.{len(node['clauses']) - 1}.0"
    else:
        return ""
    return f"{path}.{len(node['clauses']) - 1}"


def _remove(places: Mapping[str, Node], path: str) -> str:
    """Take a clause out; a group that is left without one goes with it. The clause before it is next."""
    above, _dot, number = path.rpartition(".")
    if path not in places or not above:
        return ""
    siblings = places[above]["clauses"]
    del siblings[int(number)]
    if not siblings:
        return _remove(places, above) if above != ROOT else ROOT
    return f"{above}.{max(int(number) - 1, 0)}"


def judge(draft: Node) -> Judgement:
    """Read the draft as a filter; what is at fault is left out and named."""
    errors: dict[str, str] = {}
    return Judgement(_group(draft, ROOT, errors), errors)


def _group(node: Node, path: str, errors: dict[str, str]) -> dict[str, Any] | None:
    clauses = []
    for number, clause in enumerate(node["clauses"]):
        here = f"{path}.{number}"
        read = _group(clause, here, errors) if is_group(clause) else _condition(clause, here, errors)
        if read is not None:
            clauses.append(read)
    return {"conjunction": node["conjunction"], "clauses": clauses} if clauses else None


def _condition(node: Node, path: str, errors: dict[str, str]) -> dict[str, Any] | None:
    if not node["key"].strip():
        errors[f"{path}.key"] = NO_KEY
        return None
    try:
        clause = {"key": node["key"], "operator": node["operator"], "value": _scalar(node)}
        filters.parse({"conjunction": "and", "clauses": [clause]})
    except _Unreadable as error:
        errors[f"{path}.value"] = str(error)
    except FilterInvalid as error:
        errors[f"{path}.{(error.field or '').rpartition('.')[2]}"] = error.message
    else:
        return clause
    return None


class _Unreadable(Exception):
    """The text is no scalar of the chosen kind."""


def _scalar(node: Node) -> filters.Scalar:
    text: str = node["value"]
    if node["kind"] == "number":
        if not NUMBER.fullmatch(text.strip()):
            raise _Unreadable(NOT_A_NUMBER)
        return Decimal(text.strip())
    if node["kind"] == "boolean":
        if text.strip().lower() not in BOOLEANS:
            raise _Unreadable(NOT_A_BOOLEAN)
        return BOOLEANS[text.strip().lower()]
    return text
