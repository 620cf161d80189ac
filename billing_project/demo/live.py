"""Keep posting events to a running product through its HTTP API, as a customer's server does: retrying until it has an answer."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from django.core.management.base import CommandError

from billing_project.demo import load
from billing_project.demo.company import CHURNED_SLUG, CUSTOMERS, PRODUCT_BY_SLUG
from billing_project.demo.dice import Dice
from billing_project.demo.timeline import Send
from billing_project.demo.traffic import Sent, event_at

STORY_DAYS = 110  # by how many days of growth stored data have grown
LONGEST_PAUSE_SECONDS = 10
ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Credentials:
    """Where the product runs, and a key that may ingest."""

    url: str
    api_key: str


def read_credentials(file: Path) -> Credentials:
    """Read what the first run wrote. Raises CommandError."""
    try:
        known = json.loads(file.read_text())
        return Credentials(url=known["url"], api_key=known["api_key"])
    except FileNotFoundError:
        raise CommandError(f"There is no {file}: `make run` makes it at its first start.") from None


def post_events(credentials: Credentials, *, rate: int, seconds: int | None, say: Callable[[str], object]) -> int:
    """Post about `rate` events a second until the seconds are over (None: for ever); returns how many were stored."""
    dice = Dice(uuid4())
    stored = 0
    started = time.monotonic()
    second = 0
    while seconds is None or second < seconds:
        for events in _requests(dice, rate):
            stored += _post(credentials, events, say)
        second += 1
        if second % 10 == 0 or second == seconds:
            say(f"{stored:,} events stored")
        time.sleep(max(0, started + second - time.monotonic()))
    return stored


def _requests(dice: Dice, count: int) -> list[tuple[Sent, ...]]:
    now = datetime.now(UTC)
    events = [_event(dice, now) for _ in range(count)]
    return [tuple(events[n : n + 1000]) for n in range(0, count, 1000)]


def _event(dice: Dice, now: datetime) -> Sent:
    customer = dice.pick([plan for plan in CUSTOMERS if plan.slug != CHURNED_SLUG])
    daily = PRODUCT_BY_SLUG[customer.product].daily_events
    kind = dice.pick([kind for kind, average in daily.items() for _ in range(average)])
    return event_at(now, customer=customer, kind=kind, days=STORY_DAYS, dice=dice)


def _post(credentials: Credentials, events: tuple[Sent, ...], say: Callable[[str], object]) -> int:
    """Post one request until it is answered, with the same event ids, so that nothing counts twice."""
    pause = 1
    while True:
        try:
            answer = _send(credentials, load.body(Send(events[0].timestamp, events)))
            return int(answer["ingested_count"])  # type: ignore[call-overload]
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429) and error.code < 500:
                raise CommandError(f"The API answered {error.code}: {_message(error)}") from error
            say(f"The API answered {error.code}; trying again in {pause} s")
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            say(f"No answer from {credentials.url} ({error}); trying again in {pause} s")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _send(credentials: Credentials, body: bytes) -> Mapping[str, object]:
    request = urllib.request.Request(  # noqa: S310 -- the address that `make run` wrote down
        f"{credentials.url}/api/v1/events/ingest",
        data=body,
        headers={"Authorization": f"Bearer {credentials.api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
        decoded: Mapping[str, object] = json.loads(answer.read())
        return decoded


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError):
        return error.reason
