"""Figures of what keys deliver: written every few seconds, and never waited for."""

import time
from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from core import database
from events import deliveries, delivery
from events.models import DeliveryHour, DeliveryRefusal
from events.tests.sending import NOW, event, make_customer, make_key, send


@pytest.mark.django_db(transaction=True)
def test_figures_that_somebody_holds_wait_for_the_next_time_and_hold_nobody_up() -> None:
    key, ada = make_key()[0], make_customer()
    send(key, event("a", ada))
    delivery.write(database.of_django())
    send(key, event("b", ada))
    delivery.note_refused(key.id, at=NOW, code="RATE_LIMITED")

    with psycopg.connect(**database.parameters(application="holder")) as holder:
        holder.execute("SELECT FROM events_deliveryhour FOR UPDATE")
        began = time.monotonic()
        with pytest.raises(LockNotAvailable), database.connect(database.parameters(application="t"), patience=20) as own:
            delivery.write(own)
        took = time.monotonic() - began
    delivery.write(database.of_django())

    assert took < 5
    assert [hour.accepted_count for hour in DeliveryHour.objects.all()] == [2]
    assert [one.refused_count for one in DeliveryRefusal.objects.all()] == [1]


@pytest.mark.django_db
def test_hours_are_read_day_by_day_up_to_the_end_and_no_further() -> None:
    key = make_key()[0]
    for hours in (0, 30, 49, 50, 51):
        DeliveryHour.objects.create(api_key=key, hour=NOW + timedelta(hours=hours), accepted_count=hours + 1)

    read = list(deliveries.each_hour(start=NOW, end=NOW + timedelta(hours=50)))

    assert [(place, one.accepted) for place, one in read] == [((key.pk, NOW + timedelta(hours=h)), h + 1) for h in (0, 30, 49)]


@pytest.mark.django_db
def test_the_latest_success_is_the_latest_whoever_writes_first() -> None:
    key, ada = make_key()[0], make_customer()
    for minutes in (5, 9, 2):
        send(key, event(f"e{minutes}", ada), received_at=NOW + timedelta(minutes=minutes))
        delivery.write(database.of_django())

    [hour] = DeliveryHour.objects.all()
    key.refresh_from_db()
    assert (hour.accepted_count, hour.latest_success_at) == (3, NOW + timedelta(minutes=9))
    assert key.latest_used_at == NOW + timedelta(minutes=9)
