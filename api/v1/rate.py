"""Hold each API key to INGEST_EVENTS_PER_SECOND events a second in this process; 0 means no limit.

A key's bucket holds one second's share and fills as time goes by. A request is let in while the bucket is not empty, whatever its size;
what it takes beyond is a debt, so that the next ones wait for it: the average is kept to, and no batch is too large ever to pass.
"""

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings

from api.v1.ingest_http import Unacceptable
from events.ingest import RequestRefused

LONGEST_WAIT = 60  # seconds: client libraries take no Retry-After beyond it for one
MOST_KEYS = 10_000

_buckets: dict[int, "_Bucket"] = {}
_lock = threading.Lock()


class RateLimited(Unacceptable):
    """The key has sent more than its share."""

    def __init__(self, *, limit: int, wait_seconds: int) -> None:
        sentence = f"This key may send {limit} events a second. Send the same request again in {wait_seconds} s."
        super().__init__(429, "RATE_LIMITED", sentence, {"Retry-After": str(wait_seconds)})


@dataclass(slots=True)
class _Bucket:
    events: float  # below zero: debt
    filled_at: float


def check(key_id: int) -> None:
    """Let a request of this key pass, or raise RateLimited."""
    limit = settings.INGEST_EVENTS_PER_SECOND
    if not limit:
        return
    with _lock:
        left = _filled(key_id, limit).events
    if left <= 0:
        wait = min(LONGEST_WAIT, math.floor(-left / limit) + 1)
        raise RateLimited(limit=limit, wait_seconds=wait)


def charge(key_id: int, *, events: int) -> None:
    """Take what a request held out of its key's bucket."""
    limit = settings.INGEST_EVENTS_PER_SECOND
    if limit:
        with _lock:
            _filled(key_id, limit).events -= events


def charge_refused(key_id: int, error: Exception) -> None:
    """Charge a request whose events were looked at and refused; any other refusal is free."""
    if isinstance(error, RequestRefused):
        charge(key_id, events=error.event_count)


def forget() -> None:
    """Begin with full buckets, for tests."""
    with _lock:
        _buckets.clear()


def _filled(key_id: int, limit: int) -> _Bucket:
    now = time.monotonic()
    bucket = _buckets.get(key_id)
    if bucket is None:
        if len(_buckets) >= MOST_KEYS:
            _buckets.clear()
        bucket = _buckets[key_id] = _Bucket(limit, now)
    bucket.events = min(limit, bucket.events + (now - bucket.filled_at) * limit)
    bucket.filled_at = now
    return bucket
