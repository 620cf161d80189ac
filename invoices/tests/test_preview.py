"""Previews equal the invoices that follow, if nothing more happens."""

from decimal import Decimal

import pytest

from core.periods import Interval
from credits.models import GrantPeriod
from invoices import preview, review
from invoices.models import Invoice, InvoiceLine
from invoices.tests.story import begin, bill, give, use
from products.models import Subscription
from products.tests import making
from products.tests.making import per_unit, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    return making.meter("call")


def previewed(found):
    return [
        (line.kind, line.amount, line.waterfall.credited_quantity if line.waterfall else Decimal(0))
        for one in found.values()
        for line in one.made.lines
    ]


def test_open_points_are_computed_in_order_each_with_what_the_ones_before_it_leave(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls), fee=100), "2026-01-01")
    give(acme, Decimal(10), "2026-01-01", meter=calls, name="once")
    give(acme, Decimal(3), "2026-01-01", meter=calls, name="monthly", renews=True, renewal=Interval("Month", 1), priority=1)
    use(acme, "call", "2026-01-20", times=8)
    use(acme, "call", "2026-02-20", times=12)
    bill("2026-01-01T01:00")
    periods = GrantPeriod.objects.count()

    found = preview.of_customers([acme.id], now=utc("2026-03-01T00:30"))

    expected = [
        ("fixed_fee", 100, 0),
        ("usage", 0, 8),
        ("fixed_fee", 100, 0),
        ("usage", 8, 8),
        ("fixed_fee", 100, 0),
        ("usage", 0, 0),
    ]
    assert previewed(found) == expected
    assert GrantPeriod.objects.count() == periods
    bill("2026-03-01T01:00")
    stored = InvoiceLine.objects.filter(invoice__point__gt=0).order_by("invoice__series_number", "position")
    assert list(stored.values_list("kind", "amount", "credited_quantity")) == expected[:4]


def test_what_is_left_is_less_the_live_burn(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    give(acme, Decimal(10), "2026-01-01", meter=calls)
    use(acme, "call", "2026-01-20", times=8)

    (held,) = preview.left(acme.id, now=utc("2026-01-25"))

    assert held.balance.available == 2


def test_without_a_subscription_everything_is_left(calls):
    acme = making.customer()
    give(acme, Decimal(10), "2026-01-01", meter=calls)

    (held,) = preview.left(acme.id, now=utc("2026-01-25"))

    assert held.balance.available == 10


def test_the_running_cycle_is_previewed_while_it_runs(calls):
    acme = making.customer()
    subscription = begin(acme, making.product(per_unit(calls)), "2026-01-01")
    use(acme, "call", "2026-01-20", times=8)

    assert preview.running(subscription, now=utc("2025-12-31")) is None
    assert preview.running(subscription, now=utc("2026-01-25")).made.total == 16


def test_drafts_get_an_estimate(calls):
    acme = making.customer()
    begin(acme, making.product(per_unit(calls)), "2026-01-01")
    use(acme, "call", "2026-01-20", times=8)
    bill("2026-02-01T00:00")

    assert review.look_again(now=utc("2026-02-01T00:30")) == 1

    draft = Invoice.objects.get()
    assert (draft.estimate_total, draft.estimated_at) == (16, utc("2026-02-01T00:30"))
    assert preview.of_draft(draft, now=utc("2026-02-01T00:30")).made.total == 16


def test_a_draft_without_figures_blocks_nobody_elses_estimate():
    subscription = begin(making.customer(), making.product(fee=1), "2026-01-01")
    begin(making.customer("Other"), making.product(fee=1), "2026-01-01")
    hours = making.meter("hours", "sum", "n")
    rich = making.customer("Rich")
    begin(rich, making.product(per_unit(hours, "99999")), "2026-02-01")
    use(rich, "hours", "2026-02-10", n=10**25)
    bill("2026-03-01")
    # No act of ours takes a drafted point away any more; rows of former versions may lack one.
    Subscription.objects.filter(id=subscription.id).update(ends_at=utc("2026-01-15"))
    assert bill("2026-03-01").held_count == 0

    assert review.look_again(now=utc("2026-03-01T00:30")) == 3

    gone, others, too_large = Invoice.objects.filter(status="draft").order_by("subscription")
    assert (gone.estimate_total, others.estimate_total, too_large.estimate_total) == (None, 1, None)
    with pytest.raises(preview.DraftNotComputable, match=f"LookupError: subscription {subscription.public_id} has no billing"):
        preview.of_draft(gone, now=utc("2026-03-01T00:30"))


def test_an_estimate_leaves_what_was_issued_meanwhile_alone(monkeypatch):
    begin(making.customer(), making.product(fee=1), "2026-01-01")
    bill("2026-01-01")
    read = preview.inputs.read

    def issued_meanwhile(**asked):
        found = read(**asked)
        monkeypatch.undo()
        bill("2026-01-01T01:00")
        return found

    monkeypatch.setattr(preview.inputs, "read", issued_meanwhile)

    assert review.look_again(now=utc("2026-01-01T00:59")) == 0

    issued = Invoice.objects.get()
    assert (issued.status, issued.estimated_at) == ("issued", utc("2026-01-01T01:00"))


@pytest.mark.parametrize("has_credit", [False, True])
def test_a_draft_is_computed_from_what_is_issued_before_it_alone(calls, monkeypatch, has_credit):
    acme, others = making.customer(), [making.meter(name) for name in ("mail", "sms")]
    for meter in (calls, *others):
        begin(acme, making.product(per_unit(meter, "10")), "2026-01-01")
        use(acme, meter.event_name, "2026-01-20", times=4)
    if has_credit:
        give(acme, Decimal(70), "2026-01-01", applies_to="usage")
    bill("2026-02-01")
    computed = preview.of_customers([acme.id], now=utc("2026-02-01T00:30"))
    read, asked = preview.inputs.read, []

    def spied(*, keys, **more):
        asked.append(len(keys))
        return read(keys=keys, **more)

    monkeypatch.setattr(preview.inputs, "read", spied)
    drafts = Invoice.objects.filter(status="draft").order_by("subscription")
    found = [preview.of_draft(draft, now=utc("2026-02-01T00:30")).made for draft in drafts]

    assert found == [computed[preview.PointKey(draft.subscription_id, draft.point)].made for draft in drafts]
    assert [made.amount_due for made in found] == ([0, 10, 40] if has_credit else [40, 40, 40])
    assert asked == ([1, 2, 3] if has_credit else [1, 1, 1])
