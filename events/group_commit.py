"""Write what many small requests hold in one COPY: everything that queued up while the last commit ran goes into the next.

No timer: a request that comes alone is written at once, and the busier the server, the larger the groups. On any error every request of
the group is told so, and writes its rows on its own, so that none pays for its neighbour.
"""

import asyncio
import logging
from typing import Any

import psycopg
from psycopg import AsyncConnection

from core import database, deployment
from core.errors import DomainError
from core.faults import fault
from events import rows

log = logging.getLogger(__name__)

MOST_CHARACTERS = 1_000_000  # of one group
GIVE_UP_SECONDS = 20
PAUSE_SECONDS = 0.01


class GroupCommit:
    """One connection on the event loop, and the requests that wait for it."""

    def __init__(self, connect_params: dict[str, Any]) -> None:
        self._params = connect_params
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._connection: AsyncConnection[Any] | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def write(self, text: str) -> None:
        """Return once the COPY lines are committed. Raises psycopg.Error or ClusterChanged: it may not count as written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, done))
        self._wake.set()
        await done

    async def end(self) -> None:
        """Write what waits, then close the connection."""
        while self._waiting:
            await asyncio.sleep(PAUSE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            group = self._take()
            try:
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    await self._copy("".join([text for text, _ in group]))
            except TimeoutError:
                self._tell(group, psycopg.OperationalError("no answer"))
            except (psycopg.Error, DomainError) as error:
                self._tell(group, error)
            except Exception:
                log.exception("a group could not be written")
                self._tell(group, psycopg.OperationalError("failed"))
            except BaseException:
                self._tell(group, psycopg.OperationalError("the writer ended"))
                raise
            else:
                self._tell(group, None)

    def _take(self) -> list[tuple[str, asyncio.Future[None]]]:
        taken, size = 0, 0
        while taken < len(self._waiting) and size < MOST_CHARACTERS:
            size += len(self._waiting[taken][0])
            taken += 1
        group = self._waiting[:taken]
        del self._waiting[:taken]
        if not self._waiting:
            self._wake.clear()
        return group

    def _tell(self, group: list[tuple[str, asyncio.Future[None]]], error: Exception | None) -> None:
        for _, done in group:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    async def _copy(self, text: str) -> None:
        connection = self._connection
        if connection is None or not database.is_usable(connection):
            connection = await AsyncConnection.connect(**self._params, autocommit=True)
            await deployment.verify_async(connection)
            self._connection = connection
        try:
            async with connection.cursor() as cursor, cursor.copy(rows.COPY) as lines:
                await lines.write(text.encode())
                fault("ingest: copied")
        except (psycopg.OperationalError, psycopg.InterfaceError, asyncio.CancelledError):
            self._connection = None
            await connection.close()
            raise
        fault("ingest: committed")
