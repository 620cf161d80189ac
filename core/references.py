"""Have the database check references of many new rows at once, where a foreign key would look every row up on its own.

# Note [References checked at once]
A foreign key sees to two things: that what a row refers to is there when it is written, and that it stays. Rows that are never deleted
(core.history) stay anyway. For what refers to such rows, a trigger that looks at all rows of a statement together refuses the same, in
whatever way they are written, for a tenth of what a foreign key costs; docs/decisions/0023.
"""

from collections.abc import Mapping

import pgtrigger

_CHECK = """
IF EXISTS (
    SELECT FROM (SELECT DISTINCT {column} AS id FROM written) AS w
    WHERE w.id IS NOT NULL AND NOT EXISTS (SELECT FROM {table} AS t WHERE t.id = w.id)
) THEN
    RAISE EXCEPTION '{column} refers to no row of {table}' USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{name}';
END IF;
"""


def refers(name: str, tables: Mapping[str, str], *, operation: pgtrigger.Operation = pgtrigger.Insert) -> pgtrigger.Trigger:
    """Make the trigger. tables: by column, the table whose `id` it holds, and whose rows are never deleted.

    operation: rows that may change need one for Insert and one for Update. The columns are ForeignKeys with db_constraint=False.
    See Note [References checked at once].
    """
    checks = (_CHECK.format(column=column, table=table, name=name) for column, table in tables.items())
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(new="written"),
        func="".join((*checks, "RETURN NULL;")),
    )
