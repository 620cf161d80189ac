"""Answer POST /api/v1/events/ingest on the event loop, in final form: authenticated, judged, committed, each in microseconds.

A small body with nothing wrong, of a key, customers and names that the process knows, is judged here and written by group commit. All
else (a large body, something unknown, something wrong, a duplicate) goes to ingest() in a thread with a blocking connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError
from psycopg import Connection

from access import keys
from access.models import ApiKey
from api.v1 import ingest_http
from api.v1.ingest_http import Reply, Unacceptable, Unpacker
from core import database, expiring
from events import delivery, rows, store, writers
from events.group_commit import GroupCommit
from events.ingest import OutcomeUnknown, age_limit, ingest, note, prepare_from_memory
from events.store import IngestResult

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SMALL_BODY_BYTES = 30_000  # about 100 events
LEAST_EVENT_BYTES = 100  # a body of n bytes counts as n / 100 events, at most 1000, until it is read
BODY_SECONDS = 60
FIGURES_SECONDS = 2
# What a thread raises when the database is away: on its own connection, or on Django's, by which keys are looked up.
UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError)
HELD_BODIES = 16  # bodies of the greatest size that may be inside at once


class IngestApp:
    """The coroutine, and what it needs from start to end of the process."""

    def __init__(self) -> None:
        self._admission = writers.Admission(
            most_events=settings.INGEST_QUEUE_EVENTS, most_bytes=settings.MAX_BODY_BYTES * HELD_BODIES
        )

    async def start(self) -> None:
        """Open the connections' owners; the connections themselves open with the first request."""
        timeouts = {"statement_seconds": writers.STATEMENT_SECONDS, "lock_seconds": writers.LOCK_SECONDS}
        self._writers = writers.Writers(threads=settings.INGEST_THREADS)
        self._group = GroupCommit(database.parameters(application="group commit", **timeouts))
        self._listener = expiring.Listener(database.parameters(application="announcements"))
        self._listener.start()
        self._figures = asyncio.get_running_loop().create_task(self._keep_writing_figures())

    async def end(self) -> None:
        """Commit what waits, then close everything."""
        self._figures.cancel()
        await self._group.end()
        await self._write_figures()
        await asyncio.to_thread(self._writers.end)
        await asyncio.to_thread(self._listener.end)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, in the shape of the contract."""
        try:
            reply = await self._reply(scope, receive)
        except Exception as error:
            try:
                reply = ingest_http.refused(error)
            except Exception:
                log.exception("ingest failed")
                reply = ingest_http.refused(
                    Unacceptable(500, "INTERNAL_ERROR", "Something went wrong on our side; it has been logged.")
                )
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(reply.body))]
        headers += [(name.lower().encode(), text.encode()) for name, text in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        headers = dict(scope["headers"])
        key = await self._key(headers.get(b"authorization", b"").decode("latin-1"))
        ingest_http.check_scope(key.scope)
        inside = [0, 0]
        try:
            body = await self._body(receive, headers.get(b"content-encoding", b""), inside)
            lenient = b"prefer" in headers and ingest_http.wants_lenient(headers[b"prefer"].decode("latin-1"))
            return await self._ingest(body, key, lenient=lenient)
        finally:
            self._admission.leave(events=inside[0], size=inside[1])

    async def _key(self, header: str) -> ApiKey:
        secret = ingest_http.bearer_secret(header)
        key = keys.remembered(secret)
        if key is None:
            key = await self._in_thread(lambda _: keys.authenticate(secret, now=datetime.now(UTC)))
        if key is None:
            raise ingest_http.no_key()
        return key

    async def _body(self, receive: Receive, encoding: bytes, inside: list[int]) -> bytes:
        """Read the body within its limits; `inside` gathers what was admitted, in events and bytes, also when this raises."""
        message = await receive()
        is_whole = message["type"] == "http.request" and not message.get("more_body")
        if is_whole and not encoding and len(message.get("body", b"")) <= settings.MAX_BODY_BYTES:
            body: bytes = message.get("body", b"")
            self._admit(len(body), inside)
            return body
        unpacker = Unpacker(encoding.decode("latin-1").strip().lower(), limit=settings.MAX_BODY_BYTES)
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                if message["type"] == "http.disconnect":
                    raise Unacceptable(400, "BAD_REQUEST", "The body ended too early.")
                piece = message.get("body", b"")
                self._admit(len(piece), inside)
                unpacker.feed(piece)
                self._admit(max(0, unpacker.size - inside[1]), inside)
                if not message.get("more_body"):
                    break
                message = await receive()
        return unpacker.body()

    def _admit(self, size: int, inside: list[int]) -> None:
        events = min(1000, (inside[1] + size) // LEAST_EVENT_BYTES + 1) - inside[0]
        self._admission.enter(events=events, size=size)
        inside[0] += events
        inside[1] += size

    async def _ingest(self, body: bytes, key: ApiKey, *, lenient: bool) -> Reply:
        received_at = datetime.now(UTC)
        if len(body) <= SMALL_BODY_BYTES and not store.is_wary(key.id):
            count = await self._ingest_small(body, key.id, received_at)
            if count and not lenient:
                return ingest_http.all_new(count)
            if count:
                return ingest_http.accepted(IngestResult(ingested_count=count), lenient=True)
        result = await self._in_thread(
            lambda connection: ingest(body=body, key_id=key.id, received_at=received_at, connection=connection, lenient=lenient)
        )
        return ingest_http.accepted(result, lenient=lenient)

    async def _ingest_small(self, body: bytes, key_id: int, received_at: datetime) -> int:
        """Return how many events were committed: all, or none when the request must go through ingest(). Raises OutcomeUnknown."""
        batch = prepare_from_memory(body, received_at=received_at, max_age=age_limit())
        if batch is None:
            return 0
        try:
            await self._group.write(rows.copy_text(batch))
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise OutcomeUnknown from error
        except psycopg.Error:
            return 0
        note(key_id, received_at, IngestResult(ingested_count=len(batch.events)))
        return len(batch.events)

    async def _in_thread(self, work: Callable[[Connection[Any]], Any]) -> Any:
        try:
            return await asyncio.wrap_future(self._writers.submit(work))
        except UNREACHABLE as error:
            raise OutcomeUnknown from error

    async def _keep_writing_figures(self) -> None:
        while True:
            await asyncio.sleep(FIGURES_SECONDS)
            await self._write_figures()

    async def _write_figures(self) -> None:
        try:
            await self._in_thread(delivery.write)
        except (OutcomeUnknown, psycopg.Error) as error:
            log.warning("delivery figures wait to be written: %s", error)
