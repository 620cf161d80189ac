"""An event that takes the place of another is judged as when that one came."""

from datetime import timedelta
from typing import Any

import pytest

from events import replacement
from events.models import Event
from events.replacement import ReplacementRefused
from events.tests.sending import NOW, event, hours_ago, make_customer, make_key, send

pytestmark = pytest.mark.django_db

MONTHS_LATER = NOW + timedelta(days=200)


def test_a_correction_may_be_as_old_as_what_was_accepted_with_the_event_it_replaces(settings: Any) -> None:
    key, ada = make_key()[0], make_customer()
    send(key, event("wrong", ada, timestamp=hours_ago(24 * 30)))
    replaced = Event.objects.get()

    same = replacement.store(sent=event("right", ada), replaced=replaced, received_at=MONTHS_LATER)
    older = event("older", ada, timestamp=hours_ago(24 * 35))
    replacement.store(sent=older, replaced=replaced, received_at=MONTHS_LATER)
    too_old = event("too old", ada, timestamp=hours_ago(24 * 35 + 1))
    with pytest.raises(ReplacementRefused) as refused:
        replacement.store(sent=too_old, replaced=replaced, received_at=MONTHS_LATER)
    settings.EVENT_MAX_AGE_DAYS = 7
    by_now = replacement.store(sent=event("by now", ada), replaced=replaced, received_at=MONTHS_LATER)

    assert by_now.timestamp == same.timestamp
    assert (same.timestamp, same.received_at) == (NOW - timedelta(days=30), MONTHS_LATER)
    assert [problem.code for problem in refused.value.problems] == ["TIMESTAMP_TOO_OLD"]
