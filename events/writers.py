"""Run ingest() in a few threads, each with a connection of its own, and say no before too much waits.

Django's connections are for pages: a thread here keeps one of its own, opens it again when the server went away, and gives up a statement
after STATEMENT_SECONDS, or a backend that is itself stopped after OVERDUE_SECONDS.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections
from psycopg import Connection

from core import database
from core.errors import DomainError

STATEMENT_SECONDS = 15
LOCK_SECONDS = 5
OVERDUE_SECONDS = 25

Answer = TypeVar("Answer")


class TooBusy(DomainError):
    """More waits to be written than this process holds."""

    code = "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__("The server has more events waiting than it takes. Send the same request again a little later.")


class Admission:
    """Count what is inside, in events and bytes, and refuse what would be too much. For one thread: the event loop's."""

    def __init__(self, *, most_events: int, most_bytes: int) -> None:
        self.most_events = most_events
        self.most_bytes = most_bytes
        self.events = 0
        self.bytes = 0

    def enter(self, *, events: int, size: int) -> None:
        """Let in, or raise TooBusy; one request is always let in when nothing else is inside."""
        full = self.events + events > self.most_events or self.bytes + size > self.most_bytes
        if full and self.bytes:
            raise TooBusy
        self.events += events
        self.bytes += size

    def leave(self, *, events: int, size: int) -> None:
        """Count out what enter() let in."""
        self.events -= events
        self.bytes -= size


class Writers:
    """A pool of threads with blocking connections."""

    def __init__(self, *, threads: int) -> None:
        self._params = database.parameters(application="ingest", statement_seconds=STATEMENT_SECONDS, lock_seconds=LOCK_SECONDS)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="ingest")
        self._local = threading.local()
        self._opened: list[Connection[Any]] = []

    def submit(self, work: Callable[[Connection[Any]], Answer]) -> "Future[Answer]":
        """Call `work` with a usable connection in one of the threads."""
        return self._executor.submit(self._run, work)

    def end(self) -> None:
        """Finish what was submitted, then close the connections."""
        self._executor.shutdown(wait=True)
        for connection in self._opened:
            connection.close()

    def _run(self, work: Callable[[Connection[Any]], Answer]) -> Answer:
        connection = self._usable()
        try:
            return work(connection)
        finally:
            connections.close_all()  # what `work` may have asked through Django goes back to its pool

    def _usable(self) -> Connection[Any]:
        connection: Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or not database.is_usable(connection):
            connection = database.connect(self._params, patience=OVERDUE_SECONDS)
            self._local.connection = connection
            self._opened = [one for one in self._opened if not one.closed] + [connection]
        return connection
