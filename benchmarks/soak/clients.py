"""A customer's server as the soak plays it: it sends, sends again, errs, asks and voids, and knows what was acknowledged."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import dodopayments

BATCHES = (1, 1, 1, 5, 50, 200, 500, 1000, 1000)
RETRIED_AFTER_SECONDS = 0.1
KNOWN = 500
"""How many of its latest events a client keeps in mind, to send them again or to void them."""


@dataclass
class Known:
    """What a client was told, and so expects to find."""

    tokens: dict[str, int] = field(default_factory=dict)  # of each acknowledged event
    customer: dict[str, str] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    conflicting: set[str] = field(default_factory=set)
    resent: int = 0
    retries: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """One customer's server over the published client, which retries twice by itself; after that it tries again here, without end."""

    def __init__(self, *, url: str, made: dict[str, Any], number: int, ended: threading.Event, seed: int) -> None:
        super().__init__(daemon=True, name=f"client {number}")
        self.known = Known()
        self._number = number
        self._made = made
        self._ended = ended
        self._dice = random.Random(f"{seed} {number}")  # noqa: S311 -- chance, not secrecy
        self._client = dodopayments.DodoPayments(bearer_token=made["secret"], base_url=url, timeout=30)
        self._serial = 0
        self._latest: list[dict[str, Any]] = []

    def run(self) -> None:
        acts = {
            self.send: 70,
            self.send_again: 10,
            self.err: 4,
            self.err_leniently: 4,
            self.conflict: 2,
            self.ask: 6,
            self.void: 4,
        }
        with self._client:
            while not self._ended.is_set():
                act = self._dice.choices(list(acts), weights=list(acts.values()))[0]
                self.known.requests[act.__name__] += 1
                act()

    def send(self) -> None:
        """Send a new batch."""
        batch = self._batch()
        self._acknowledge(batch, self._ingest(batch), size=len(batch))

    def send_again(self) -> None:
        """Send a new batch with events among it that are acknowledged already."""
        batch = self._batch()
        again = self._dice.sample(self._latest, min(len(self._latest), len(batch) // 10 + 1, 1000 - len(batch)))
        self.known.resent += len(again)
        self._acknowledge(batch, self._ingest(batch + again), size=len(batch) + len(again))

    def err(self) -> None:
        """Send a batch with one bad event, which refuses it all; then the good rest."""
        good, bad = self._batch(), self._bad()
        answer = self._ingest([*good[:999], bad], expecting=400)
        if answer is not None:
            self.known.refused.add(bad["event_id"])
            self._acknowledge(good, self._ingest(good), size=len(good))

    def err_leniently(self) -> None:
        """Send a batch with one bad event whose good rest is to be stored."""
        good, bad = self._batch()[:999], self._bad()
        answer = self._ingest([*good, bad], headers={"Prefer": "handling=lenient"})
        self.known.refused.add(bad["event_id"])
        self._acknowledge(good, answer, size=len(good))

    def conflict(self) -> None:
        """Send an id again with other content: the first stands."""
        if not self._latest:
            return
        other = self._dice.choice(self._latest)
        changed = other | {"metadata": other["metadata"] | {"model": "changed"}}
        answer = self._ingest([changed])
        if answer is not None and [one["event_id"] for one in answer["conflicts"]] != [other["event_id"]]:
            self.known.wrong.append(f"{self.name}: a conflict was answered with {answer}")
        self.known.conflicting.add(other["event_id"])

    def ask(self) -> None:
        """Read usage, events, and what became of one event."""
        meter, customer = self._dice.choice(self._made["meters"]), self._dice.choice(self._made["customers"])
        now = datetime.now(UTC)
        start, end = (quote((now + timedelta(days=days)).isoformat()) for days in (-4, 1))
        paths = [f"/meters/{meter}/usage?start={start}&end={end}&window=day", f"/events?customer_id={customer}&page_size=50"]
        if self._latest:
            paths.append(f"/events/{quote(self._dice.choice(self._latest)['event_id'], safe='')}/explain")
        path = self._dice.choice(paths)
        self._ask_until_answered(lambda: self._client.get(path, cast_to=object))

    def void(self) -> None:
        """Void an acknowledged event, or take that back."""
        if not self._latest:
            return
        event_id = self._dice.choice(self._latest)["event_id"]
        path = f"/events/{quote(event_id, safe='')}/void"
        if event_id in self.known.void:
            if self._ask_until_answered(lambda: self._client.delete(path, cast_to=object)) is not None:
                self.known.void.discard(event_id)
        elif self._ask_until_answered(lambda: self._client.post(path, body={"reason": "soak"}, cast_to=object)) is not None:
            self.known.void.add(event_id)

    def _batch(self) -> list[dict[str, Any]]:
        size = self._dice.choice(BATCHES)
        batch = [self._event(self._serial + n) for n in range(size)]
        self._serial += size
        return batch

    def _event(self, serial: int) -> dict[str, Any]:
        event = {
            "event_id": f"{self._number}/{serial}",
            "customer_id": self._dice.choice(self._made["customers"]),
            "event_name": "api.call",
            "metadata": {"tokens": self._dice.randrange(1000), "model": "large"},
        }
        if self._dice.random() < 0.3:  # buffered for up to three days
            event["timestamp"] = (datetime.now(UTC) - timedelta(seconds=self._dice.randrange(250_000))).isoformat()
        return event

    def _bad(self) -> dict[str, Any]:
        self._serial += 1
        return self._event(self._serial - 1) | {"event_id": f"bad {self._number}/{self._serial}", "customer_id": "cus_nobody"}

    def _ingest(self, events: list[dict[str, Any]], *, headers: dict[str, str] | None = None, expecting: int = 200) -> Any:
        post: dict[str, Any] = {"body": {"events": events}, "cast_to": object, "options": {"headers": headers or {}}}
        return self._ask_until_answered(lambda: self._client.post("/events/ingest", **post), expecting=expecting)

    def _ask_until_answered(self, ask: Callable[[], Any], *, expecting: int = 200) -> Any:
        """Try until there is an answer; None, and a line in `wrong`, where it is not the expected one."""
        while True:
            try:
                answer = ask()
                status = 200
            except (dodopayments.APIConnectionError, dodopayments.InternalServerError, dodopayments.RateLimitError):
                self.known.retries += 1
                time.sleep(RETRIED_AFTER_SECONDS)
                continue
            except dodopayments.APIStatusError as error:
                answer, status = error.body, error.status_code
            if status == expecting:
                return answer
            self.known.wrong.append(f"{self.name}: {status} instead of {expecting}: {str(answer)[:300]}")
            return None

    def _acknowledge(self, batch: list[dict[str, Any]], answer: Any, *, size: int) -> None:
        if answer is None:
            return
        if answer["ingested_count"] + answer["duplicate_count"] != size or answer["conflicts"]:
            self.known.wrong.append(f"{self.name}: {str(answer)[:300]} for {size} events")
        for event in batch:
            self.known.tokens[event["event_id"]] = event["metadata"]["tokens"]
            self.known.customer[event["event_id"]] = event["customer_id"]
        self._latest = (self._latest + batch)[-KNOWN:]
