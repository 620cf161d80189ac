"""Ask the database what time it is: the one clock that all processes share."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """Give the database server's time at this moment, also within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return now
