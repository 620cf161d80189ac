"""Open connections to the database beside Django's, for what must not wait for a page and must not hold one up."""

import select
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models.expressions import RawSQL
from psycopg.pq import TransactionStatus

from core import exact_json

KEPT_ALIVE = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
LATE_SECONDS = 10  # how much later than its own clock a backend may break a statement off
WAKE_SECONDS = 0.1  # psycopg's own: how often a thread that waits looks for a signal
STREAM_SECONDS = 600  # for one piece of a long answer


class Impatient(psycopg.Connection[Any]):
    """A connection that is given up when the server says nothing for `patience` seconds; None: it is waited for for ever.

    statement_timeout is the backend's clock: one that is itself stopped, or whose machine stands still, never says that time is over.
    """

    patience: float | None = None

    def wait(self, gen: Any, interval: float = WAKE_SECONDS, timeout: float | None = None) -> Any:
        """Wait as every method that asks the server does. Raises psycopg.OperationalError, also when its time is over."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # what it says later would answer another question
                self.pgconn.finish()
            elif self.closed:
                _give_idle_up()
            raise


def _give_idle_up() -> None:
    """Empty the pool where the server ended a connection, and so perhaps all: it would try one after the other, longer each time."""
    pool = cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS]).pool
    if pool:
        pool.drain()


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

    For web processes: what a person waits for must not hold a thread and a connection longer than anybody waits, even where the backend
    does not answer at all. Workers take their time.
    """
    if seconds:
        options = connection.settings_dict["OPTIONS"]
        options["options"] = f"{options.get('options', '')} -c statement_timeout={seconds}s".strip()
        if options.get("pool"):
            options["pool"] = {**options["pool"], "connection_class": Impatient}
        Impatient.patience = seconds + LATE_SECONDS


@contextmanager
def unhurried() -> Iterator[None]:
    """Read in one transaction without the time-out of pages, which would cut a long answer off in the middle."""
    with transaction.atomic():
        raw = of_django()
        raw.execute("SET LOCAL statement_timeout = 0")
        before = getattr(raw, "patience", None)
        if isinstance(raw, Impatient) and before is not None:
            raw.patience = STREAM_SECONDS
        try:
            yield
        finally:
            if isinstance(raw, Impatient):
                raw.patience = before


def connect(params: Mapping[str, Any], *, patience: float) -> Impatient:
    """Open a connection beside Django's that commits by itself, with what parameters() gave."""
    opened = Impatient.connect(**params, autocommit=True)
    opened.patience = patience
    return opened


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


class _BinaryCursor(psycopg.Cursor[Any]):
    """Answers in PostgreSQL's binary form. prepared: each statement is planned for good once the connection has run it a few times."""

    name = "reads only"  # by a name pghistory knows what writes nothing: before the rest it puts the actor, as a statement of its own
    prepared = False

    def execute(self, query: Any, params: Any = None, **_chosen: Any) -> Self:
        return super().execute(query, params, prepare=self.prepared, binary=True)


def ask(statement: str, parameters: Mapping[str, Any], *, prepared: bool = False) -> list[tuple[Any, ...]]:
    """Return the rows of a statement as `read` does, but as one of Django's: counted, logged, its errors Django's own.

    prepared: for a statement whose plan does not depend on its parameters, and which costs more to plan than to run.
    """
    cursor: Any = _BinaryCursor(of_django())
    cursor.prepared = prepared
    with connection.make_debug_cursor(cursor) if connection.queries_logged else connection.make_cursor(cursor) as asking:
        asking.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = asking.fetchall()
        return rows


def array(members: Iterable[object]) -> str:
    """Write numbers, texts without control characters, and None, as one array parameter: far faster than a list.

    As JSON is written, in C, only the brackets are others.
    """
    return f"{{{exact_json.dumps(list(members))[1:-1]}}}"


def among(keys: Iterable[int]) -> RawSQL:
    """Give any number of keys as what `__in` takes, as one parameter: Django would write and send each of thousands on its own."""
    return RawSQL("SELECT unnest(%s::bigint[])", [array(keys)])


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
