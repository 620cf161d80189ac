"""Judge one event by one meter, clause by clause, and say why it does not count and what it narrowly misses. PURE."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from core.text import folded
from core.text import gettext_noop as _
from meters import filters
from meters.aggregation import number_of
from meters.definition import Definition
from meters.filters import Clause, Condition, FilterTree, Group, Kind, Metadata

Reason = Literal["voided", "filter", "archived", "property_missing", "property_is_string", "property_not_numeric", "unreadable"]
ClauseReason = Literal["missing", "other_type", "differs"]
NearMissKind = Literal["event_name", "property_key", "number_as_string", "boolean_as_string", "string_case"]

# Why a meter does not count an event of its name, in the order in which a person would look; the first that applies is given.
REASONS: Mapping[Reason, str] = {
    "voided": _("The event is void."),
    "filter": _("The filter keeps it out."),
    "archived": _("The meter was archived at the time of the event."),
    "property_missing": _("The property that the meter reads is missing."),
    "property_is_string": _("The property that the meter reads was sent as text, not as a number."),
    "property_not_numeric": _("The property that the meter reads is no number."),
    "unreadable": _("What is stored of the meter's filter cannot be read, so it cannot be said whether it counts."),
}
CLAUSE_REASONS: Mapping[ClauseReason, str] = {
    "missing": _("it has no such property"),
    "other_type": _("another type never matches"),
    "differs": _("it does not match"),
}
NEAR_MISSES: Mapping[NearMissKind, str] = {
    "event_name": _("The event name differs only in capital letters or spaces."),
    "property_key": _("The name of the property differs only in capital letters or spaces."),
    "number_as_string": _("A number was sent as text. Send it without quotes."),
    "boolean_as_string": _("True or false was sent as text. Send it without quotes."),
    "string_case": _("The text differs only in capital letters or spaces."),
}
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


@dataclass(frozen=True)
class ConditionVerdict:
    """One condition against an event. actual, actual_type: None where the property is missing.

    reason: None where it holds, else a key of CLAUSE_REASONS.
    """

    path: str
    condition: Condition
    actual: Any
    actual_type: Kind | None
    holds: bool
    reason: ClauseReason | None


@dataclass(frozen=True)
class GroupVerdict:
    """A group of clauses against an event, each clause judged, also those that no longer matter."""

    path: str
    group: Group
    clauses: tuple["ClauseVerdict", ...]
    holds: bool


ClauseVerdict = ConditionVerdict | GroupVerdict


@dataclass(frozen=True)
class Verdict:
    """What a meter makes of an event of its name. quantity: what it adds, None where it does not count.

    reason: None where it counts, else a key of REASONS.  tree: the filter judged, None where there is none.
    """

    quantity: Decimal | None
    reason: Reason | None
    tree: GroupVerdict | None

    @property
    def counted(self) -> bool:
        return self.reason is None

    @property
    def conditions(self) -> tuple[ConditionVerdict, ...]:
        """All conditions of the filter, in reading order."""
        return tuple(_conditions(self.tree)) if self.tree else ()


UNREADABLE = Verdict(None, "unreadable", None)


@dataclass(frozen=True)
class NearMiss:
    """Something that is almost what a meter asks for. kind: a key of NEAR_MISSES.  path: the part of the meter that asks."""

    kind: NearMissKind
    path: str
    expected: str
    actual: str


def verdict(definition: Definition, *, timestamp: datetime, metadata: Metadata, is_void: bool) -> Verdict:
    """Judge an event that carries the meter's name."""
    tree = judged(definition.filter, metadata) if definition.filter else None
    reason = _reason(definition, tree, timestamp, metadata, is_void=is_void)
    return Verdict(None if reason else number_of(metadata, definition.over_property), reason, tree)


def _reason(
    definition: Definition, tree: GroupVerdict | None, timestamp: datetime, metadata: Metadata, *, is_void: bool
) -> Reason | None:
    if is_void:
        return "voided"
    if tree is not None and not tree.holds:
        return "filter"
    if not any(interval.contains(timestamp) for interval in definition.active):
        return "archived"
    if definition.over_property is None:
        return None
    kind = filters.kind_of(metadata.get(definition.over_property))
    kinds: dict[Kind | None, Reason] = {
        None: "property_missing",
        "string": "property_is_string",
        "boolean": "property_not_numeric",
    }
    return None if kind == "number" else kinds[kind]


def judged(group: Group, metadata: Metadata, path: str = "filter") -> GroupVerdict:
    """Judge every clause of a group."""
    places = [f"{path}.clauses[{number}]" for number in range(len(group.clauses))]
    clauses = tuple(
        _condition(clause, metadata, place) if isinstance(clause, Condition) else judged(clause, metadata, place)
        for clause, place in zip(group.clauses, places, strict=True)
    )
    return GroupVerdict(path, group, clauses, filters.matches(group, metadata))


def _condition(condition: Condition, metadata: Metadata, path: str) -> ConditionVerdict:
    actual = metadata.get(condition.key)
    kind = filters.kind_of(actual)
    holds = filters.holds(condition, metadata)
    reason: ClauseReason = "missing" if kind is None else "differs" if kind == filters.kind_of(condition.value) else "other_type"
    return ConditionVerdict(path, condition, actual, kind, holds, None if holds else reason)


def _conditions(clause: ClauseVerdict) -> Iterator[ConditionVerdict]:
    if isinstance(clause, ConditionVerdict):
        yield clause
    else:
        for part in clause.clauses:
            yield from _conditions(part)


def decisive(tree: FilterTree, path: str = "filter") -> Iterator[tuple[str, Clause]]:
    """Walk the clauses that must all hold, with their paths; the first that does not is what keeps an event out.

    An `or` group counts as one clause: none of its alternatives is to blame alone.
    """
    if tree is None:
        return
    if tree.conjunction == "or":
        yield path, tree
        return
    for number, clause in enumerate(tree.clauses):
        here = f"{path}.clauses[{number}]"
        if isinstance(clause, Group):
            yield from decisive(clause, here)
        else:
            yield here, clause


def excluding(found: Verdict) -> Clause | None:
    """Give the first clause that keeps an event out, None where the filter does not."""
    if found.reason != "filter" or found.tree is None:
        return None
    held = {one.path: one.holds for one in _walk(found.tree)}
    return next(clause for path, clause in decisive(found.tree.group) if not held[path])


def _walk(tree: GroupVerdict) -> Iterator[ClauseVerdict]:
    yield tree
    for part in tree.clauses:
        if isinstance(part, GroupVerdict):
            yield from _walk(part)
        else:
            yield part


def near_misses(definition: Definition, metadata: Metadata) -> tuple[NearMiss, ...]:
    """List what an event of the meter's name almost has of what the meter asks for, filter first."""
    found = list(_near_property(definition.over_property, "aggregation.key", metadata))
    if definition.over_property is not None and definition.over_property in metadata:
        found += _near_scalar(Decimal(0), metadata[definition.over_property], _("a number"), "aggregation.key")
    matched = filters.matches(definition.filter, metadata)
    for path, condition in () if matched else filters.conditions(definition.filter):
        if filters.holds(condition, metadata):
            continue
        found += _near_property(condition.key, path, metadata)
        if condition.key in metadata:
            found += _near_scalar(condition.value, metadata[condition.key], _text(condition.value), path, condition.operator)
    return tuple(found)


def _near_property(key: str | None, path: str, metadata: Metadata) -> Iterator[NearMiss]:
    if key is not None and key not in metadata:
        yield from (NearMiss("property_key", path, key, other) for other in metadata if folded(other) == folded(key))


def _near_scalar(wanted: object, actual: object, expected: str, path: str, operator: str = "") -> Iterator[NearMiss]:
    """Compare with what is asked for; expected: as it is shown. The operator matters for texts, which only `equals` nearly misses."""
    if not isinstance(actual, str):
        return
    kind = filters.kind_of(wanted)
    if kind == "number" and _NUMBER.fullmatch(actual):
        yield NearMiss("number_as_string", path, expected, actual)
    elif kind == "boolean" and actual.strip().lower() in ("true", "false"):
        yield NearMiss("boolean_as_string", path, expected, actual)
    elif kind == "string" and operator == "equals" and folded(str(wanted)) == folded(actual):
        yield NearMiss("string_case", path, expected, actual)


def _text(scalar: object) -> str:
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return format(scalar, "f") if isinstance(scalar, Decimal) else str(scalar)
