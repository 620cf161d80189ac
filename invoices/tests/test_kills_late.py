"""Late usage is adjusted the same, number for number, whatever write a run is killed before, and however many run at once."""

from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection, transaction

from core.faults import striking
from credits.models import CreditEntry
from events.models import Event
from invoices import late
from invoices.late_models import LateUsage
from invoices.models import Invoice, InvoiceEvent
from invoices.run import run_billing
from invoices.tests.story import begin, give, invoices, late_event, use
from invoices.tests.test_kills import Killed, at_once, once_beside
from meters import void as voids
from products.cancel import Cancellation, cancel_now
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)
NOW = utc("2026-03-01T01:00")


@pytest.fixture
def story():
    """January is billed. Since then: more usage on units, less of it (below zero), more after the end, and units only after the end."""
    calls = making.meter("call")
    product = making.product(per_unit(calls, "100"))
    named = {name: making.customer(name) for name in ("More", "Less", "Ended", "Units")}
    running = {name: begin(customer, product, "2026-01-01") for name, customer in named.items()}
    for name in ("More", "Units"):
        give(named[name], Decimal(4), "2026-01-01", meter=calls, name="units")
    for number, customer in enumerate(named.values()):
        use(customer, "call", f"2026-01-1{number}", times=3)
    for name in ("Ended", "Units"):
        cancel_now(subscription=running[name], why=Cancellation(), actor=ACTOR, now=utc("2026-01-20"))
    run_billing(now=utc("2026-02-01T01:00"), actor=ACTOR)
    for name in ("More", "More", "Ended"):
        late_event(named[name], "call", "2026-01-12", "2026-02-02")
    for name in ("Less", "Units"):
        for event in Event.objects.filter(customer_id=named[name].id).order_by("arrival")[:2]:
            voids.void(event=event, reason="wrong", actor=ACTOR, now=utc("2026-02-03"))


def result():
    entries = CreditEntry.objects.order_by("period__grant_id", "period__starts_at", "kind", "amount")
    late = LateUsage.objects.order_by("customer__name")
    return (
        invoices(),
        list(entries.values_list("period__grant__customer__name", "kind", "amount")),
        list(late.values_list("customer__name", "state", "period_start")),
    )


@pytest.fixture
def clean(story):
    """What one clean run comes to; it is rolled back."""
    with transaction.atomic():
        bill()
        found = result()
        transaction.set_rollback(True)
    assert [line for one in found[0] for line in one if "adjustment Call" in line] == [
        "1 adjustment Call: 2 - 0 - 1 = 1, 100",
        "1 adjustment Call: -2 - 0 - 0 = -2, -200",
        "0 adjustment Call: 1 - 0 - 0 = 1, 100",
        "0 adjustment Call: -2 - 0 - -2 = 0, 0",
    ]
    return found


def bill():
    return run_billing(now=NOW, actor=ACTOR)


@contextmanager
def killed_at(number):
    """Kill what runs before its so-manieth statement that writes or locks; what only reads leaves nothing behind."""
    left = [number]

    def strike(execute, statement, parameters, many, context):
        left[0] -= any(word in str(statement) for word in ("INSERT", "UPDATE", "DELETE", "LOCK TABLE"))
        if left[0] <= 0:
            raise Killed
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(strike):
        yield


def committed():
    return Invoice.objects.count(), InvoiceEvent.objects.count(), LateUsage.objects.filter(state="settled").count()


def test_a_run_killed_before_every_write_and_started_again_equals_a_clean_one(clean):
    kills, number, before = 0, 0, committed()
    while True:
        number += 1
        try:
            with killed_at(number):
                bill()
            break
        except Killed:
            kills += 1
        # What was committed is not done again, so that the statements behind it are counted from the first.
        number, before = (number, before) if committed() == before else (0, committed())

    assert kills > 20
    assert result() == clean
    assert bill().issued_count == 0
    assert result() == clean


def test_a_run_killed_behind_its_search_and_started_later_adjusts_for_the_same_month(story):
    def strike():
        raise Killed

    with pytest.raises(Killed), striking("billing: customers locked", strike):
        bill()

    run_billing(now=utc("2026-03-01T02:00"), actor=ACTOR)

    adjusted = Invoice.objects.filter(kind="adjustment").order_by("id")
    assert list(adjusted.values_list("customer__name", "period_start")) == [
        ("Ended", utc("2026-02-01")),
        ("Units", utc("2026-02-01")),
    ]


def test_runs_at_once_that_find_late_usage_equal_a_clean_one(clean):
    workers, failures = at_once(bill, bill, bill)
    for worker in workers:
        worker.join()

    assert failures == []
    assert result() == clean


@pytest.mark.parametrize("place", ["billing: customers locked", "billing: assembled", "billing: adjustment invoices committed"])
def test_a_run_that_begins_while_another_adjusts_equals_a_clean_one(clean, place):
    strike, begun = once_beside(bill)

    with striking(place, strike):
        bill()

    (((worker,), failures),) = begun
    worker.join()
    assert failures == []
    assert result() == clean


def test_who_waits_to_have_late_usage_alone_is_passed_by_nobody():
    # A void beside a run of many chunks, which share the lock one after the other and would never let it go.
    late.search(now=NOW)
    came = []

    def enter(name, lock):
        with transaction.atomic():
            lock()
            came.append(name)

    with transaction.atomic():
        late.lock_shared()
        (void, *_), failures = at_once(lambda: enter("void", late.lock))
        void.join(0.5)
        (chunk, *_), more = at_once(lambda: enter("chunk", late.lock_shared))
        chunk.join(0.5)
        meanwhile = list(came)
    for worker in (void, chunk):
        worker.join()

    assert (meanwhile, came, failures + more) == ([], ["void", "chunk"], [])
