"""Open connections to the database beside Django's, for what must not wait for a page and must not hold one up."""

import select
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from django.db import connection

KEPT_ALIVE = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")


def parameters(*, application: str, statement_seconds: int | None = None, lock_seconds: int | None = None) -> dict[str, Any]:
    """Return what psycopg needs to open a connection of its own to the database that Django uses, with time-outs."""
    params = connection.get_connection_params()
    kept = {
        name: params[name]
        for name in ("dbname", "user", "password", "host", "port", "sslmode", "service", *KEPT_ALIVE)
        if name in params
    }
    options = ["-c timezone=UTC"]
    if statement_seconds:
        options.append(f"-c statement_timeout={statement_seconds}s")
    if lock_seconds:
        options.append(f"-c lock_timeout={lock_seconds}s")
    more = {
        "application_name": f"tallybook {application}",
        "options": " ".join(options),
        "connect_timeout": 5,
    }
    return kept | more


def limit_statements(seconds: int) -> None:
    """Have Django's connections of this process, none of which may be open yet, give up a statement after so many seconds; 0: never.

    For web processes: what a person waits for must not hold a thread and a connection longer than anybody waits. Workers take their time.
    """
    if seconds:
        options = connection.settings_dict["OPTIONS"]
        options["options"] = f"{options.get('options', '')} -c statement_timeout={seconds}s".strip()


def of_django() -> psycopg.Connection[Any]:
    """Return the psycopg connection under Django's, opened if need be, in whatever transaction it is in."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    return raw


def read(statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a statement as plain tuples, on Django's connection and in its transaction, in PostgreSQL's binary form.

    For reading many rows: dates, times and numbers are decoded in C, which through Django's cursor they are not. Writes belong there,
    because it names the actor to the audit trail.
    """
    return psycopg.Cursor(of_django()).execute(statement, parameters, binary=True).fetchall()


def array(members: Iterable[object]) -> str:
    """Write numbers, or other texts without quotes, commas and backslashes, as one array parameter: faster than a list."""
    return f"{{{','.join(map(str, members))}}}"


def is_usable(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any] | None) -> bool:
    """Tell whether an idle connection still stands, without a round trip: a server that went away has left something to read."""
    if connection is None or connection.closed:
        return False
    poll = select.poll()  # select.select() takes no socket past the 1024th of a process
    poll.register(connection.pgconn.socket, select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == psycopg.pq.ConnStatus.OK
