"""The steps of a waterfall, in words, for figures that are stored and for figures that were just computed."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.actors import COMMAND
from dashboard.reading import invoices
from dashboard.tests import world
from invoices import preview, sheets
from invoices.models import Invoice
from invoices.planning import PointKey
from invoices.run import run_billing
from products import next_points
from products.models import Subscription

BILLED_AT = datetime(2026, 9, 1, 3, tzinfo=UTC)


@pytest.fixture
def carried(db: None) -> Subscription:
    """A customer with 350 calls in August, 100 of them free and 50 from credit, at $0.001, and a fee of $49."""
    calls = world.meter()
    customer = world.customer()
    made = world.subscription(customer, world.product(calls), calls)
    next_points.store(made, 1, datetime(2026, 9, 1, tzinfo=UTC))
    world.grant(customer, units_of=calls, amount="50")
    for number in range(350):
        world.event(customer, event_id=f"e{number}", at=datetime(2026, 8, 15, tzinfo=UTC))
    return made


STEPS = [
    ("Quantity", "350"),
    ("Free units", "−100"),
    ("From credit: Welcome", "−50"),
    ("Chargeable", "200"),
    ("200 × $0.001", "$0.20"),
    ("Amount", "$0.20"),
]


def steps(sheet: sheets.Sheet) -> list[tuple[str, str]]:
    (usage,) = [line for line in sheet.lines if line.kind == "usage"]
    return [(step.label, step.shown) for step in usage.steps]


def test_a_draft_and_the_invoice_made_of_it_show_the_same(carried: Subscription) -> None:
    open_points = preview.of_customers([carried.customer_id], now=BILLED_AT)
    live = sheets.of_preview(open_points[PointKey(carried.pk, 1)])
    run_billing(now=BILLED_AT, actor=COMMAND)
    issued = sheets.of_issued(invoices.listed().get(point=1))

    assert steps(live) == STEPS
    assert steps(issued) == STEPS
    assert (live.subtotal, live.total, live.due) == (issued.subtotal, issued.total, issued.due) == (4920, 4920, 4920)


def test_the_page_of_an_issued_invoice_reads_its_rows(carried: Subscription) -> None:
    run_billing(now=BILLED_AT, actor=COMMAND)
    owner: Client = world.signed_in()

    shown = owner.get(reverse("dashboard:invoice", args=[Invoice.objects.get(point=1).public_id])).content.decode()

    assert "INV-2026-000001" in shown
    assert "200 × $0.001" in shown
    assert "the system (command)" in shown


def test_a_draft_is_labelled_and_live(carried: Subscription) -> None:
    run_billing(now=datetime(2026, 9, 1, 0, 30, tzinfo=UTC), actor=COMMAND)
    owner: Client = world.signed_in()
    draft = Invoice.objects.get(point=1, status="draft")

    world.event(carried.customer, event_id="late", at=datetime(2026, 8, 16, tzinfo=UTC))
    shown = owner.get(reverse("dashboard:invoice", args=[draft.public_id])).content.decode()

    assert "its figures are those of this moment" in shown
    assert "201 × $0.001" in shown


def test_a_customer_sees_what_credit_is_left_before_any_invoice(carried: Subscription) -> None:
    world.event(carried.customer, event_id="now", at=timezone.now())
    owner: Client = world.signed_in()

    shown = owner.get(reverse("dashboard:customer", args=[carried.customer.public_id])).content.decode()

    assert (
        '<td class="num">0 <span class="muted">calls</span><span class="sub">50 used since the latest invoice</span></td>'
        in shown
    )
