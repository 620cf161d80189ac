"""What PostgreSQL means to do with the statements of a question, for tests that hold a statement to its index."""

from collections.abc import Callable
from typing import Any

from django.db import connection


def plan(ask: Callable[[], object]) -> str:
    """Explain the statements that a question runs, as if the tables were too large to read whole."""
    statements: list[tuple[Any, Any]] = []

    def note(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        statements.append((statement, params))
        return execute(statement, params, many, context)

    with connection.execute_wrapper(note):
        ask()
    lines = []
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for statement, params in statements:
            text = statement if isinstance(statement, str) else statement.as_string(connection.connection)
            first = next(line for line in text.splitlines() if line and not line.startswith("--"))
            if first.startswith(("SELECT", "WITH")):
                cursor.execute("EXPLAIN " + text, params)
                lines += [row[0] for row in cursor.fetchall()]
        cursor.execute("RESET enable_seqscan")
    return "\n".join(lines)
