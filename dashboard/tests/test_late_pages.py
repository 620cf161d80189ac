"""The pages of late usage: what came late, what it changes, what a person decided; and the events behind a line."""

import pgtrigger
import pytest
from django.urls import reverse

from dashboard.tests import world
from invoices.late_models import LateDecision, LateUsage
from invoices.models import Invoice, InvoiceLine
from invoices.tests.story import begin, bill, use
from meters.models import Meter
from products.tests import making
from products.tests.making import per_unit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def late():
    """January: 5 calls at 1.00 billed, two more that came on 2 February."""
    calls = making.meter("call")
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "100")), "2026-01-01")
    use(acme, "call", "2026-01-20", times=5)
    bill("2026-02-01T01:00")
    use(acme, "call", "2026-01-21", times=2)
    bill("2026-02-02")
    return LateUsage.objects.get()


def page(client, name, *arguments):
    response = client.get(reverse(f"dashboard:{name}", args=arguments))
    assert response.status_code == 200
    return response.content.decode()


def test_late_usage_is_listed_with_what_it_changes_and_the_invoice_that_put_it_right(late):
    finance = world.signed_in("finance")
    waiting = page(finance, "late_usage")
    one = page(finance, "late_usage_one", late.id)
    bill("2026-03-01T01:00")
    settled = page(finance, "late_usage")
    line = InvoiceLine.objects.get(kind="adjustment")

    assert "Acme" in waiting
    assert "+$2.00" in waiting
    assert "Open<" in waiting
    assert one.count("arrived") == 2
    assert "INV-2026-000001" in one
    assert "INV-2026-000002" in settled
    assert "Invoiced<" in settled
    invoice = page(finance, "invoice", line.invoice.public_id)
    assert "Billed before" in invoice
    caused = page(finance, "line_events", line.invoice.public_id, line.public_id)
    assert caused.count("arrived<span") == 2
    counted = InvoiceLine.objects.get(kind="usage", invoice__number="INV-2026-000001")
    assert page(finance, "line_events", counted.invoice.public_id, counted.public_id).count("/events/event?id=") == 5
    exported = (
        finance.get(reverse("dashboard:line_events_csv", args=[line.invoice.public_id, line.public_id])).getvalue().decode()
    )
    assert len(exported.splitlines()) == 3


def test_held_late_usage_waits_until_a_person_approves_it(late, settings):
    settings.HOLD_LATE_USAGE = True
    finance = world.signed_in("finance")
    bill("2026-03-01T01:00")
    held = page(finance, "late_usage")

    answer = finance.post(reverse("dashboard:late_usage_decide", args=[late.id]), {"reason": "theirs", "verdict": "approved"})
    bill("2026-04-01T01:00")

    assert "Waits for a decision" in held
    assert answer.status_code == 302
    assert [invoice.subtotal for invoice in Invoice.objects.order_by("point")] == [500, 0, 200]
    assert [(one.verdict, one.reason, one.actor_kind) for one in LateDecision.objects.all()] == [("approved", "theirs", "user")]


def test_waived_late_usage_is_never_billed_and_what_comes_later_is_adjusted_against_it(late):
    finance = world.signed_in("finance")
    address = reverse("dashboard:late_usage_decide", args=[late.id])
    finance.post(address, {"reason": "our delay", "verdict": "waived"})
    again = finance.post(address, {"reason": "again", "verdict": "waived"}, follow=True)
    bill("2026-03-01T01:00")
    use(late.customer, "call", "2026-01-28")
    bill("2026-03-02")
    bill("2026-04-01T01:00")

    assert [(one.verdict, one.amount) for one in LateDecision.objects.all()] == [("waived", 200)]
    assert "decided or settled already" in again.content.decode()
    assert [invoice.subtotal for invoice in Invoice.objects.order_by("point")] == [500, 0, 100]
    assert "$2.00" in page(finance, "late_usage_one", late.id)


def test_what_cannot_be_computed_is_not_waived_and_says_why(late):
    with pgtrigger.ignore("meters.Meter:meter_definition_stands"):
        Meter.objects.update(filter={"conjunction": "nor", "clauses": []})
    address = reverse("dashboard:late_usage_decide", args=[late.id])

    answer = world.signed_in("finance").post(address, {"reason": "theirs", "verdict": "waived"}, follow=True)

    assert "Its figures cannot be made: FilterInvalid" in answer.content.decode()
    assert not LateDecision.objects.exists()


@pytest.mark.parametrize("verdict", [{}, {"verdict": "Waived"}])
def test_a_decision_that_is_neither_is_none(late, verdict):
    address = reverse("dashboard:late_usage_decide", args=[late.id])

    answer = world.signed_in("finance").post(address, {"reason": "theirs"} | verdict, follow=True)

    assert "Say whether it is approved or waived." in answer.content.decode()
    assert not LateDecision.objects.exists()


def test_a_decision_needs_a_reason(late):
    answer = world.signed_in("finance").post(reverse("dashboard:late_usage_decide", args=[late.id]), {"verdict": "waived"})

    assert answer.status_code == 200
    assert not LateDecision.objects.exists()
