"""Take a request's events in: all committed before the answer, each id once for ever, or the whole refused with every reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from psycopg import Connection

from core import database, deployment
from core.errors import DomainError
from customers import directory
from events import delivery, names, refusals
from events.judgement import judge, other_content
from events.problems import BodyUnreadable, Problem, status, summary
from events.rows import Batch
from events.store import IngestResult, Unstorable, store
from events.validation import Judgement


class RequestRefused(DomainError):
    """Nothing of the request was stored as an event; `problems` says all of why, `status` is for HTTP.

    event_count: how many events it held, 1 where it cannot be told.
    """

    def __init__(self, problems: Sequence[Problem], event_count: int | None = None) -> None:
        self.code, message = summary(list(problems))
        super().__init__(message)
        self.problems = problems
        self.status = status(list(problems))
        self.event_count = event_count or 1


class OutcomeUnknown(DomainError):
    """The database could not be asked, or did not say whether it committed; sending the request again is safe."""

    code = "UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The events could not be stored for certain. Send the same request again: nothing counts twice.")


def ingest(
    *,
    body: bytes,
    key_id: int,
    received_at: datetime,
    connection: Connection[Any] | None = None,
    lenient: bool = False,
    max_age: timedelta | None = None,
) -> IngestResult:
    """Store the events of a request body that a key with the scope ingest sent.

    connection: where to write, Django's if None.  lenient: store the good events and list the others in `errors`.  max_age: how far back
    timestamps may lie, EVENT_MAX_AGE_DAYS if None. Raises RequestRefused (and keeps what was refused), OutcomeUnknown, ClusterChanged.
    """
    try:
        connection = connection or database.of_django()
        deployment.verify(connection)
        request = _Request(body, key_id, received_at, connection)
        result = request.ingest(lenient=lenient, max_age=max_age or age_limit())
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise OutcomeUnknown from error
    note(key_id, received_at, result)
    return result


def ingest_again(*, body: bytes, key_id: int, received_at: datetime, connection: Connection[Any]) -> IngestResult:
    """Store the good ones of events that were refused before; what is refused again stands in `errors` and is not kept twice.

    received_at: of the first receipt, by which their age is judged. Counts nothing as delivered, for the key sent nothing.
    Raises ClusterChanged.
    """
    deployment.verify(connection)
    request = _Request(body, key_id, received_at, connection, keeps=False)
    try:
        return request.ingest(lenient=True, max_age=age_limit())
    except RequestRefused as refused:
        return IngestResult(ingested_count=0, errors=refused.problems)


def age_limit() -> timedelta:
    """Return how far back an event's timestamp may lie."""
    return timedelta(days=settings.EVENT_MAX_AGE_DAYS)


def note(key_id: int, received_at: datetime, result: IngestResult) -> None:
    """Count an answered request in the figures of its key and hour."""
    conflicts = len(result.conflicts)
    delivery.note(key_id, at=received_at, accepted=result.ingested_count, duplicate=result.duplicate_count, conflict=conflicts)


def prepare_from_memory(judgement: Judgement, *, key_id: int, received_at: datetime) -> Batch | None:
    """Return the batch of a request with nothing wrong whose customers and names this process knows; None for any other.

    Asks no database, so that it may run on the event loop; what it returns None for goes through ingest().
    """
    entries = directory.remembered({event.customer_id for event in judgement.events})
    numbers = names.remembered({event.event_name for event in judgement.events})
    if entries is None or numbers is None or any(entry.archived for entry in entries.values()):
        return None
    return _batch(judgement, entries, numbers, received_at, key_id)


class _Request:
    """One request on its way through judge, customers, store, refusals."""

    def __init__(
        self, body: bytes, key_id: int, received_at: datetime, connection: Connection[Any], *, keeps: bool = True
    ) -> None:
        self.body = body
        self.key_id = key_id
        self.received_at = received_at
        self.connection = connection
        self.event_count: int | None = None
        self.keeps = keeps  # whether what is refused is kept

    def ingest(self, *, lenient: bool, max_age: timedelta) -> IngestResult:
        try:
            judgement = judge(self.body, received_at=self.received_at, max_age=max_age)
        except BodyUnreadable as error:
            raise self.keep_refused([Problem(None, None, None, error.code, error.message)]) from error
        entries = self.check_customers(judgement)
        problems = sorted(judgement.problems, key=lambda problem: -1 if problem.index is None else problem.index)
        places = {problem.index for problem in problems if problem.index is not None}
        self.event_count = len(judgement.events) + len(judgement.repeated) + len(places)
        good_count = self.event_count - len(places)
        if problems and not (lenient and judgement.events):
            raise self.keep_refused(problems, good_count=good_count)
        kinds = {event.event_name for event in judgement.events}
        numbers = names.numbers(kinds, connection=self.connection, now=self.received_at)
        try:
            result = store(_batch(judgement, entries, numbers, self.received_at, self.key_id), connection=self.connection)
        except Unstorable as error:
            bad = {problem.index for problem in error.problems if problem.index is not None}
            raise self.keep_refused(error.problems, good_count=good_count - len(bad)) from error
        if problems:
            self.keep_refused(problems)
        result.errors, result.bad_count = problems, len(places)
        result.duplicate_count += len(judgement.repeated)
        return result

    def check_customers(self, judgement: Judgement) -> dict[str, directory.Entry]:
        """Find the customers; an event whose customer is unknown or archived becomes a problem and leaves the good ones."""
        references = {event.customer_id for event in judgement.events} | {reference for *_, reference in judgement.bad_customers}
        references |= {one.customer_id for one in judgement.repeated}
        entries = directory.resolve(references, connection=self.connection)
        _check_repeated(judgement, entries)
        if len(entries) == len(references) and not any(entry.archived for entry in entries.values()):
            return entries
        judgement.problems += [p for bad in judgement.bad_customers if (p := customer_problem(*bad, entries))]
        good = []
        for event, index in zip(judgement.events, judgement.indexes, strict=True):
            problem = customer_problem(index, event.event_id, event.customer_id, entries)
            if problem:
                judgement.problems.append(problem)
            else:
                good.append((event, index))
        judgement.events, judgement.indexes = [event for event, _ in good], [index for _, index in good]
        return entries

    def keep_refused(self, problems: Sequence[Problem], *, good_count: int = 0) -> RequestRefused:
        """Keep the request, or its bad rest, and return the exception that says so. good_count: events refused with it."""
        refused = RequestRefused(problems, self.event_count)
        if not self.keeps:
            return refused
        refusal = refusals.Refusal(
            api_key_id=self.key_id,
            body=self.body,
            event_count=self.event_count,
            good_count=good_count,
            http_status=refused.status,
            code=refused.code,
            message=refused.message,
            problems=problems,
            received_at=self.received_at,
        )
        refusals.keep(refusal, connection=self.connection)
        return refused


def _check_repeated(judgement: Judgement, entries: dict[str, directory.Entry]) -> None:
    """Find the customers of events that stand twice: each is refused for its own, and where it is another than the earlier one's."""
    repeated = []
    for one in judgement.repeated:
        problem = customer_problem(one.index, one.event_id, one.customer_id, entries)
        if not problem and entries[one.customer_id] != entries.get(one.earlier_customer_id):
            problem = Problem(one.index, one.event_id, *other_content(one.earlier_index))
        if problem:
            judgement.problems.append(problem)
        else:
            repeated.append(one)
    judgement.repeated = repeated


def _batch(
    judgement: Judgement, entries: dict[str, directory.Entry], numbers: dict[str, int], received_at: datetime, key_id: int
) -> Batch:
    return Batch(
        events=judgement.events,
        indexes=judgement.indexes,
        customers={reference: entry.id for reference, entry in entries.items()},
        names=numbers,
        received_at=received_at,
        key_id=key_id,
    )


def customer_problem(index: int, event_id: str | None, reference: str, entries: dict[str, directory.Entry]) -> Problem | None:
    """Say that an event's customer does not exist or is archived; None where nothing is wrong with it."""
    entry = entries.get(reference)
    if entry is None:
        sentence = f"There is no customer {reference!r}. Create the customer first, or correct the id."
        return Problem(index, event_id, "customer_id", "CUSTOMER_NOT_FOUND", sentence)
    if entry.archived:
        sentence = f"The customer {reference!r} is archived. Unarchive the customer first, or correct the id."
        return Problem(index, event_id, "customer_id", "CUSTOMER_ARCHIVED", sentence)
    return None
