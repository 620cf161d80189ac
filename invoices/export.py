"""Export invoices and their lines as tables: one list of columns each, written by PostgreSQL's own COPY or read row by row.

Drafts have no lines and only an estimate. Amounts are integers in minor units here; quantities are exact.

# Note [Lines in the order of their invoices]
Lines are many and wide, invoices few and narrow. So invoices are put in order first, and OFFSET 0 has PostgreSQL fetch the lines of each
behind it, by the index that holds their positions; what is left to sort are the lines of one invoice at a time. Left to itself it joins all
lines and sorts them on disk, which takes longer than writing them. Few lines adjust another: that one is looked up only for those.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString, cast

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from psycopg import sql

from core import copy_csv, database
from core.copy_csv import Kind
from invoices.models import Invoice

ROWS_AT_ONCE = 2000

Rows = Literal["invoices", "lines"]
Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Column:
    """A column's name, the SQL of what it holds, and how that is written."""

    name: str
    expression: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Columns, where they are read from, and in which order. source: with {asked} for a statement that gives the invoices' ids."""

    columns: Sequence[Column]
    source: str
    order: str


def _issued(expression: str) -> str:
    return f"CASE WHEN i.status <> 'draft' THEN {expression} END"


def _as_stored(row: str, **kinds: Kind) -> Iterator[Column]:
    """Give the columns that are called as what they hold is stored."""
    return (Column(name, f"{row}.{name}", kind) for name, kind in kinds.items())


_INVOICE = (Column("number", "i.number"), Column("invoice_id", "i.public_id"))
INVOICES = Table(
    columns=(
        *_INVOICE,
        *_as_stored("i", kind="text", status="text"),
        Column("customer_id", "c.public_id"),
        # What an issued invoice says of its customer is what it said at issue, whatever the customer is called now.
        Column("customer_name", "coalesce(i.customer_copy->>'name', c.name)", "free"),
        Column("subscription_id", "u.public_id"),
        *_as_stored("i", point="integer", revision="integer", period_start="instant", period_end="instant"),
        *_as_stored("i", issued_at="instant", due_at="instant", paid_at="instant", currency="text"),
        Column("subtotal", _issued("i.subtotal"), "money"),
        Column("usage_credits", _issued("i.usage_credit_amount"), "money"),
        Column("tax", _issued("i.tax_amount"), "money"),
        Column("included_tax", _issued("i.included_tax_amount"), "money"),
        Column("total", "CASE WHEN i.status = 'draft' THEN i.estimate_total ELSE i.total END", "money"),
        Column("invoice_credits", _issued("i.invoice_credit_amount"), "money"),
        Column("amount_paid", "i.amount_paid", "money"),
        Column("amount_due", _issued("i.total - i.invoice_credit_amount - i.amount_paid"), "money"),
    ),
    source="""invoices_invoice i JOIN customers_customer c ON c.id = i.customer_id
        JOIN products_subscription u ON u.id = i.subscription_id LEFT JOIN invoices_invoiceseries s ON s.id = i.series_id
        WHERE i.id IN ({asked})""",
    order="s.series, s.year, i.series_number, i.id",
)
LINES = Table(
    columns=(
        *_INVOICE,
        Column("line_id", "l.public_id"),
        *_as_stored("l", position="integer", kind="text", description="free"),
        Column("meter_id", "m.public_id"),
        *_as_stored("l", period_start="instant", period_end="instant", quantity="decimal", event_count="integer"),
        *_as_stored("l", free_quantity="decimal", credited_quantity="decimal", chargeable_quantity="decimal"),
        *_as_stored("l", unit_price="decimal", unrounded_amount="decimal", amount="money", tax_rate="decimal"),
        Column("currency", "i.currency"),
        Column(
            "adjusts",
            "CASE WHEN l.adjusts_id IS NOT NULL THEN (SELECT a.public_id FROM invoices_invoiceline a WHERE a.id = l.adjusts_id) END",
        ),
    ),
    # See Note [Lines in the order of their invoices].
    source="""(
            SELECT i.id, i.number, i.public_id, i.currency, i.series_number, s.series, s.year
            FROM invoices_invoice i LEFT JOIN invoices_invoiceseries s ON s.id = i.series_id
            WHERE i.id IN ({asked}) ORDER BY s.series, s.year, i.series_number
        ) i
        CROSS JOIN LATERAL (SELECT * FROM invoices_invoiceline l WHERE l.invoice_id = i.id ORDER BY l.position OFFSET 0) l
        LEFT JOIN meters_meter m ON m.id = l.meter_id""",
    order="i.series, i.year, i.series_number, l.position",
)
TABLES: Mapping[Rows, Table] = {"invoices": INVOICES, "lines": LINES}


def csv(invoices: QuerySet[Invoice], rows: Rows) -> Iterator[bytes]:
    """Yield a CSV file in pieces: a row for each invoice by number, drafts last, or for each of their lines."""
    table = TABLES[rows]
    columns = ", ".join(f'{copy_csv.written(column.expression, column.kind)} AS "{column.name}"' for column in table.columns)
    statement, parameters = _statement(invoices, table, columns)
    yield from copy_csv.stream(sql.SQL(cast(LiteralString, statement)), parameters)


def typed(invoices: QuerySet[Invoice], rows: Rows) -> Iterator[tuple[Any, ...]]:
    """Yield the same rows as numbers, instants and texts, in the order of the table's columns, a few thousand in memory at a time."""
    yield from read(*stored(invoices, rows))


def stored(invoices: QuerySet[Invoice], rows: Rows) -> Statement:
    """Give the SQL of the same rows with every column as it is stored."""
    table = TABLES[rows]
    return _statement(invoices, table, ", ".join(column.expression for column in table.columns))


def read(statement: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement, a few thousand in memory at a time, decoded in C as core.database.read says."""
    with database.unhurried(), psycopg.ServerCursor(database.of_django(), "export") as cursor:
        cursor.execute(statement, parameters, binary=True)
        while part := cursor.fetchmany(ROWS_AT_ONCE):
            yield from part


def asked(invoices: QuerySet[Invoice]) -> Statement:
    """Give the SQL of the ids of the invoices."""
    try:
        statement, parameters = invoices.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return "SELECT NULL::bigint WHERE false", ()
    return statement, parameters


def _statement(invoices: QuerySet[Invoice], table: Table, columns: str) -> Statement:
    ids, parameters = asked(invoices)
    return f"SELECT {columns} FROM {table.source.format(asked=ids)} ORDER BY {table.order}", parameters  # noqa: S608 -- names of ours
