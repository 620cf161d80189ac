"""Send refused events in again once their cause is mended, with their own ids and the moment of their first receipt.

# Note [Replay]
A replay is an ordinary ingest of the very text that was sent, so nothing counts twice, however often it is done: an id that is in the log
by now is a duplicate or a conflict. Age is judged by the first receipt, and a missing timestamp is that moment. What is refused again
stays open with its new code and is not kept a second time. What is ingested counts as accepted in the hour of its receipt: the caller
writes that down at the end of its transaction.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from access.actors import Actor
from core import database
from core.errors import DomainError
from events import bodies, delivery, log
from events.dismiss import settle
from events.ingest import ingest_again
from events.models import RefusedRequest, RejectedEvent, RejectedStatus, ReplayOutcome
from events.store import IngestResult
from events.validation import MAX_EVENTS

# Requests that were refused before their events were looked at one by one, but whose events can be told apart all the same.
REPLAYABLE_WHOLE = ("TOO_MANY_EVENTS", "NOT_STORABLE")


class BodyGone(DomainError):
    """The body was pruned: nobody knows any more what was sent."""

    code = "BODY_GONE"

    def __init__(self) -> None:
        super().__init__("The body of this request was pruned. Only the sender can send its events again.")


@dataclass(frozen=True)
class Replayed:
    """What became of one event. index: its place in the request; codes: why it was refused again."""

    index: int
    event_id: str
    outcome: ReplayOutcome
    codes: Sequence[str] = ()
    message: str = ""


def body_of(request: RefusedRequest) -> bytes:
    """Return what is kept of a request's body. Raises BodyGone."""
    if request.body is None:
        raise BodyGone
    return zlib.decompress(request.body)


def texts_of(request: RefusedRequest) -> list[str]:
    """Return the text of each event that is kept of a request. Raises BodyGone, EventsUnreadable."""
    body = body_of(request)
    if request.event_count is None and request.code not in REPLAYABLE_WHOLE:
        raise bodies.EventsUnreadable
    return bodies.event_texts(body, is_whole=len(body) == request.body_size)


@transaction.atomic
def replay(
    *,
    request_id: int,
    indexes: Collection[int],
    with_rest: bool = False,
    accepted: Counter[delivery.Place],
    actor: Actor,
    now: datetime,
) -> list[Replayed]:
    """Ingest events of a refused request, named by their place, and keep what became of each.

    with_rest: the good events that were refused with others, too, unless they were dismissed.  Events that are not kept are left as
    they are.  accepted: where what is ingested is counted, for delivery.add_accepted at the transaction's end.
    Raises BodyGone, EventsUnreadable, ClusterChanged.
    """
    request = RefusedRequest.objects.select_for_update().get(pk=request_id)
    texts = dict(enumerate(texts_of(request)))
    rest = _rest(request, texts) if with_rest and request.status != RejectedStatus.DISMISSED else set()
    wanted = sorted(index for index in rest.union(indexes) if index in texts)
    replayed = [one for part in _parts(wanted) for one in _ingest(request, part, texts, accepted)]
    _mark_events(request, replayed, actor, now)
    settle(request_ids=[request.pk], status=RejectedStatus.REPLAYED, actor=actor, now=now)
    if with_rest and rest and all(one.outcome != ReplayOutcome.REFUSED for one in replayed if one.index in rest):
        RefusedRequest.objects.filter(pk=request.pk).update(
            status=RejectedStatus.REPLAYED, resolved_at=now, resolved_by=str(actor)
        )
    return replayed


def _rest(request: RefusedRequest, texts: Collection[int]) -> set[int]:
    return set(texts) - set(request.rejected.values_list("index", flat=True))


def _parts(wanted: Sequence[int]) -> Iterator[Sequence[int]]:
    return (wanted[start : start + MAX_EVENTS] for start in range(0, len(wanted), MAX_EVENTS))


def _ingest(
    request: RefusedRequest, part: Sequence[int], texts: dict[int, str], accepted: Counter[delivery.Place]
) -> list[Replayed]:
    received_at = request.first_received_at
    body = bodies.joined([texts[index] for index in part])
    ids = [bodies.event_id(texts[index]) for index in part]
    before = log.present(ids)
    result = ingest_again(body=body, key_id=request.api_key_id, received_at=received_at, connection=database.of_django())
    new = log.written_now(ids) - before
    if result.ingested_count:
        accepted[delivery.place(request.api_key_id, received_at)] += result.ingested_count
    return [_replayed(place, index, ids[place], result, new) for place, index in enumerate(part)]


def _replayed(place: int, index: int, event_id: str, result: IngestResult, new: Collection[str]) -> Replayed:
    """Say what became of the event at `place` of the request that was made for the replay."""
    # A problem of the request as a whole, such as an event that the database refuses, is one of each of its events.
    problems = [problem for problem in result.errors if problem.index in (place, None)]
    if problems:
        codes = tuple(dict.fromkeys(problem.code for problem in problems))
        return Replayed(index, event_id, ReplayOutcome.REFUSED, codes, problems[0].message)
    if any(taken.index == place for taken in result.conflicts):
        return Replayed(index, event_id, ReplayOutcome.CONFLICT)
    return Replayed(index, event_id, ReplayOutcome.INGESTED if event_id in new else ReplayOutcome.DUPLICATE)


def _mark_events(request: RefusedRequest, replayed: Sequence[Replayed], actor: Actor, now: datetime) -> None:
    alike: dict[tuple[ReplayOutcome, str], list[int]] = defaultdict(list)
    for one in replayed:
        alike[one.outcome, one.codes[0] if one.codes else ""].append(one.index)
    for (outcome, code), indexes in alike.items():
        rows = RejectedEvent.objects.filter(request=request, index__in=indexes)
        rows.update(replay_outcome=outcome, replay_code=code, replayed_at=now, replayed_by=str(actor))
        if outcome != ReplayOutcome.REFUSED:
            rows.update(status=RejectedStatus.REPLAYED, resolved_at=now, resolved_by=str(actor))
