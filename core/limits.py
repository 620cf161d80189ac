"""Stop statements that take longer than somebody waits for."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.db import OperationalError, connection, transaction
from psycopg import errors


class TookTooLong(Exception):
    """PostgreSQL broke a statement off because its time was over."""


@contextmanager
def within(seconds: int | Decimal) -> Iterator[None]:
    """Let each statement of the block run so long at most; what the caller's transaction allows stays as it was. Raises TookTooLong."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)", [f"{seconds}s"]
            )
            before = cursor.fetchone()[0]
            yield
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.QueryCanceled):
            raise
        raise TookTooLong from error
