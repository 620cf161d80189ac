"""Remember answers of the database for a few seconds within one process, and forget them at once when another process says so.

# Note [Forgetting]
What is remembered lives LIFETIME_SECONDS in any case: that is the stated worst case of a revocation (semantics.md [26]). To be faster,
whoever changes something that is remembered calls `announce(topic)` in the same transaction; PostgreSQL tells every listening process at
its commit (NOTIFY). Only what exists is remembered, so that something new is found at once.

# Note [Asking ahead]
What expires while it is in use would have every request that needs it ask the database at once, every five seconds. So whatever is still
used REFRESH_SECONDS after it was read is noted as due, and core.recall reads all that is due in one statement before it expires. Where
nobody does (a plain WSGI process, a worker) whoever needs it reads it again, which takes it off the list.
"""

import logging
import threading
import time
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

import psycopg
from django.db import connection, transaction

log = logging.getLogger(__name__)

LIFETIME_SECONDS = 5
REFRESH_SECONDS = 2
MOST_ENTRIES = 100_000
CHANNEL = "tallybook_changed"

Key = TypeVar("Key", bound=Hashable)
Entry = TypeVar("Entry")


class Expiring(Generic[Key, Entry]):
    """A mapping whose entries are forgotten after LIFETIME_SECONDS. Safe with threads: each step is one dict operation."""

    def __init__(self, topic: str) -> None:
        self._entries: dict[Key, tuple[float, Entry]] = {}
        self._due: set[Key] = set()
        _caches.setdefault(topic, []).append(self)

    def get(self, key: Key) -> Entry | None:
        """Return what is remembered and still fresh, else None."""
        return self.get_all((key,)).get(key)

    def get_all(self, keys: Iterable[Key]) -> dict[Key, Entry]:
        """Return as many of them as are remembered and still fresh."""
        entries, now = self._entries, time.monotonic()
        surely, found = now + LIFETIME_SECONDS - REFRESH_SECONDS, {}
        for key in keys:
            remembered = entries.get(key)
            if remembered is not None:
                expires_at, entry = remembered
                if expires_at > now:
                    found[key] = entry
                    if expires_at <= surely:
                        self._due.add(key)
        return found

    def put(self, key: Key, entry: Entry, *, asked_at: float) -> None:
        """Remember `entry`. asked_at: time.monotonic() before it was asked for; a slow answer may be of a state that has ended since."""
        if len(self._entries) >= MOST_ENTRIES:
            self.forget()
        self._entries[key] = (asked_at + LIFETIME_SECONDS, entry)
        self._due.discard(key)

    def renew(self, asked: Collection[Key], found: Mapping[Key, Entry], *, asked_at: float) -> None:
        """Remember what was found of all that was asked for, as put() does, and forget the rest of it."""
        for key in asked:
            if key in found:
                self.put(key, found[key], asked_at=asked_at)
            else:
                self._entries.pop(key, None)

    def take_due(self) -> list[Key]:
        """Return what is in use and will expire soon, once."""
        due, self._due = self._due, set()
        return list(due)

    def forget(self) -> None:
        """Forget everything."""
        self._entries = {}
        self._due = set()


_caches: dict[str, list[Expiring]] = {}


def announce(topic: str) -> None:
    """Have every process forget what it remembers of `topic` when the transaction commits, this one at once too."""
    forget(topic)
    transaction.on_commit(lambda: forget(topic))  # what another thread has read in between
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])


def forget(topic: str | None = None) -> None:
    """Forget what this process remembers of one topic, or of all."""
    for each in list(_caches) if topic is None else [topic]:
        for cache in _caches.get(each, []):
            cache.forget()


class Listener(threading.Thread):
    """Forget at once what other processes announce; without it (or behind a pooler that cannot LISTEN) entries just expire."""

    def __init__(self, connect_params: dict[str, object]) -> None:
        super().__init__(name="announcements", daemon=True)
        self._params = connect_params
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                log.info("announcements cannot be heard, trying again: %s", error)
                self._ended.wait(1)

    def end(self) -> None:
        """Stop within a second."""
        self._ended.set()
        self.join(timeout=2)

    def _listen(self) -> None:
        with psycopg.connect(**self._params, autocommit=True) as listening:  # type: ignore[arg-type]
            listening.execute(f"LISTEN {CHANNEL}")
            forget()  # whatever was announced before is lost
            while not self._ended.is_set():
                for notice in listening.notifies(timeout=1):
                    forget(notice.payload)
