"""Draft terms against the usage of past cycles: nothing differs under today's terms, and nothing is written."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.money import CurrencyMismatch
from invoices import simulate, void
from invoices.models import Invoice, InvoiceLine
from invoices.tests import story
from invoices.tests.story import begin, bill, give, use
from jobs import files, tasks
from jobs import run as jobs
from jobs.models import Job
from products import catalogue, versions
from products.models import PriceVersion
from products.tests import making
from products.tests.making import ACTOR, per_unit, tier, tiered, utc

pytestmark = pytest.mark.django_db
NOW = utc("2026-04-10")


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr(tasks, "offer", lambda job_id: None)


@pytest.fixture
def plan():
    """Two months: calls with a minimum, storage in tiers, the most seats; a fee of $10.

    Ada: 8 calls in February, 3 in March, 150 GB of storage in March, 20 of them credited, 4 seats.  Bob began on 16 March.
    """
    calls, storage = making.meter("call"), making.meter("storage", "sum", "gb")
    seats = making.meter("seat", "max", "number")
    sold = making.product(
        per_unit(calls, "10", free_threshold=2, minimum_amount=40),
        tiered(storage, tier("100", "5"), tier(None, "1")),
        per_unit(seats, "300", free_threshold=1),
        fee=1000,
    )
    ada, bob = making.customer("Ada"), making.customer("Bob")
    begin(ada, sold, "2026-02-01")
    give(ada, Decimal(20), "2026-03-01", meter=storage)
    use(ada, "call", "2026-02-10", 8)
    use(ada, "call", "2026-03-10", 3)
    use(ada, "storage", "2026-03-11", gb=150)
    use(ada, "seat", "2026-03-12", number=4)
    begin(bob, sold, "2026-03-16")
    bill("2026-04-09")
    return sold, (calls, storage, seats), (ada, bob)


def draft_of(product):
    return versions.price_of(product.versions.order_by("-number")[0])


def answered(product, price, cycles=3):
    tally, rows = simulate.answer(simulate.ask(product=product, price=price, cycles=cycles, now=NOW))
    assert sum(row.difference for row in rows) == tally.difference
    return [(row.name, row.cycle_count, row.old_amount, row.new_amount) for row in rows]


def test_todays_terms_differ_by_nothing_and_come_to_what_was_invoiced(plan):
    product, _, (ada, _) = plan

    rows = answered(product, draft_of(product))

    # February: $10, 6 × 10 and no more.  March: $10, calls 1 × 10 and 30 up to the minimum, 130 GB 500 + 30, 3 × 300 seats.
    assert rows == [("Ada", 2, 1060 + 2470, 1060 + 2470), ("Bob", 0, 0, 0)]
    billed = InvoiceLine.objects.filter(
        invoice__customer=ada, period_start__gte=utc("2026-02-01"), period_end__lte=utc("2026-04-01")
    )
    assert sum(billed.values_list("amount", flat=True)) == 3530


def test_a_draft_charges_the_same_usage_and_credits_otherwise(plan):
    product, (calls, storage, _seats), _ = plan
    price = making.price(per_unit(calls, "20"), tiered(storage, tier("100", "4"), tier(None, "2"), model="volume"), fee=500)

    rows = answered(product, price)

    # February: $5 and 8 × 20.  March: $5, 3 × 20, 130 GB × 2; seats cost nothing any more.
    assert rows == [("Ada", 2, 3530, 660 + 820), ("Bob", 0, 0, 0)]


def test_of_the_cycle_that_ends_at_bill_from_the_usage_counts_and_not_the_fee(plan):
    product, _, _ = plan
    cem = making.customer("Cem")
    begin(cem, product, "2026-01-01", now="2026-03-15", bill_from=utc("2026-03-01"))
    use(cem, "call", "2026-01-10", 9)
    use(cem, "call", "2026-02-10", 8)
    bill("2026-04-09")

    (row,) = [row for row in answered(product, draft_of(product)) if row[0] == "Cem"]

    # February's usage, 6 × 10; March with its fee, and 40 for calls.  January was billed elsewhere, and so was February's fee.
    assert row == ("Cem", 2, 60 + 1040, 60 + 1040)
    billed = InvoiceLine.objects.filter(invoice__customer=cem, period_end__lte=utc("2026-04-01"))
    assert sum(billed.values_list("amount", flat=True)) == 1100


def test_a_cycle_that_is_billed_again_differs_by_nothing_either(plan):
    product, _, (ada, _) = plan
    march = Invoice.objects.get(customer=ada, point=2)
    void.void(invoice=march, then="reissue", reason="wrong", actor=ACTOR, now=NOW)

    waiting = answered(product, draft_of(product), cycles=1)
    bill("2026-04-10T02:00")

    # While the draft waits nothing is drawn: 150 GB are 500 + 50. Issued again, it draws the 20 GB that it drew before.
    assert waiting == [("Ada", 1, 2490, 2490), ("Bob", 0, 0, 0)]
    assert answered(product, draft_of(product), cycles=1) == [("Ada", 1, 2470, 2470), ("Bob", 0, 0, 0)]


def test_only_the_latest_cycles_count(plan):
    product, _, _ = plan

    assert answered(product, draft_of(product), cycles=1) == [("Ada", 1, 2470, 2470), ("Bob", 0, 0, 0)]


def test_more_free_units_leave_credits_unused(plan):
    product, (calls, storage, seats), _ = plan
    price = replace(
        draft_of(product),
        meters=(
            per_unit(calls, "10"),
            tiered(storage, tier(None, "5"), free_threshold=140),
            per_unit(seats, "300", free_threshold=1),
        ),
    )

    # 10 GB are left after the free ones, the credits cover them: February 80, March 30 and 900, a fee each.
    assert answered(product, price) == [("Ada", 2, 3530, 1080 + 1930), ("Bob", 0, 0, 0)]


def test_what_cannot_be_the_next_price_is_refused(plan):
    product, (calls, _, _), _ = plan

    with pytest.raises(CurrencyMismatch):
        simulate.ask(product=product, price=making.price(per_unit(calls), currency="EUR"), cycles=1, now=NOW)
    with pytest.raises(catalogue.PaymentFrequencyInUse):
        simulate.ask(product=product, price=making.price(per_unit(calls), every=("Week", 1)), cycles=1, now=NOW)
    with pytest.raises(simulate.CyclesInvalid, match="1 to 24"):
        simulate.ask(product=product, price=draft_of(product), cycles=25, now=NOW)


def test_a_job_finds_the_same_customer_by_customer_and_writes_nothing(plan, monkeypatch):
    product, (calls, _, _), (ada, bob) = plan
    monkeypatch.setattr(simulate, "CUSTOMERS_AT_ONCE", 1)
    question = simulate.ask(product=product, price=making.price(per_unit(calls, "20"), fee=500), cycles=3, now=NOW)
    before = (story.invoices(), PriceVersion.objects.count(), Invoice.objects.count())

    job = simulate.begin(question=question, product=product, actor=ACTOR, now=NOW)
    jobs.take_and_work(job_id=job.pk, now=NOW)

    done = Job.objects.get(pk=job.pk)
    assert done.status == "done", done.error_message
    assert (done.progress_done, done.progress_total) == (2, 2)
    assert simulate.found(done.position) == simulate.answer(simulate.asked(done.parameters))[0]
    assert b"".join(files.stream(done.files.get())).decode().splitlines() == [
        "customer_id,customer,cycles,currency,old_amount,new_amount,difference",
        f"{ada.public_id},Ada,2,USD,3530,1220,-2310",
        f"{bob.public_id},Bob,0,USD,0,0,0",
    ]
    assert (story.invoices(), PriceVersion.objects.count(), Invoice.objects.count()) == before
