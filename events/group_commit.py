"""Write what many small requests hold in few transactions: everything that queued up while the last ones ran goes into the next.

No timer: a request that comes alone is written at once, and the busier the server, the larger the groups. Two connections take turns,
so that one prepares its group while the other waits for the disk.

# Note [Neighbours]
No request pays for another in its group. A group is written by COPY in the hope of no duplicate; what failed, what a key sent that has
lately sent duplicates, and what holds an id that is being written at this moment, goes into a group that is written with care
(events.store), where duplicates cost nothing but a look into the index. When even that group is refused, each of its requests is told
so, and goes through ingest() on its own. No id is in two groups at once: they would wait for each other in the database, perhaps in a ring.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection, Connection, errors

from core import database, deployment
from core.errors import DomainError
from core.faults import fault
from events import rows, store
from events.rows import Batch
from events.store import IngestResult
from events.writers import Writers

log = logging.getLogger(__name__)

CONNECTIONS = 2  # that write in hope, and as many groups at once that are written with care
MOST_BYTES = 250_000  # of one group: some ten milliseconds
GIVE_UP_SECONDS = 20
PAUSE_SECONDS = 0.01

_Outcome: TypeAlias = "asyncio.Future[IngestResult | None]"


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request, its rows for COPY, the keys of its events, and who waits for it."""

    batch: Batch
    rows: bytes
    keys: list[bytes]
    outcome: _Outcome


class _Queue:
    """Requests that wait for one way of writing, and the bell of those who write that way."""

    def __init__(self) -> None:
        self.waiting: list[_Waiting] = []
        self.bell = asyncio.Event()

    def add(self, requests: Sequence[_Waiting]) -> None:
        self.waiting += requests
        self.bell.set()


class GroupCommit:
    """The connections on the event loop, and the requests that wait for them."""

    def __init__(self, connect_params: dict[str, Any], writers: Writers) -> None:
        self._writers = writers
        self._hopeful, self._careful = _Queue(), _Queue()
        self._in_flight: set[bytes] = set()  # keys of events that are being written
        self._copiers = [_Copier(connect_params) for _ in range(CONNECTIONS)]
        loop = asyncio.get_running_loop()
        hopeful = [self._run(self._hopeful, copier.write, self._careful.add) for copier in self._copiers]
        careful = [self._run(self._careful, self._write_with_care, _return) for _ in range(CONNECTIONS)]
        self._tasks = [loop.create_task(run) for run in hopeful + careful]

    def submit(self, batch: Batch) -> _Outcome:
        """Have a request written: what became of its events once they are committed; None when it must go through ingest() on its own.

        It fails with psycopg.OperationalError or DomainError: the events may not count as written.
        """
        own = rows.copy_rows(batch)
        keys = [row[rows.KEY] for row in own]
        outcome: _Outcome = asyncio.get_running_loop().create_future()
        queue = self._careful if store.is_wary(batch.key_id) else self._hopeful
        queue.add([_Waiting(batch, b"".join(own), keys, outcome)])
        return outcome

    async def end(self) -> None:
        """Write what waits, then close the connections."""
        while self._hopeful.waiting or self._careful.waiting or self._in_flight:
            await asyncio.sleep(PAUSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for copier in self._copiers:
            await copier.close()

    async def _run(
        self,
        queue: _Queue,
        write: Callable[[list[_Waiting]], Awaitable[Sequence[IngestResult]]],
        refused: Callable[[list[_Waiting]], None],
    ) -> None:
        """Write group after group; `refused`: what to do with one of which the database stored nothing."""
        while True:
            group = await self._next(queue)
            try:
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    results = await write(group)
            except (errors.DeadlockDetected, store.Unstorable):
                refused(group)
            except (psycopg.OperationalError, psycopg.InterfaceError, DomainError) as error:
                _fail(group, error)
            except psycopg.Error:
                refused(group)
            except TimeoutError:
                _fail(group, psycopg.OperationalError("no answer"))
            except Exception:
                log.exception("a group could not be written")
                _fail(group, psycopg.OperationalError("failed"))
            except BaseException:
                _fail(group, psycopg.OperationalError("the writer ended"))
                raise
            else:
                for request, result in zip(group, results, strict=True):
                    if not request.outcome.done():
                        request.outcome.set_result(result)
            finally:
                self._leave(group)

    async def _next(self, queue: _Queue) -> list[_Waiting]:
        while True:
            await queue.bell.wait()
            group = self._take(queue)
            if not group or not queue.waiting:
                queue.bell.clear()
            if group:
                return group

    def _take(self, queue: _Queue) -> list[_Waiting]:
        """Take what may be written now; who holds an id that is in flight waits, among the careful."""
        group, clashing, size, seen = [], [], 0, 0
        for request in queue.waiting:
            if size >= MOST_BYTES:
                break
            seen += 1
            if self._in_flight.isdisjoint(request.keys):
                self._in_flight.update(request.keys)
                size += len(request.rows)
                group.append(request)
            else:
                clashing.append(request)
        if seen:
            rest = queue.waiting[seen:]
            queue.waiting = rest if queue is self._hopeful else clashing + rest
            if clashing and queue is self._hopeful:
                self._careful.add(clashing)
        return group

    def _leave(self, group: list[_Waiting]) -> None:
        for request in group:
            self._in_flight.difference_update(request.keys)
        if self._careful.waiting:
            self._careful.bell.set()

    async def _write_with_care(self, group: list[_Waiting]) -> Sequence[IngestResult]:
        batches = [request.batch for request in group]

        def store_all(connection: Connection[Any]) -> list[IngestResult]:
            deployment.verify(connection)
            return store.store_all(batches, connection=connection)

        return await asyncio.wrap_future(self._writers.submit(store_all))


class _Copier:
    """One connection on the event loop, opened again when it broke."""

    def __init__(self, connect_params: dict[str, Any]) -> None:
        self._params = connect_params
        self._connection: AsyncConnection[Any] | None = None

    async def write(self, group: list[_Waiting]) -> list[IngestResult]:
        """Commit a group. Raises psycopg.Error, ClusterChanged, TimeoutError."""
        try:
            connection = await self._usable()
            async with connection.cursor() as cursor, cursor.copy(rows.COPY) as copying:
                await copying.write(rows.copy_data(request.rows for request in group))
                fault("ingest: copied")
        except (psycopg.OperationalError, psycopg.InterfaceError, asyncio.CancelledError):
            await self.close()
            raise
        fault("ingest: committed")
        return [IngestResult(len(request.batch.events)) for request in group]

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _usable(self) -> AsyncConnection[Any]:
        if self._connection is None or not database.is_usable(self._connection):
            connection = await AsyncConnection.connect(**self._params, autocommit=True)
            await deployment.verify_async(connection)
            self._connection = connection
        return self._connection


def _return(group: list[_Waiting]) -> None:
    """Send each request of a group through ingest() on its own."""
    for request in group:
        if not request.outcome.done():
            request.outcome.set_result(None)


def _fail(group: list[_Waiting], error: Exception) -> None:
    for request in group:
        if not request.outcome.done():
            request.outcome.set_exception(error)
