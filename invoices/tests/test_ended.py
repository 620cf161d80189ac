"""Late usage of ended subscriptions is billed for many at once; what one is like does not touch the others."""

import pgtrigger
import pytest

from invoices import drafting, ended, issue, late_review
from invoices.late_models import LateUsage
from invoices.models import Invoice
from invoices.tests.story import begin, bill, invoices, late_event, use
from meters.models import Meter
from products.cancel import Cancellation, cancel_now
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc


def test_chunks_are_cut_where_a_customer_comes_again_and_where_they_are_full(monkeypatch):
    monkeypatch.setattr(ended, "CHUNK_SUBSCRIPTIONS", 3)

    chunks = list(ended._chunks([(1, 10), (2, 20), (3, 10), (4, 40), (5, 50), (6, 60)]))

    assert chunks == [[1, 2], [3, 4, 5], [6]]


@pytest.mark.django_db(transaction=True)  # snapshots tell committed events only
def test_one_whose_figures_cannot_be_made_blocks_nobody_else_and_each_goes_into_the_month_in_which_it_came():
    named = {name: making.meter(name) for name in ("call", "hours", "sms")}
    customers = {name: making.customer(name) for name in named}
    for name, meter in named.items():
        subscription = begin(customers[name], making.product(per_unit(meter, "100")), "2026-01-01")
        use(customers[name], name, "2026-01-10")
        cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-20"))
    bill("2026-02-01T01:00")
    for name, received in (("call", "2026-02-28T23:00"), ("hours", "2026-02-10"), ("sms", "2026-03-01T00:30")):
        late_event(customers[name], name, "2026-01-11", received)
    with pgtrigger.ignore("meters.Meter:meter_definition_stands"):
        Meter.objects.filter(event_name="hours").update(filter={"conjunction": "nor", "clauses": []})

    report = bill("2026-03-01T01:00")

    assert report.issued_count == 1
    (made,) = invoices(kind="adjustment")
    assert made == [
        "INV-2026-000004 adjustment issued point 1 call 2026-02-01 to 2026-03-01",
        "0 adjustment Call: 1 - 0 - 0 = 1, 100",
        "total 100, due 100",
    ]
    found = LateUsage.objects.order_by("customer__name").values_list("customer__name", "state", "found_at")
    assert list(found) == [
        ("call", "settled", utc("2026-02-28T23:00")),
        ("hours", "open", utc("2026-02-10")),
        ("sms", "open", utc("2026-03-01T00:30")),
    ]


@pytest.mark.django_db(transaction=True)
def test_late_usage_that_a_hand_issue_finds_belongs_to_the_month_in_which_it_came_too():
    calls, acme, other = making.meter(), making.customer("Acme"), making.customer("Other")
    subscription = begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    begin(other, making.product(fee=100), "2026-02-01")
    cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-20"))
    bill("2026-02-01T01:00")
    late_event(acme, "call", "2026-01-11", "2026-02-28T23:00")
    by_hand = utc("2026-03-01T00:10")
    drafting.write_drafts(now=by_hand, actor=ACTOR)

    issue.issue_by_hand(draft=Invoice.objects.get(status="draft"), actor=ACTOR, now=by_hand)
    bill("2026-03-01T01:00")

    assert [one[0] for one in invoices(kind="adjustment")] == [
        "INV-2026-000004 adjustment issued point 1 Acme 2026-02-01 to 2026-03-01"
    ]


@pytest.mark.django_db(transaction=True)
def test_late_usage_that_is_held_is_dated_by_when_it_came_also_where_its_last_invoice_is_issued_only_then(settings):
    settings.HOLD_LATE_USAGE = True
    calls, acme = making.meter(), making.customer("Acme")
    subscription = begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    bill("2026-02-01T01:00")
    cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-02-20"))
    late_event(acme, "call", "2026-01-11", "2026-02-28T23:00")
    by_hand = utc("2026-03-01T00:10")
    (draft,) = drafting.draft_points(subscription=subscription, now=by_hand, actor=ACTOR)

    issue.issue_by_hand(draft=draft, actor=ACTOR, now=by_hand)
    late_review.approve(found=LateUsage.objects.get(), reason="billed", actor=ACTOR, now=by_hand)
    bill("2026-03-01T01:00")

    assert [one[0] for one in invoices(kind="adjustment")] == [
        "INV-2026-000003 adjustment issued point 2 Acme 2026-02-01 to 2026-03-01"
    ]
