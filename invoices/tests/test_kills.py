"""Runs that are killed at any step, and runs at once, come to the same invoices, number for number, as one clean run."""

import multiprocessing
import os
import threading
import time
from contextlib import suppress
from decimal import Decimal

import pytest
from django.db import connection, transaction

from core.faults import striking
from core.periods import Interval
from credits.models import CreditEntry
from invoices import drafting, issue, parallel, run
from invoices.models import Invoice
from invoices.run import run_billing
from invoices.series_models import InvoiceSeries
from invoices.tests.story import begin, give, invoices, use
from products import catalogue
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = (
    "billing: drafts written",
    "billing: drafts committed",
    "billing: customers locked",
    "billing: assembled",
    "billing: series locked",
    "billing: written",
    "billing: chunk committed",
    "billing: credits settled",
)
NOW = utc("2026-03-05")


class Killed(BaseException):
    """Stands for a kill: nothing catches it, the transaction is lost."""


@pytest.fixture
def story(monkeypatch):
    """Eight customers whose cycles end on different days, some with two subscriptions, some with credits that roll over."""
    monkeypatch.setattr(issue, "CHUNK_INVOICES", 3)
    calls, mails = making.meter("call"), making.meter("mail")
    one, other = making.product(per_unit(calls), fee=100), making.product(per_unit(mails, "3"), name="Mails")
    for number in range(7):
        customer = making.customer(f"C{number}")
        begin(customer, one, f"2026-01-0{number % 3 + 1}")
        use(customer, "call", f"2026-01-1{number}", times=number + 1)
        if number % 2:
            begin(customer, other, "2026-01-01")
            use(customer, "mail", "2026-02-03", times=4)
        if number % 3 == 0:
            give(
                customer,
                Decimal(4),
                "2026-01-01",
                meter=calls,
                name="units",
                renews=True,
                renewal=Interval("Month", 1),
                rollover="all",
            )
            give(customer, Decimal(150), "2026-01-01", name="money", applies_to="invoice")
    # Its latest point is in its grace at NOW; the others are past theirs.
    begin(making.customer("Late"), one, "2026-01-05")


def result():
    entries = CreditEntry.objects.order_by("period__grant_id", "period__starts_at", "kind", "amount")
    return invoices(), list(entries.values_list("period__grant__customer__name", "period__starts_at", "kind", "amount"))


@pytest.fixture
def clean(story):
    """What one clean run comes to; it is rolled back, so that the same story can be billed again."""
    with transaction.atomic():
        bill()
        found = result()
        transaction.set_rollback(True)
    assert Invoice.objects.count() == 0
    return found


def bill():
    return run_billing(now=NOW, actor=ACTOR)


def kill_after(count):
    left = [count]

    def strike():
        left[0] -= 1
        if left[0] <= 0:
            raise Killed

    return strike


@pytest.mark.parametrize("place", PLACES)
def test_a_run_killed_at_a_step_and_started_again_equals_a_clean_one(story, place, clean):
    for turn in (1, 2, 1, 3):
        with striking(place, kill_after(turn)):
            try:
                bill()
            except Killed:
                continue

    bill()

    assert result() == clean
    assert bill().issued_count == 0


def test_every_place_is_passed(story):
    passed = set()
    contexts = [striking(place, lambda place=place: passed.add(place)) for place in PLACES]
    for context in contexts:
        context.__enter__()

    bill()

    for context in contexts:
        context.__exit__(None, None, None)
    assert passed == set(PLACES)


def at_once(*calls):
    """Run calls in threads of their own; give what they raised."""
    failures = []

    def work(call):
        try:
            call()
        except Exception as failure:
            failures.append(failure)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[call]) for call in calls]
    for worker in workers:
        worker.start()
    return workers, failures


def test_runs_at_once_equal_a_clean_one(story, clean):
    workers, failures = at_once(bill, bill, bill)
    for worker in workers:
        worker.join()

    assert failures == []
    assert result() == clean


def test_a_run_in_several_processes_equals_a_clean_one(story, clean, monkeypatch):
    monkeypatch.setattr(run, "CHUNK_CUSTOMERS", 1)

    report = run_billing(now=NOW, actor=ACTOR, processes=3)

    assert result() == clean
    assert report.issued_count == sum("None" not in one[0] for one in clean[0])


def test_a_run_of_which_a_process_dies_ends_and_another_goes_on_to_the_same_numbers(story, clean):
    left = [1, 1]  # forked: each process counts for itself

    def strike():
        if left.pop():
            os._exit(1) if not left else None

    with striking("billing: written", strike), pytest.raises(parallel.BillingProcessEnded, match="start the run again"):
        run_billing(now=NOW, actor=ACTOR, processes=2)

    assert bill().issued_count > 0
    assert result() == clean


def share_out(alive):
    """Work in two processes of one, of which each keeps the pipe `alive` open, tells that it has begun, and takes its time."""

    def part(number):
        alive.send(number)
        time.sleep(0.2)

    parallel.spread(part, range(100), processes=2)


def told(pipe):
    """Yield what is sent until all who could have ended; each must be waited for before."""
    with suppress(EOFError):
        while True:
            yield None
            pipe.recv()


def test_processes_end_soon_after_the_run_that_they_work_for_is_killed():
    connection.close()
    fork = multiprocessing.get_context("fork")
    begun, alive = fork.Pipe(duplex=False)
    running = fork.Process(target=share_out, args=[alive])
    running.start()
    alive.close()
    first = {begun.recv(), begun.recv()}
    running.kill()
    running.join()

    assert first == {0, 1}
    assert all(begun.poll(10) for _ in told(begun)), "a process waits for ever"


def test_a_part_that_fails_ends_the_run_and_says_so():
    with pytest.raises(parallel.BillingProcessEnded, match="start the run again"):
        parallel.spread(lambda number: 1 // number, [2, 0, 1], processes=2)

    assert parallel.spread(lambda number: number * number, [3, 1, 2], processes=2) == [9, 1, 4]


def once_beside(call, *, seconds=1):
    """Give a strike that starts a call beside the run, once, lets it come to where it waits, and a list of what it raised."""
    begun = []

    def strike():
        if not begun:
            begun.append(at_once(call))
            begun[0][0][0].join(seconds)

    return strike, begun


def ended(begun):
    (((worker,), failures),) = begun
    worker.join()
    return failures


def clean_run():
    with transaction.atomic():
        bill()
        found = invoices()
        transaction.set_rollback(True)
    return found


def test_a_run_that_waited_for_another_asks_again_what_comes_first():
    # A has a point each day, of which a chunk takes one because of the grant; the second run has read B and C meanwhile.
    acme = making.customer("A")
    begin(acme, making.product(fee=100, every=("Day", 1)), "2026-03-01")
    give(acme, Decimal(1), "2026-03-01", name="money")
    begin(making.customer("B"), making.product(fee=100), "2026-03-01")
    begin(making.customer("C"), making.product(fee=100), "2026-03-03T12:00")
    expected = clean_run()
    strike, begun = once_beside(bill)

    with striking("billing: customers locked", strike):
        bill()

    assert ended(begun) == []
    assert invoices() == expected


def test_who_waited_for_a_draft_that_another_issued_meanwhile_leaves_it_alone():
    begin(making.customer(), making.product(fee=100), "2026-03-01")
    drafting.write_drafts(now=NOW, actor=ACTOR)
    strike, begun = once_beside(lambda: issue.issue_due(now=NOW, actor=ACTOR))

    with striking("billing: assembled", strike):
        issue.issue_due(now=NOW, actor=ACTOR)

    assert ended(begun) == []
    assert [one[0].split()[0] for one in invoices()] == ["INV-2026-000001"]
    assert InvoiceSeries.objects.get().latest_number == 1


def test_processes_of_one_run_wait_where_a_chunk_leaves_later_points(monkeypatch):
    monkeypatch.setattr(issue, "CHUNK_INVOICES", 2)
    product = making.product(fee=100)
    for day in (1, 2, 3):
        begin(making.customer(f"C{day}"), product, f"2026-01-0{day}")
    expected = clean_run()

    run_billing(now=NOW, actor=ACTOR, processes=2)

    assert invoices() == expected


def test_a_draft_that_is_asked_for_while_a_run_issues_its_point_is_not_made():
    subscription = begin(making.customer(), making.product(fee=100), "2026-03-01")
    strike, begun = once_beside(lambda: drafting.draft_points(subscription=subscription, now=NOW, actor=ACTOR))

    with striking("billing: assembled", strike):
        bill()

    assert ended(begun) == []
    assert [one[0].split()[0] for one in invoices()] == ["INV-2026-000001"]


@pytest.mark.parametrize("place", ["billing: customers locked", "billing: assembled"])
def test_a_price_that_changes_while_a_cycle_is_billed_ahead_leaves_its_terms(place, settings):
    # Asked for before midnight, written after: the fee and the usage of February keep one price, whoever comes first.
    settings.INVOICE_GRACE_MINUTES = 0
    calls = making.meter("call")
    product = making.product(per_unit(calls, "2"), fee=100)
    acme = making.customer()
    begin(acme, product, "2026-01-01")
    run_billing(now=utc("2026-01-01"), actor=ACTOR)
    use(acme, "call", "2026-02-10")
    dearer = making.price(per_unit(calls, "30"), fee=1000)
    asked = {"actor": ACTOR, "now": utc("2026-01-31T23:59:59")}
    strike, begun = once_beside(lambda: catalogue.update_price(product=product, price=dearer, **asked))

    with striking(place, strike):
        run_billing(now=utc("2026-02-01"), actor=ACTOR)
    failures = ended(begun)
    run_billing(now=utc("2026-03-01"), actor=ACTOR)

    assert failures == []
    assert [one[1:-1] for one in invoices(point__gt=0)] == [
        ["0 fixed_fee Plan: 100", "1 usage Call: 0 - 0 - 0 = 0, 0"],
        ["0 fixed_fee Plan: 1000", "1 usage Call: 1 - 0 - 0 = 1, 2"],
    ]


def test_runs_on_both_sides_of_new_year_bill_each_point_once_and_leave_no_gap_in_either_series():
    for day in (26, 27, 28):
        begin(making.customer(f"C{day}"), making.product(fee=100), f"2026-11-{day}")
    dates = (utc("2026-12-31T23:59"), utc("2027-01-01T00:01"))

    workers, failures = at_once(*(lambda now=now: run_billing(now=now, actor=ACTOR) for now in dates))
    for worker in workers:
        worker.join()

    assert failures == []
    numbered = list(Invoice.objects.order_by("series__year", "series_number").select_related("series"))
    assert sorted((one.customer.name, one.point) for one in numbered) == [(f"C{day}", n) for day in (26, 27, 28) for n in (0, 1)]
    assert all(one.issued_at.year == one.series.year for one in numbered)
    for year in (2026, 2027):
        numbers = [one.series_number for one in numbered if one.series.year == year]
        assert numbers == list(range(1, len(numbers) + 1))


def test_numbers_have_no_gap(story):
    bill()

    numbers = list(Invoice.objects.exclude(number=None).order_by("series_number").values_list("series_number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
