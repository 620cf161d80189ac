"""Say which events a meter counts: a tree of conditions over an event's metadata, with one meaning everywhere. PURE.

OPERATORS and KINDS are the only places that know what a condition means; filter_sql builds SQL from the same rows.
A condition on a property that is missing, or that holds another type than the condition's own, is false for every operator,
the negative ones too (semantics 28). Strings are ordered by code point, numbers are exact.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from core.errors import DomainError
from core.text import gettext_noop as _
from events.validation import INTEGER_DIGITS, MAX_DECIMALS, MAX_DIGITS, MAX_KEY, MAX_STRING, is_storable

Scalar = str | Decimal | bool
Kind = Literal["string", "number", "boolean"]
Conjunction = Literal["and", "or"]
Metadata = Mapping[str, Any]

MAX_LEVELS = 3
MAX_CLAUSES = 10


class FilterInvalid(DomainError):
    """The JSON is no filter; `field` names the clause at fault."""

    code = "INVALID_FILTER"


@dataclass(frozen=True)
class Operator:
    """One way to compare a property with a condition's own scalar, both of the same kind.

    holds: the Python meaning, called as holds(actual, expected).  sql: the same in SQL over {actual} and {expected}.
    label: as a menu shows it.  sentence: the condition in words, over {key} and {expected}.
    """

    name: str
    kinds: tuple[Kind, ...]
    holds: Callable[[Any, Any], bool]
    sql: str
    label: str
    sentence: str


ORDERED: tuple[Kind, ...] = ("string", "number")
OPERATORS: Mapping[str, Operator] = {
    row.name: row
    for row in (
        Operator("equals", get_args(Kind), operator.eq, "{actual} = {expected}", _("equals"), _("{key} is {expected}")),
        Operator(
            "not_equals", get_args(Kind), operator.ne, "{actual} <> {expected}", _("does not equal"), _("{key} is not {expected}")
        ),
        Operator(
            "greater_than", ORDERED, operator.gt, "{actual} > {expected}", _("is greater than"), _("{key} is above {expected}")
        ),
        Operator(
            "greater_than_or_equals",
            ORDERED,
            operator.ge,
            "{actual} >= {expected}",
            _("is greater than or equals"),
            _("{key} is {expected} or above"),
        ),
        Operator("less_than", ORDERED, operator.lt, "{actual} < {expected}", _("is less than"), _("{key} is below {expected}")),
        Operator(
            "less_than_or_equals",
            ORDERED,
            operator.le,
            "{actual} <= {expected}",
            _("is less than or equals"),
            _("{key} is {expected} or below"),
        ),
        Operator(
            "contains",
            ("string",),
            operator.contains,
            "strpos({actual}, {expected}) > 0",
            _("contains"),
            _("{key} contains {expected}"),
        ),
        Operator(
            "does_not_contain",
            ("string",),
            lambda actual, expected: expected not in actual,
            "strpos({actual}, {expected}) = 0",
            _("does not contain"),
            _("{key} does not contain {expected}"),
        ),
    )
}


@dataclass(frozen=True)
class Condition:
    """One comparison of a metadata property with a scalar."""

    key: str
    operator: str
    value: Scalar


@dataclass(frozen=True)
class Group:
    """All (`and`) or any (`or`) of 1 to 10 clauses, each a condition or a further group."""

    conjunction: Conjunction
    clauses: tuple["Clause", ...]


Clause = Condition | Group
FilterTree = Group | None


def kind_of(scalar: object) -> Kind | None:
    """Name the kind of a metadata value; None for anything that metadata cannot hold."""
    if isinstance(scalar, bool):
        return "boolean"
    if isinstance(scalar, str):
        return "string"
    if isinstance(scalar, int | Decimal):
        return "number"
    return None


def matches(tree: FilterTree, metadata: Metadata) -> bool:
    """Judge one event's metadata; no filter matches every event."""
    if tree is None:
        return True
    judge = all if tree.conjunction == "and" else any
    return judge(
        holds(clause, metadata) if isinstance(clause, Condition) else matches(clause, metadata) for clause in tree.clauses
    )


def holds(condition: Condition, metadata: Metadata) -> bool:
    """Judge one condition; false where the property is missing or of another kind."""
    actual = metadata.get(condition.key)
    if kind_of(actual) != kind_of(condition.value):
        return False
    return OPERATORS[condition.operator].holds(actual, condition.value)


def conditions(tree: FilterTree, path: str = "filter") -> Iterator[tuple[str, Condition]]:
    """Walk the conditions in reading order, each with its path, such as filter.clauses[1].clauses[0]."""
    for number, clause in enumerate(tree.clauses if tree else ()):
        here = f"{path}.clauses[{number}]"
        if isinstance(clause, Condition):
            yield here, clause
        else:
            yield from conditions(clause, here)


def parse(source: object, *, field: str = "filter") -> FilterTree:
    """Read the wire contract's filter, as JSON decoded with Decimal for fractions; null is no filter.

    Raises FilterInvalid naming the clause at fault. A float is a caller's mistake, since its digits are lost already: TypeError.
    """
    return None if source is None else _group(source, field, level=1)


def _group(source: object, field: str, *, level: int) -> Group:
    if not isinstance(source, Mapping):
        raise FilterInvalid("A filter must be an object with a conjunction and clauses.", field=field)
    if level > MAX_LEVELS:
        raise FilterInvalid(f"Filters may be nested {MAX_LEVELS} levels deep; this one is deeper.", field=field)
    conjunction, clauses = source.get("conjunction"), source.get("clauses")
    if conjunction not in ("and", "or"):
        raise FilterInvalid('The conjunction must be "and" or "or".', field=f"{field}.conjunction")
    if not isinstance(clauses, list) or not 1 <= len(clauses) <= MAX_CLAUSES:
        raise FilterInvalid(f"A filter must have a list of 1 to {MAX_CLAUSES} clauses.", field=f"{field}.clauses")
    parsed = tuple(_clause(clause, f"{field}.clauses[{number}]", level) for number, clause in enumerate(clauses))
    return Group("and" if conjunction == "and" else "or", parsed)


def _clause(source: object, field: str, level: int) -> Clause:
    if isinstance(source, Mapping) and ("clauses" in source or "conjunction" in source):
        return _group(source, field, level=level + 1)
    if not isinstance(source, Mapping):
        raise FilterInvalid("A clause must be a condition or a nested filter.", field=field)
    condition = Condition(_key(source.get("key"), field), _operator(source.get("operator"), field), _scalar(source, field))
    kind = kind_of(condition.value)
    row = OPERATORS[condition.operator]
    if kind not in row.kinds:
        allowed = " or a ".join(row.kinds)
        raise FilterInvalid(f"{row.name} compares with a {allowed}, not with a {kind}.", field=f"{field}.value")
    return condition


def _key(source: object, field: str) -> str:
    if not isinstance(source, str) or not 1 <= len(source) <= MAX_KEY:
        raise FilterInvalid(f"The key must be a string of 1 to {MAX_KEY} characters.", field=f"{field}.key")
    return _storable(source, f"{field}.key")


def _operator(source: object, field: str) -> str:
    if not isinstance(source, str) or source not in OPERATORS:
        raise FilterInvalid(f"The operator must be one of {', '.join(OPERATORS)}.", field=f"{field}.operator")
    return source


def _scalar(clause: Mapping[str, object], field: str) -> Scalar:
    source, field = clause.get("value"), f"{field}.value"
    if isinstance(source, float):
        raise TypeError("decode the filter's JSON with Decimal for fractions")
    if isinstance(source, bool):
        return source
    if isinstance(source, int | Decimal):
        return _number(Decimal(source), field)
    if not isinstance(source, str):
        raise FilterInvalid("The value must be a string, a number or a boolean.", field=field)
    if len(source) > MAX_STRING:
        raise FilterInvalid(f"The value is longer than {MAX_STRING} characters, which no event can hold.", field=field)
    return _storable(source, field)


def _number(number: Decimal, field: str) -> Decimal:
    """Refuse what no event can carry (semantics 23), before it is expanded to its digits."""
    if not is_storable(number):
        raise FilterInvalid(
            f"The number must lie below 10^{INTEGER_DIGITS} with at most {MAX_DIGITS} digits, {MAX_DECIMALS} of them decimals.",
            field=field,
        )
    return number


def _storable(text: str, field: str) -> str:
    """Refuse what PostgreSQL's text cannot hold: NUL and lone surrogates."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise FilterInvalid("The text holds a NUL character or half of a surrogate pair.", field=field)
    return text


def to_json(tree: FilterTree) -> dict[str, Any] | None:
    """Write the tree as the wire contract has it; whole numbers as int, fractions as Decimal."""
    if tree is None:
        return None
    return {"conjunction": tree.conjunction, "clauses": [clause_json(clause) for clause in tree.clauses]}


def clause_json(clause: Clause) -> dict[str, Any] | None:
    """Write one clause as a filter has it."""
    if isinstance(clause, Group):
        return to_json(clause)
    return {"key": clause.key, "operator": clause.operator, "value": plain_number(clause.value)}


def plain_number(scalar: Scalar) -> str | bool | int | Decimal:
    """Turn a whole Decimal into int, so that JSON shows 150 and not 150.0; all else stays."""
    if isinstance(scalar, Decimal) and scalar == scalar.to_integral_value():
        return int(scalar)
    return scalar
