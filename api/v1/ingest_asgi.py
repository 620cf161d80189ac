"""Answer POST /api/v1/events/ingest on the event loop, in final form: authenticated, judged, committed, each in microseconds.

A small body with nothing wrong, of a key, customers and names that the process knows, is judged here and written by group commit. All
else (a large body, something unknown, something wrong, a duplicate) goes to ingest() in a thread with a blocking connection.

It serves two callers: any ASGI server, and billing_project.protocol, which hands a small request over without a task of its own (`take`).
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from psycopg import Connection

from access import keys
from access.models import ApiKey
from api.v1 import ingest_http, rate
from api.v1.ingest_http import Reply, Unacceptable, Unpacker
from core import database, expiring
from core.errors import DomainError
from core.recall import Recall
from customers import directory
from events import delivery, names, writers
from events.group_commit import GroupCommit
from events.ingest import OutcomeUnknown, age_limit, ingest, note, prepare_from_memory
from events.rows import Batch
from events.store import IngestResult
from events.validation import Doubt, Judgement, judge_fast

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SMALL_BODY_BYTES = 30_000  # about 100 events
LEAST_EVENT_BYTES = 100  # a body of n bytes counts as n / 100 events, at most 1000, until it is read
BODY_SECONDS = 60
REFRESH_SECONDS = 0.5
FIGURES_ROUNDS = 4  # figures are written in every fourth round of refreshing
UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError)
HELD_BODIES = 16  # bodies of the greatest size that may be inside at once
CONTENT_TYPE = (b"content-type", b"application/json")


class IngestApp:
    """The coroutine, and what it needs from start to end of the process."""

    def __init__(self) -> None:
        self._admission = writers.Admission(
            most_events=settings.INGEST_QUEUE_EVENTS, most_bytes=settings.MAX_BODY_BYTES * HELD_BODIES
        )
        self._finishing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the connections' owners; the connections themselves open with the first request."""
        timeouts = {"statement_seconds": writers.STATEMENT_SECONDS, "lock_seconds": writers.LOCK_SECONDS}
        self._writers = writers.Writers(threads=settings.INGEST_THREADS)
        self._lookups = writers.Writers(threads=1)  # of its own: small requests and unknown keys wait for no large batch
        self._keys = Recall(keys.known, keys.read, self._lookups.submit)
        self._customers = Recall(directory.known, directory.read, self._lookups.submit)
        self._names = Recall(names.known, names.read, self._lookups.submit)
        self._group = GroupCommit(database.parameters(application="group commit", **timeouts), self._writers)
        self._listener = expiring.Listener(database.parameters(application="announcements"))
        self._listener.start()
        self._upkeep = asyncio.get_running_loop().create_task(self._keep_up())

    async def end(self) -> None:
        """Commit what waits, then close everything."""
        self._upkeep.cancel()
        await self._group.end()
        while self._finishing:
            await asyncio.wait(self._finishing)
        await self._write_figures()
        await asyncio.to_thread(self._writers.end)
        await asyncio.to_thread(self._lookups.end)
        await asyncio.to_thread(self._listener.end)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, in the shape of the contract."""
        reply = await _replied(self._reply(scope, receive))
        headers = [CONTENT_TYPE, (b"content-length", b"%d" % len(reply.body))]
        if reply.headers:
            headers += [(name.lower().encode(), text.encode()) for name, text in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def take(self, headers: Mapping[bytes, bytes], body: bytes, answer: Callable[[Reply], None]) -> bool:
        """Take a strict request that is small, right, and of a key, customers and names that are known; `answer` is called later, once.

        False for any other: nothing was done then, and calling the application will tell what became of it.
        """
        if len(body) > min(SMALL_BODY_BYTES, settings.MAX_BODY_BYTES):
            return False
        received_at, inside = datetime.now(UTC), [0, 0]
        try:
            secret = ingest_http.bearer_secret(headers.get(b"authorization", b"").decode("latin-1"))
            key = keys.remembered(keys.hash_secret(secret))
            if key is None:
                return False
            ingest_http.check_scope(key.scope)
            rate.check(key.id)
            batch = prepare_from_memory(_judged(body, received_at), key_id=key.id, received_at=received_at)
            if batch is None:
                return False
            self._admit(len(body), inside)
            outcome = self._group.submit(batch)
        except Exception:  # no key, no room, a doubt, or a fault of ours: the usual way comes upon it again, and says so
            self._admission.leave(events=inside[0], size=inside[1])
            return False
        outcome.add_done_callback(lambda outcome: self._taken(outcome, batch, body, inside, answer))
        return True

    def _taken(
        self,
        outcome: "asyncio.Future[IngestResult | None]",
        batch: Batch,
        body: bytes,
        inside: list[int],
        answer: Callable[[Reply], None],
    ) -> None:
        result = None if outcome.cancelled() or outcome.exception() else outcome.result()
        if result is not None:
            self._admission.leave(events=inside[0], size=inside[1])
            answer(_noted(batch, result))
            return
        task = asyncio.get_running_loop().create_task(self._finish(outcome, batch, body, inside, answer))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _finish(
        self,
        outcome: "asyncio.Future[IngestResult | None]",
        batch: Batch,
        body: bytes,
        inside: list[int],
        answer: Callable[[Reply], None],
    ) -> None:
        """Answer a request that its group did not store: it failed with it, or has to go through ingest() on its own."""

        async def reply() -> Reply:
            with self._accounted(batch.key_id, inside):
                result = await self._written(outcome)
                return await self._answered(result, body, batch.key_id, batch.received_at, lenient=False)

        answer(await _replied(reply()))

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        headers = _joined(scope["headers"])
        key = await self._key(headers.get(b"authorization", b"").decode("latin-1"))
        inside = [0, 0]
        with self._accounted(key.id, inside):
            ingest_http.check_scope(key.scope)
            rate.check(key.id)
            body = await self._body(receive, headers.get(b"content-encoding", b""), inside)
            await self._key(headers[b"authorization"].decode("latin-1"))  # or it was revoked while the body arrived
            lenient = b"prefer" in headers and ingest_http.wants_lenient(headers[b"prefer"].decode("latin-1"))
            received_at = datetime.now(UTC)
            result = await self._ingest_small(body, key.id, received_at) if len(body) <= SMALL_BODY_BYTES else None
            return await self._answered(result, body, key.id, received_at, lenient=lenient)

    @contextmanager
    def _accounted(self, key_id: int, inside: list[int]) -> Iterator[None]:
        """Count what is refused within, and let go of what `inside` says was admitted."""
        try:
            yield
        except DomainError as error:
            rate.charge_refused(key_id, error)
            ingest_http.count_refused(key_id, error, at=datetime.now(UTC))
            raise
        finally:
            self._admission.leave(events=inside[0], size=inside[1])

    async def _key(self, header: str) -> ApiKey:
        digest = keys.hash_secret(ingest_http.bearer_secret(header))
        key = keys.remembered(digest)
        if key is None:
            key = (await self._know(self._keys, {digest})).get(digest)
        if key is None:
            raise ingest_http.no_key()
        return key

    async def _body(self, receive: Receive, encoding: bytes, inside: list[int]) -> bytes:
        """Read the body within its limits; `inside` gathers what was admitted, in events and bytes, also when this raises."""
        unpacker = Unpacker(encoding.decode("latin-1").strip().lower(), limit=settings.MAX_BODY_BYTES)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Unacceptable(400, "BAD_REQUEST", "The body ended too early.")
                    piece = message.get("body", b"")
                    self._admit(len(piece), inside)
                    unpacker.feed(piece)
                    self._admit(max(0, unpacker.size - inside[1]), inside)
                    if not message.get("more_body"):
                        return unpacker.body()
        except TimeoutError as error:
            sentence = f"The body was not whole after {BODY_SECONDS} seconds. Send it again, or in smaller requests."
            raise Unacceptable(408, "BODY_TOO_SLOW", sentence) from error

    def _admit(self, size: int, inside: list[int]) -> None:
        events = min(1000, (inside[1] + size) // LEAST_EVENT_BYTES + 1) - inside[0]
        self._admission.enter(events=events, size=size)
        inside[0] += events
        inside[1] += size

    async def _answered(
        self, result: IngestResult | None, body: bytes, key_id: int, received_at: datetime, *, lenient: bool
    ) -> Reply:
        """Say what became of a request, which goes through ingest() now where nothing was stored of it yet."""
        if result is None:
            result = await self._in_thread(
                lambda connection: ingest(
                    body=body, key_id=key_id, received_at=received_at, connection=connection, lenient=lenient
                )
            )
        else:
            note(key_id, received_at, result)
        rate.charge(key_id, events=result.event_count)
        return ingest_http.accepted(result, lenient=lenient)

    async def _ingest_small(self, body: bytes, key_id: int, received_at: datetime) -> IngestResult | None:
        """Return what became of a request, or None when it must go through ingest(). Raises OutcomeUnknown."""
        try:
            judgement = _judged(body, received_at)
        except Doubt:
            return None
        batch = prepare_from_memory(judgement, key_id=key_id, received_at=received_at)
        if batch is None:
            await self._know(self._customers, {event.customer_id for event in judgement.events})
            await self._know(self._names, {event.event_name for event in judgement.events})
            batch = prepare_from_memory(judgement, key_id=key_id, received_at=received_at)
        return None if batch is None else await self._written(self._group.submit(batch))

    async def _written(self, outcome: "asyncio.Future[IngestResult | None]") -> IngestResult | None:
        try:
            return await outcome
        except UNREACHABLE as error:
            raise OutcomeUnknown from error

    async def _know(self, recall: Recall[Any, Any], wanted: set[Any]) -> Mapping[Any, Any]:
        try:
            return await recall.know(wanted)
        except UNREACHABLE as error:
            raise OutcomeUnknown from error

    async def _in_thread(self, work: Callable[[Connection[Any]], Any]) -> Any:
        try:
            return await asyncio.wrap_future(self._writers.submit(work))
        except UNREACHABLE as error:
            raise OutcomeUnknown from error

    async def _keep_up(self) -> None:
        """Read again what will expire, and write figures, until the process ends."""
        for number in itertools.count(1):
            await asyncio.sleep(REFRESH_SECONDS)
            for recall in (self._keys, self._customers, self._names):
                try:
                    await recall.refresh()
                except (psycopg.Error, DomainError) as error:
                    log.warning("what is remembered could not be read again: %s", error)
            if number % FIGURES_ROUNDS == 0:
                await self._write_figures()

    async def _write_figures(self) -> None:
        try:
            await asyncio.wrap_future(self._lookups.submit(delivery.write))
        except psycopg.Error as error:
            log.warning("delivery figures wait to be written: %s", error)


def _joined(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Read the lines of a head: several of one name say what one with all their values does (RFC 9110, 5.2)."""
    headers: dict[bytes, bytes] = {}
    for name, text in lines:
        headers[name] = headers[name] + b", " + text if name in headers else text
    return headers


def _judged(body: bytes, received_at: datetime) -> Judgement:
    return judge_fast(body, received_at=received_at, max_age=age_limit())


def _noted(batch: Batch, result: IngestResult) -> Reply:
    """Count a request that is stored; whatever happens, it is answered."""
    try:
        note(batch.key_id, batch.received_at, result)
        rate.charge(batch.key_id, events=result.event_count)
        return ingest_http.accepted(result, lenient=False)
    except Exception:
        return _our_fault()


async def _replied(replying: Coroutine[Any, Any, Reply]) -> Reply:
    """Wait for a reply; what is raised instead becomes one."""
    try:
        return await replying
    except Exception as error:
        try:
            return ingest_http.refused(error)
        except Exception:
            return _our_fault()


def _our_fault() -> Reply:
    """Log the exception that is being handled, and answer 500."""
    log.exception("ingest failed")
    return ingest_http.refused(Unacceptable(500, "INTERNAL_ERROR", "Something went wrong on our side; it has been logged."))
