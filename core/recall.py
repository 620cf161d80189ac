"""Ask the database on the event loop for what a cache does not know: once for all who wait, and ahead for what is in use."""

import asyncio
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from psycopg import Connection

from core.errors import DomainError
from core.expiring import Expiring

MOST_WANTED = 20_000  # of one cache, by requests that wait

Key = TypeVar("Key", bound=Hashable)
Entry = TypeVar("Entry")
Submit = Callable[[Callable[[Connection[Any]], Any]], "Future[Any]"]  # call with a connection, in a thread


class TooManyLookups(DomainError):
    """More is asked for than the database answers."""

    code = "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__("The server has more requests waiting than it takes. Send the same request again a little later.")


class Recall(Generic[Key, Entry]):
    """One cache, and what is wanted of it. For one event loop.

    read(keys, connection=…): what exists of a list of keys, in one statement.
    """

    def __init__(self, cache: Expiring[Key, Entry], read: Callable[..., Mapping[Key, Entry]], submit: Submit) -> None:
        self._cache = cache
        self._read = read
        self._submit = submit
        self._wanted: set[Key] = set()
        self._asking = asyncio.Lock()
        self._next: asyncio.Task[Mapping[Key, Entry]] | None = None

    async def know(self, keys: Collection[Key]) -> Mapping[Key, Entry]:
        """Read all of these that exist into the cache, and return them, among others, for it may have forgotten them by then.

        Raises TooManyLookups, and what reading raises.
        """
        if len(self._wanted) >= MOST_WANTED:
            raise TooManyLookups
        self._wanted.update(keys)
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._ask())
        return await asyncio.shield(self._next)

    async def refresh(self) -> None:
        """Read again what is in use and will expire soon. Raises as know() does."""
        due = self._cache.take_due()
        if due:
            await self.know(due)

    async def _ask(self) -> Mapping[Key, Entry]:
        async with self._asking:  # whoever comes while this is held waits for the next statement, together
            wanted, self._wanted, self._next = list(self._wanted), set(), None
            found: Mapping[Key, Entry] = await asyncio.wrap_future(
                self._submit(lambda connection: self._renew(wanted, connection))
            )
            return found

    def _renew(self, wanted: list[Key], connection: Connection[Any]) -> Mapping[Key, Entry]:
        asked_at = time.monotonic()
        found = self._read(wanted, connection=connection)
        self._cache.renew(wanted, found, asked_at=asked_at)
        return found
