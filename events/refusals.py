"""Keep what was refused, with the reason: nothing that a valid key sent vanishes without a trace (semantics.md [24])."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from psycopg import Connection

from core import sql
from events import delivery, judgement
from events.models import RefusedRequest
from events.problems import BodyUnreadable, Problem
from events.validation import identity

KEPT_BYTES = 1_000_000
KEPT_TEXT = 500  # characters of each text of a rejected event
REFUSED_WITH_OTHERS = "REFUSED_WITH_OTHERS"  # counts good events of a request that was refused for others of it

_REJECTED = """
INSERT INTO events_rejectedevent
    (request_id, index, event_id, customer_reference, event_name, field, code, message, status, resolved_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'open', '')
"""
_COMPANIONS = "INSERT INTO events_refusedcompanions (request_id, keys) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True)
class Refusal:
    """A refused request, or the bad rest of a request whose good events were stored.

    good_count: events without a problem that were refused with the others; 0 where the good ones were stored.
    """

    api_key_id: int
    body: bytes
    event_count: int | None
    good_count: int
    http_status: int
    code: str
    message: str
    problems: Sequence[Problem]
    received_at: datetime


def keep(refusal: Refusal, *, connection: Connection[Any]) -> None:
    """Store a refusal in a transaction of its own; the same key, body and codes again only count."""
    with connection.transaction():
        row = connection.execute(sql.load(__file__, "keep_refusal"), _request_row(refusal)).fetchone()
        first_problems = _first_problems(refusal.problems)
        if row and first_problems and (row[1] or row[2]):
            sent = _sent_events(refusal.body)
            if row[1]:
                _keep_events(row[0], sent, first_problems, connection)
            if refusal.good_count:
                _keep_companions(row[0], sent, first_problems, connection)
        for code, count in sorted(_counts(refusal, first_problems).items()):
            connection.execute(delivery.COUNT_REFUSED, [refusal.api_key_id, refusal.received_at, code, count])


def _request_row(refusal: Refusal) -> dict[str, Any]:
    codes = ",".join(sorted({problem.code for problem in refusal.problems}))
    return {
        "api_key_id": refusal.api_key_id,
        "fingerprint": blake2b(codes.encode() + b"\x00" + refusal.body, digest_size=16).digest(),
        "body": zlib.compress(refusal.body[:KEPT_BYTES]),
        "body_size": len(refusal.body),
        "event_count": refusal.event_count,
        "good_count": refusal.good_count,
        "http_status": refusal.http_status,
        "code": refusal.code,
        "message": refusal.message,
        "received_at": refusal.received_at,
    }


def _first_problems(problems: Sequence[Problem]) -> dict[int, Problem]:
    """Return the first problem of each event that had one, by its place in the request."""
    first: dict[int, Problem] = {}
    for problem in problems:
        if problem.index is not None:
            first.setdefault(problem.index, problem)
    return first


def _counts(refusal: Refusal, first_problems: dict[int, Problem]) -> dict[str, int]:
    """Count refused events by code, good ones that were refused with them apart; a request that cannot be read counts as one."""
    counts = Counter(problem.code for problem in first_problems.values())
    if refusal.good_count and first_problems:
        counts[REFUSED_WITH_OTHERS] = refusal.good_count
    return counts or {refusal.code: refusal.good_count or 1}


def _keep_events(
    request_id: int, sent: Sequence[Any], first_problems: Mapping[int, Problem], connection: Connection[Any]
) -> None:
    rows = []
    for index, problem in sorted(first_problems.items()):
        event = sent[index] if index < len(sent) and isinstance(sent[index], dict) else {}
        texts = [_text(event.get(name)) for name in ("event_id", "customer_id", "event_name")]
        rows.append([request_id, index, *texts, (problem.field or "")[:200], problem.code, problem.message])
    with connection.cursor() as cursor:
        cursor.executemany(_REJECTED, rows)


def _keep_companions(
    request_id: int, sent: Sequence[Any], first_problems: Mapping[int, Problem], connection: Connection[Any]
) -> None:
    """Note which events had no problem, so that each can be told why it is not in the log."""
    ids = [event.get("event_id") for number, event in enumerate(sent) if number not in first_problems and isinstance(event, dict)]
    keys = {UUID(identity(event_id)) for event_id in ids if isinstance(event_id, str)}
    connection.execute(_COMPANIONS, [request_id, sorted(keys)])


def with_others(event_id: str, *, most: int) -> list[RefusedRequest]:
    """List requests that were refused for other events of theirs than this one, the newest first, without their bodies."""
    found = RefusedRequest.objects.filter(companions__keys__contains=[UUID(identity(event_id))])
    return list(found.select_related("api_key").defer("body").order_by("-latest_received_at", "-id")[:most])


def _sent_events(body: bytes) -> list[Any]:
    try:
        events: list[Any] = judgement.read(body)["events"]
    except (BodyUnreadable, KeyError, TypeError):
        return []
    return events


def _text(sent: Any) -> str:
    return judgement.shown(sent, KEPT_TEXT) if isinstance(sent, str) else ""
