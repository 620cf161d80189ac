"""Write many new rows by COPY: several times as fast as INSERT, with the primary keys known before.

`copy` takes instances of a model; `copy_text` takes lines that are written out already, where even making instances costs too much.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connection, models

from core.database import of_django, read

Row = TypeVar("Row", bound=models.Model)


def copy(rows: Sequence[Row]) -> Sequence[Row]:
    """Write new instances of one model in the transaction that runs, in their order; their primary keys are set before.

    Defaults of the database and save() play no part: every column is written as the instance has it.
    """
    if not rows:
        return rows
    model = type(rows[0])
    number(rows)
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    with of_django().cursor() as cursor, cursor.copy(f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN") as writing:
        for row in rows:
            writing.write_row([field.get_db_prep_save(_held(row, field), connection) for field in fields])
    return rows


def _held(row: models.Model, field: models.Field) -> Any:
    """Give what a row holds in a column; of a row that it refers to, the key which that one may have got since."""
    if isinstance(field, models.ForeignKey) and field.is_cached(row):
        referred = field.get_cached_value(row)
        return None if referred is None else referred.pk
    return getattr(row, field.attname)


def copy_text(table: str, columns: str, lines: Sequence[str]) -> None:
    """Write lines in COPY's text form, in the transaction that runs, in their order. columns: their names, with commas between."""
    if lines:
        with of_django().cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as writing:
            writing.write("".join(lines))


def escaped(text: str) -> str:
    """Write a text as a field of a line that COPY takes."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if text.isprintable():
        return text
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def keys(table: str, count: int) -> list[int]:
    """Take that many primary keys from a table's sequence."""
    return _taken(table, "id", count)


def number(rows: Sequence[Row]) -> None:
    """Set the primary keys of those instances that have none, from their sequence, so that others can refer to them."""
    lacking = [row for row in rows if row.pk is None]
    if not lacking:
        return
    meta = type(rows[0])._meta
    for row, key in zip(lacking, _taken(meta.db_table, str(meta.pk.column), len(lacking)), strict=True):
        row.pk = key


def _taken(table: str, column: str, count: int) -> list[int]:
    # MATERIALIZED, or the sequence would be looked up by name for each of its keys, which costs more than they do.
    statement = """
        WITH of AS MATERIALIZED (SELECT pg_get_serial_sequence(%(table)s, %(column)s)::regclass AS sequence)
        SELECT nextval(of.sequence) FROM of, generate_series(1, %(count)s)
    """
    return [key for (key,) in read(statement, {"table": table, "column": column, "count": count})]
