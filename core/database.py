"""Open connections to the database beside Django's, for what must not wait for a page and must not hold one up."""

from typing import Any

import psycopg
from django.db import connection


def parameters(*, application: str, statement_seconds: int | None = None, lock_seconds: int | None = None) -> dict[str, Any]:
    """Return what psycopg needs to open a connection of its own to the database that Django uses, with time-outs."""
    params = connection.get_connection_params()
    kept = {name: params[name] for name in ("dbname", "user", "password", "host", "port", "sslmode", "service") if name in params}
    options = ["-c timezone=UTC"]
    if statement_seconds:
        options.append(f"-c statement_timeout={statement_seconds}s")
    if lock_seconds:
        options.append(f"-c lock_timeout={lock_seconds}s")
    return kept | {"application_name": f"tallybook {application}", "options": " ".join(options), "connect_timeout": 5}


def of_django() -> psycopg.Connection[Any]:
    """Return the psycopg connection under Django's, opened if need be, in whatever transaction it is in."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    return raw
