"""A server that is sent more than it takes says so, stays small, serves its pages, loses nothing, and is itself again afterwards."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import pytest

from api.v1 import rate
from billing_project.asgi import ingest
from events.models import Event
from events.tests.sending import body, event, make_customer, make_key
from events.writers import Admission
from tests import live

pytestmark = pytest.mark.django_db(transaction=True)
SENDERS, BATCH, SECONDS = 60, 200, 2
HELD = 20 * BATCH  # events that the server may hold: a third of what the senders have under way at once
PATH = "/api/v1/events/ingest"
MOST_GROWTH = 60_000_000  # of this process, which holds the senders, too


@dataclass
class Told:
    """What the senders and a visitor of pages were told."""

    acknowledged: list[str] = field(default_factory=list)
    refused: list[tuple[int, str, bool]] = field(default_factory=list)  # status, code, whether it says when to come again
    pages: list[tuple[int, float]] = field(default_factory=list)  # status and seconds
    most_memory: int = 0


def memory() -> int:
    pss: int = psutil.Process().memory_full_info().pss
    return pss


async def flood(address: str, customer: str, secret: str, *, prefix: str, seconds: float = SECONDS) -> Told:
    """Have many senders send as fast as they are answered, refused or not, while somebody opens a page again and again."""
    told, until = Told(), time.monotonic() + seconds
    limits = httpx.Limits(max_connections=SENDERS + 1)
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=address, timeout=30, limits=limits, headers=headers) as client:

        async def send(sender: int) -> None:
            number = 0
            while time.monotonic() < until:
                number += 1
                ids = [f"{prefix}-{sender}-{number}-{n}" for n in range(BATCH)]
                answer = await client.post(PATH, content=body(*[event(one, customer) for one in ids]))
                if answer.status_code == 200:
                    told.acknowledged += ids
                else:
                    told.refused.append((answer.status_code, answer.json()["code"], int(answer.headers["Retry-After"]) > 0))

        async def visit() -> None:
            while time.monotonic() < until:
                began = time.monotonic()
                answer = await client.get("/login", headers={"Authorization": ""})
                told.pages.append((answer.status_code, time.monotonic() - began))
                told.most_memory = max(told.most_memory, memory())
                await asyncio.sleep(0.2)

        await asyncio.gather(visit(), *[send(sender) for sender in range(SENDERS)])
    return told


BUSY, LIMITED = (503, "TOO_BUSY", True), (429, "RATE_LIMITED", True)


@pytest.mark.parametrize(("limit", "refusal"), [(0, BUSY), (2000, LIMITED)])
def test_a_flood_is_refused_and_survived(limit: int, refusal: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.INGEST_EVENTS_PER_SECOND = limit
    rate.forget()
    monkeypatch.setattr(ingest, "_admission", Admission(most_events=HELD, most_bytes=10_000_000))
    customer, secret = make_customer().public_id, make_key()[1]
    with live.server() as address:
        asyncio.run(asyncio.wait_for(flood(address, customer, secret, prefix="warm", seconds=0.5), 60))
        before = memory()

        told = asyncio.run(asyncio.wait_for(flood(address, customer, secret, prefix="flood"), 60))

        settings.INGEST_EVENTS_PER_SECOND = 0
        began = time.monotonic()
        again = httpx.post(address + PATH, content=body(event("after", customer)), headers={"Authorization": f"Bearer {secret}"})
        waited = time.monotonic() - began

    assert {refusal} <= set(told.refused) <= {BUSY, LIMITED}  # at a limit, too many may be let in at once
    assert told.acknowledged
    assert {status for status, _ in told.pages} == {200}
    assert max(told.most_memory, memory()) - before < MOST_GROWTH
    assert (again.status_code, json.loads(again.content)["ingested_count"], waited < 2) == (200, 1, True)
    assert (ingest._admission.events, ingest._admission.bytes) == (0, 0)
    stored = Event.objects.filter(event_id__startswith="flood").values_list("event_id", flat=True)
    assert sorted(stored) == sorted(told.acknowledged)
