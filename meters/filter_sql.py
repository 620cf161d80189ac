"""Turn a filter tree into parameterised SQL over an event's metadata; the meaning of each operator stays in filters.OPERATORS.

Every condition is true or false, never NULL, so the SQL may be negated. No text from outside enters the statement itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, LiteralString, cast

from psycopg import sql

from core.sql import load
from meters import filters
from meters.filters import Condition, FilterTree, Group, Kind

METADATA = sql.Identifier("metadata")
TRUE = sql.SQL("true")
FALSE = sql.SQL("false")
# What can become of a condition: the letter that SQL gives, and its name.
VERDICTS = {"h": "holds", "m": "missing", "t": "other_type", "d": "differs"}


def template(name: str) -> sql.SQL:
    """Read sql/NAME.sql of this app; {fragment} in it is filled by format, values are parameters."""
    return sql.SQL(cast(LiteralString, load(__file__, name)))


@dataclass
class Parameters:
    """Collect a statement's parameters; the same value is bound once."""

    bound: dict[str, Any] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, argument: Any) -> sql.Placeholder:
        """Bind an argument and return its placeholder."""
        name = self._names.setdefault(repr(argument), f"p{len(self._names)}")
        self.bound[name] = argument
        return sql.Placeholder(name)


@dataclass(frozen=True)
class KindSql:
    """How a kind's operands are written: the JSON type it needs, the property's own, and the condition's."""

    json_type: str
    actual: str
    expected: str
    bind: Callable[[Any], Any]


# Numbers and booleans are compared as jsonb: exact, and without a cast that could fail on an event of another type, whatever
# order PostgreSQL evaluates in. Strings need the collation named, or the database's own would order them.
KINDS: dict[Kind, KindSql] = {
    "string": KindSql("string", '({metadata} ->> {key}) COLLATE "C"', "{argument}::text", str),
    "number": KindSql("number", "({metadata} -> {key})", "{argument}::jsonb", lambda number: plain(number)),
    "boolean": KindSql("boolean", "({metadata} -> {key})", "{argument}::jsonb", lambda flag: "true" if flag else "false"),
}


def plain(number: Decimal) -> str:
    """Write a number as JSON without an exponent."""
    return format(number, "f")


def where(tree: FilterTree, parameters: Parameters, *, metadata: sql.Composable = METADATA) -> sql.Composable:
    """Compose the SQL that is true for the events that `filters.matches` holds for; binds into parameters."""
    if tree is None:
        return TRUE
    joiner = sql.SQL(" AND ") if tree.conjunction == "and" else sql.SQL(" OR ")
    clauses = (
        where(clause, parameters, metadata=metadata)
        if isinstance(clause, Group)
        else condition(clause, parameters, metadata=metadata)
        for clause in tree.clauses
    )
    return sql.SQL("({})").format(joiner.join(clauses))


def condition(clause: Condition, parameters: Parameters, *, metadata: sql.Composable = METADATA) -> sql.Composable:
    """Compose one condition: true or false, never NULL."""
    key, json_type, comparison = _compared(clause, parameters, metadata)
    return sql.SQL("COALESCE(jsonb_typeof({metadata} -> {key}) = {json_type} AND {comparison}, false)").format(
        metadata=metadata, key=key, json_type=json_type, comparison=comparison
    )


def verdict(clause: Condition, parameters: Parameters, *, metadata: sql.Composable = METADATA) -> sql.Composable:
    """Compose what becomes of one condition, as one of the letters of VERDICTS."""
    key, json_type, comparison = _compared(clause, parameters, metadata)
    return sql.SQL(
        "CASE WHEN jsonb_typeof({metadata} -> {key}) IS NULL THEN {missing} "
        "WHEN jsonb_typeof({metadata} -> {key}) <> {json_type} THEN {other_type} "
        "WHEN {comparison} THEN {holds} ELSE {differs} END"
    ).format(
        metadata=metadata,
        key=key,
        json_type=json_type,
        comparison=comparison,
        **{name: sql.Literal(letter) for letter, name in VERDICTS.items()},
    )


def _compared(
    clause: Condition, parameters: Parameters, metadata: sql.Composable
) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
    """Compose a condition's key, the JSON type that it needs, and its comparison."""
    kind = filters.kind_of(clause.value)
    assert kind is not None  # noqa: S101  parse() lets nothing else in
    row = KINDS[kind]
    key = sql.SQL("{}::text").format(parameters.add(clause.key))
    actual = sql.SQL(row.actual).format(metadata=metadata, key=key)
    expected = sql.SQL(row.expected).format(argument=parameters.add(row.bind(clause.value)))
    comparison = sql.SQL(filters.OPERATORS[clause.operator].sql).format(actual=actual, expected=expected)
    return key, sql.Literal(row.json_type), comparison


def number(key: str, parameters: Parameters, *, metadata: sql.Composable = METADATA) -> sql.Composable:
    """Compose a property as NUMERIC, NULL where it is missing or no number.

    CASE is the only form in which PostgreSQL never tries the cast on another type.
    """
    return sql.SQL("CASE WHEN jsonb_typeof({metadata} -> {key}) = 'number' THEN ({metadata} -> {key})::numeric END").format(
        metadata=metadata, key=sql.SQL("{}::text").format(parameters.add(key))
    )
