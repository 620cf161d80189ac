"""Issuing drafts by hand."""

import pytest

from invoices import drafting, issue
from invoices.models import Invoice, InvoiceEvent
from invoices.planning import Planner
from invoices.tests.story import begin, bill
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


def test_a_draft_is_issued_before_its_grace_is_over():
    begin(making.customer(), making.product(fee=100), "2026-01-01")
    bill("2026-01-01")

    issued = issue.issue_by_hand(draft=Invoice.objects.get(), actor=ACTOR, now=utc("2026-01-01T00:10"))

    assert (issued.number, issued.status, issued.issued_at) == ("INV-2026-000001", "issued", utc("2026-01-01T00:10"))
    assert InvoiceEvent.objects.filter(to_status="issued").get().actor_id == "test"


def test_an_issued_invoice_is_not_issued_again():
    begin(making.customer(), making.product(fee=100), "2026-01-01")
    bill("2026-01-02")

    with pytest.raises(issue.InvoiceNotDraft, match="INV-2026-000001 is issued, not a draft"):
        issue.issue_by_hand(draft=Invoice.objects.get(), actor=ACTOR, now=utc("2026-01-02"))


def test_a_customers_earlier_draft_comes_first():
    acme = making.customer()
    first = begin(acme, making.product(fee=100), "2026-01-01")
    second = begin(acme, making.product(fee=100), "2026-01-02")
    bill("2026-01-01T00:00")
    drafting.write_drafts(now=utc("2026-01-02"), actor=ACTOR)

    with pytest.raises(issue.EarlierDraftOpen, match=Invoice.objects.get(subscription=first).public_id):
        issue.issue_by_hand(draft=Invoice.objects.get(subscription=second), actor=ACTOR, now=utc("2026-01-02"))


def test_the_opening_draft_can_be_written_with_the_subscription():
    subscription = begin(making.customer(), making.product(fee=100), "2026-01-01")

    (draft,) = drafting.draft_points(subscription=subscription, now=utc("2026-01-01"), actor=ACTOR)

    assert (draft.kind, draft.status, Invoice.objects.count()) == ("opening", "draft", 1)
    assert drafting.draft_points(subscription=subscription, now=utc("2026-01-01"), actor=ACTOR) == []


@pytest.mark.parametrize("now", ["2026-01-01T00:30", "2026-01-02"])
def test_a_point_that_cannot_be_planned_is_held_with_the_reason_and_blocks_nobody(monkeypatch, now):
    broken = begin(making.customer("Broken"), making.product(fee=100), "2026-01-01")
    begin(making.customer("Sound"), making.product(fee=100), "2026-01-01")
    plan = Planner.plan

    def failing(planner, key):
        if key.subscription_id == broken.id:
            raise ArithmeticError("no such fee")
        return plan(planner, key)

    monkeypatch.setattr(Planner, "plan", failing)

    reports = [bill(now), bill(now)]

    assert [(one.drafted_count, one.issued_count) for one in reports][1] == (0, 0)
    assert Invoice.objects.get(customer__name="Broken").hold_reason == "ArithmeticError: no such fee"
    assert not Invoice.objects.get(customer__name="Sound").is_held
