"""Have the database check references of many new rows at once, where a foreign key would look every row up on its own.

# Note [References checked at once]
A foreign key sees to two things: that what a row refers to is there when it is written, and that it stays. Rows that are never deleted
(core.history) stay anyway. For what refers to such rows, a trigger that looks at all rows of a statement together refuses the same, in
whatever way they are written, for a tenth of what a foreign key costs; docs/decisions/0023.

What may be written after the rows that refer to it (`at_commit`) is looked for when the transaction commits: the trigger leaves all keys of
the statement as one row of core_openreference, whose own trigger, deferred, looks for them and takes that row away again. It locks them
as a foreign key does, but for rows of this very transaction, which nobody else can see; `kept` refuses to delete what is referred to.

Each key is looked up by a subquery of its own, so by the index: as a join the planner would read a whole table for a thousand keys.
"""

from collections.abc import Iterable, Mapping

import pgtrigger

_CHECK = """
IF EXISTS (
    SELECT FROM (SELECT DISTINCT {column} AS id FROM written) AS w
    WHERE w.id IS NOT NULL AND (SELECT t.id FROM {table} AS t WHERE t.id = w.id) IS NULL
) THEN
    RAISE EXCEPTION '{column} refers to no row of {table}' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{name}';
END IF;
"""
_LEAVE = """
INSERT INTO core_openreference (name, column_name, table_name, ids)
SELECT '{name}', '{column}', '{table}', array_agg(w.id)
FROM (SELECT DISTINCT {column} AS id FROM written WHERE {column} IS NOT NULL) AS w
HAVING count(*) > 0;
"""
_KEPT = """
IF EXISTS (SELECT FROM {table} WHERE {column} = OLD.id) THEN
    RAISE EXCEPTION 'a row of {table} refers to it' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{name}';
END IF;
"""


def refers(
    name: str,
    tables: Mapping[str, str],
    *,
    at_commit: Mapping[str, str] | None = None,
    operation: pgtrigger.Operation = pgtrigger.Insert,
) -> pgtrigger.Trigger:
    """Make the trigger. tables: by column, the table whose `id` it holds, and whose rows are never deleted.

    at_commit: the same, where that row may be written later in the transaction; it needs `kept` where it may be deleted.
    operation: rows that may change need one for Insert and one for Update. The columns are ForeignKeys with db_constraint=False.
    See Note [References checked at once].
    """
    checks = [_CHECK.format(column=column, table=table, name=name) for column, table in tables.items()]
    left = [_LEAVE.format(column=column, table=table, name=name) for column, table in (at_commit or {}).items()]
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(new="written"),
        func="".join((*checks, *left, "RETURN NULL;")),
    )


def kept(name: str, referring: Iterable[tuple[str, str]]) -> pgtrigger.Trigger:
    """Make a trigger that refuses to delete a row while one of those tables, each with its column, refers to it."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Delete,
        func="".join((*(_KEPT.format(table=table, column=column, name=name) for table, column in referring), "RETURN OLD;")),
    )
