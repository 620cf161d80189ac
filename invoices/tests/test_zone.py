"""Billing goes on across a change of the billing zone: no instant is billed twice, and none never."""

import time
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from access.actors import COMMAND
from core import deployment
from core.deployment import ZoneChanged
from core.expiring import LIFETIME_SECONDS
from core.models import Deployment
from core.periods import FormerZone, Interval, Period, Zones
from credits.models import CreditEntry
from invoices import document, drafting, journal
from invoices.ended import ended_month
from invoices.models import Invoice
from invoices.tests.story import begin, bill, give, use
from invoices.verifying import issued_in
from meters import rollup, zone
from products import rebill, subscribe
from products.change import When, change_product
from products.tests import making
from products.tests.making import utc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("other", "ends"), [("Asia/Kolkata", "2026-05-31T18:30:00+00:00"), ("America/New_York", "2026-06-01T04:00:00+00:00")]
)
def test_a_changed_zone_leaves_the_running_cycle_and_cuts_those_behind_it(settings, other, ends):
    call, customer = making.meter(), making.customer()
    begin(customer, making.product(making.per_unit(call, "10"), fee=3100), "2026-01-01T09:00")
    monthly = {"meter": call, "renews": True, "renewal": Interval("Month", 1)}
    grant = give(customer, Decimal(1), "2026-01-10T22:00", **monthly)
    for at in ("03-31T20:00", "04-01T02:00", "04-30T20:00", "05-01T02:00", "05-31T17:00", "06-01T05:00"):
        use(customer, "call", f"2026-{at}")
    bill("2026-04-14")
    granted = CreditEntry.objects.filter(kind="granted").count()

    settings.BILLING_TIME_ZONE = other
    zone.adopt(now=utc("2026-04-15T12:00"))
    rollup.roll_all(now=utc("2026-04-15T12:00"))
    bill("2026-04-15T12:00")

    assert CreditEntry.objects.filter(kind="granted").count() == granted
    bill("2026-07-03")
    cycles = list(Invoice.objects.filter(customer=customer, point__gt=0).order_by("point"))
    assert all(before.period_end == after.period_start for before, after in pairwise(cycles))
    assert [one.period_end.isoformat() for one in cycles[2:5]] == [
        "2026-04-01T00:00:00+00:00", "2026-05-01T00:00:00+00:00", ends
    ]  # fmt: skip
    used = [line for one in cycles for line in one.lines.filter(kind="usage")]
    assert [int(line.quantity) for line in used] == [0, 0, 1, 2, 2, 1]
    assert [one.lines.get(kind="fixed_fee").amount for one in cycles] == [3100] * 6
    periods = list(grant.periods.order_by("starts_at"))
    assert all(before.ends_at == after.starts_at for before, after in pairwise(periods))
    assert [one.starts_at.isoformat()[5:16] for one in periods[:4]] == [
        "01-10T22:00",
        "02-10T00:00",
        "03-10T00:00",
        "04-10T00:00",
    ]


@pytest.mark.parametrize(("other", "start"), [("America/New_York", "2026-01-31T00:00"), ("Asia/Kolkata", "2026-01-31T09:00")])
def test_a_life_that_began_by_a_former_zone_ends_with_its_last_cycle(settings, other, start):
    call, customer = making.meter(), making.customer()
    product = making.product(making.per_unit(call, "10", minimum_amount=500), fee=3100, life=("Month", 3))
    settings.BILLING_TIME_ZONE = other
    zone.adopt(now=utc("2026-05-15T12:00"))

    three_months = begin(customer, product, start, now="2026-06-01")
    bill("2026-06-02")

    assert three_months.ends_at == utc("2026-04-30")
    billed = Invoice.objects.filter(customer=customer).order_by("point")
    assert [(f"{one.period_end:%m-%d %H:%M}", [line.amount for line in one.lines.order_by("position")]) for one in billed] == [
        ("02-28 00:00", [3100]), ("02-28 00:00", [3100, 0, 500]), ("03-31 00:00", [3100, 0, 500]), ("04-30 00:00", [0, 500]),
    ]  # fmt: skip


def test_a_product_that_comes_with_a_moved_cycle_counts_from_its_date_across_a_change_of_zone(settings):
    first, then = making.product(fee=3100), making.product(fee=900, life=("Month", 3), every=("Week", 1), name="Then")
    subscription = begin(making.customer(), first, "2026-01-01")
    bill("2026-04-02")
    changed = {"subscription": subscription, "actor": COMMAND, "now": utc("2026-04-10")}
    rebill.move_next_billing_date(**changed, next_billing_date=utc("2026-05-20"))
    settings.BILLING_TIME_ZONE = "America/New_York"
    zone.adopt(now=utc("2026-04-15T12:00"))

    later = change_product(**changed | {"now": utc("2026-04-16")}, product=then, when=When.NEXT_CYCLE)

    assert later.phases.get(first_cycle=5).starts_at == utc("2026-05-20")
    assert later.ends_at == utc("2026-08-20T04:00")


@pytest.mark.parametrize("every", ["Month", "Week"])
def test_a_product_that_comes_with_the_next_cycle_lives_as_long_as_sold_across_a_change_of_zone(settings, every):
    first, then = making.product(fee=3100), making.product(fee=900, life=("Month", 3), every=(every, 1), name="Then")
    subscription = begin(making.customer(), first, "2026-01-01")
    bill("2026-04-02")
    settings.BILLING_TIME_ZONE = "America/New_York"  # where the running cycle ends on the evening of the 30th
    zone.adopt(now=utc("2026-04-15T12:00"))

    changed = change_product(
        subscription=subscription, product=then, when=When.NEXT_CYCLE, actor=COMMAND, now=utc("2026-04-16T12:00")
    )

    assert changed.phases.get(first_cycle=5).starts_at == utc("2026-05-01")
    assert changed.ends_at == utc("2026-08-01T04:00")


@pytest.mark.parametrize("other", ["Asia/Kolkata", "America/New_York"])
def test_a_life_that_was_agreed_by_a_former_zone_has_as_many_whole_cycles_as_were_sold(settings, other):
    call, customer = making.meter(), making.customer()
    product = making.product(making.per_unit(call, "10", minimum_amount=500), fee=3100, life=("Month", 3))
    subscription = begin(customer, product, "2026-01-01")
    bill("2026-02-02")
    settings.BILLING_TIME_ZONE = other
    zone.adopt(now=utc("2026-02-15T12:00"))
    rollup.roll_all(now=utc("2026-02-15T12:00"))
    use(customer, "call", "2026-03-31T23:00", times=60)

    bill("2026-04-02")

    billed = Invoice.objects.filter(customer=customer).order_by("point")
    assert [(one.kind, [line.amount for line in one.lines.order_by("position")]) for one in billed] == [
        ("opening", [3100]), ("regular", [3100, 0, 500]), ("regular", [3100, 0, 500]), ("final", [600]),
    ]  # fmt: skip
    assert billed[3].period_end == subscription.ends_at == utc("2026-04-01")
    schedule = subscribe.schedule_of(subscription)
    assert schedule.cycle_at(utc("2026-03-31T23:59")) == 3


def test_a_month_of_adjustments_that_began_by_a_former_zone_is_billed_once(settings):
    def months():
        return [ended_month(utc(now)) for now in ("2026-04-01T02:00", "2026-04-20", "2026-05-02")]

    settings.INVOICE_GRACE_MINUTES = 60
    march = months()[0]
    settings.BILLING_TIME_ZONE = "America/New_York"
    zone.adopt(now=utc("2026-04-15T12:00"))

    assert march == Period(utc("2026-03-01"), utc("2026-04-01"))
    assert months() == [march, march, Period(utc("2026-04-01"), utc("2026-05-01T04:00"))]


def test_what_is_issued_keeps_its_dates_when_the_zone_changes(settings):
    call, customer = making.meter(), making.customer()
    begin(customer, making.product(making.per_unit(call, "10"), fee=3100), "2026-01-01")
    use(customer, "call", "2026-01-01T02:00")
    use(customer, "call", "2026-01-31T23:00")
    bill("2026-02-01T01:00")

    def looks():
        papers = [document.of_invoice(one, now=utc("2026-06-01")) for one in document.ROWS.order_by("id")]
        first = [Invoice.objects.filter(issued_in(date(2026, month, 1))).count() for month in (1, 2)]
        return papers, list(journal.csv(Invoice.objects.all())), first

    before = looks()
    settings.BILLING_TIME_ZONE = "America/Los_Angeles"
    zone.adopt(now=utc("2026-02-10T12:00"))  # before it was due

    assert looks() == before
    assert before[2] == [0, 2]
    fact = dict(before[0][1]["facts"])
    assert (fact["Issued"], fact["Due"], fact["Period"]) == ("1 Feb 2026", "15 Feb 2026", "1 \N{EN DASH} 31 Jan 2026")
    assert before[0][1]["charts"][0]["bars"][0] == 1000


def test_what_is_billed_for_a_day_before_the_zone_changed_is_numbered_by_the_year_of_then(settings):
    begin(making.customer(), making.product(fee=3100), "2026-01-01T02:00")
    settings.BILLING_TIME_ZONE = "America/Los_Angeles"  # where it was 2025 then
    zone.adopt(now=utc("2026-01-10"))

    bill("2026-01-01T03:00")

    assert [one.number for one in Invoice.objects.all()] == ["INV-2026-000001"]


def test_a_process_of_the_former_zone_cuts_no_cycle(settings):
    begin(making.customer(), making.product(fee=3100), "2026-01-01T09:00")
    deployment.remember_former_zones(None)
    assert deployment.billing_zone() == "UTC"
    settings.BILLING_TIME_ZONE = "Asia/Kolkata"
    zone.adopt(now=utc("2026-01-15T12:00"))

    settings.BILLING_TIME_ZONE = "UTC"
    with pytest.raises(ZoneChanged, match="Start every process with Asia/Kolkata"):
        drafting.write_drafts(now=utc("2026-05-01"), actor=COMMAND)


def test_a_change_of_the_zone_is_seen_within_seconds(settings, monkeypatch):
    deployment.remember_former_zones(None)
    assert deployment.billing_zone() == "UTC"
    former = [{"name": "Asia/Kolkata", "until": "2026-01-15T12:00:00+00:00"}]
    Deployment.objects.update(former_zones=former)

    later = time.monotonic() + LIFETIME_SECONDS
    monkeypatch.setattr(deployment.time, "monotonic", lambda: later)

    assert deployment.billing_zone() == Zones("UTC", (FormerZone("Asia/Kolkata", utc("2026-01-15T12:00")),))
