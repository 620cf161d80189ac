import time

import psycopg
import pytest
from django.db import transaction

from core import database, expiring


def test_an_entry_is_forgotten_after_five_seconds(monkeypatch):
    cache = expiring.Expiring("test")
    now = time.monotonic()
    cache.put("a", 1, asked_at=now)

    assert cache.get("a") == 1
    monkeypatch.setattr(time, "monotonic", lambda: now + 5.001)  # what docs/security.md states as the worst case of a revocation
    assert cache.get("a") is None


def test_a_slow_answer_is_remembered_no_longer_than_five_seconds_from_when_it_was_asked_for(monkeypatch):
    cache = expiring.Expiring("test")
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + 4)
    cache.renew(["a"], {"a": 1}, asked_at=now)

    assert cache.get("a") == 1
    monkeypatch.setattr(time, "monotonic", lambda: now + 5.001)
    assert cache.get("a") is None


@pytest.mark.django_db(transaction=True)
def test_an_announcement_is_heard_elsewhere_at_commit():
    with psycopg.connect(**database.parameters(application="test"), autocommit=True) as elsewhere:
        elsewhere.execute(f"LISTEN {expiring.CHANNEL}")
        with transaction.atomic():
            expiring.announce("test")
            before = list(elsewhere.notifies(timeout=0.2))
        after = list(elsewhere.notifies(timeout=3, stop_after=1))

    assert (before, [notice.payload for notice in after]) == ([], ["test"])


@pytest.mark.django_db(transaction=True)
def test_a_listener_forgets_what_is_announced_elsewhere():
    cache = expiring.Expiring("test")
    listener = expiring.Listener(database.parameters(application="test"))
    listener.start()
    time.sleep(0.3)
    cache.put("a", 1, asked_at=time.monotonic())

    with psycopg.connect(**database.parameters(application="test"), autocommit=True) as elsewhere:
        elsewhere.execute("SELECT pg_notify(%s, 'test')", [expiring.CHANNEL])
    deadline = time.monotonic() + 3
    while cache.get("a") and time.monotonic() < deadline:
        time.sleep(0.01)

    assert time.monotonic() < deadline
    listener.end()


def test_what_nobody_asks_ahead_for_is_due_no_more_once_it_was_read_again(monkeypatch):
    cache = expiring.Expiring("test")
    cache.put("a", 1, asked_at=time.monotonic())
    start = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: start + expiring.REFRESH_SECONDS + 1)
    cache.get("a")
    cache.put("a", 2, asked_at=time.monotonic())
    read_again = cache.take_due()
    monkeypatch.setattr(time, "monotonic", lambda: start + 10 * expiring.LIFETIME_SECONDS)
    cache.get("a")

    assert (read_again, cache.take_due()) == ([], [])
