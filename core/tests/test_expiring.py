import time

import pytest
from django.db import transaction

from core import database, expiring


def test_an_entry_is_forgotten_after_five_seconds(monkeypatch):
    cache = expiring.Expiring("test")
    cache.put("a", 1)
    now = time.monotonic()

    assert cache.get("a") == 1
    monkeypatch.setattr(time, "monotonic", lambda: now + expiring.LIFETIME_SECONDS + 1)
    assert cache.get("a") is None


@pytest.mark.django_db(transaction=True)
def test_an_announcement_reaches_other_processes_at_commit():
    cache = expiring.Expiring("test")
    listener = expiring.Listener(database.parameters(application="test"))
    listener.start()
    time.sleep(0.3)
    with transaction.atomic():
        expiring.announce("test")
        cache.put("a", 1)

    deadline = time.monotonic() + 3
    while cache.get("a") and time.monotonic() < deadline:
        time.sleep(0.01)

    assert time.monotonic() < deadline
    listener.end()
