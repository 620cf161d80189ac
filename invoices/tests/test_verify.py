"""Proving invoices from raw events finds what was changed behind our back, and tells it from what came later."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from events.tests import sending
from invoices import verify
from invoices.models import Invoice
from invoices.tests.story import begin, bill, give, use
from invoices.verification_models import Verification
from meters import rollup
from products.tests import making
from products.tests.making import per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme():
    """A customer with one of everything: two meters, free units, unit and money credits, a minimum, tax."""
    calls, disk = making.meter("call"), making.meter("disk", "last", "bytes")
    acme = making.customer(tax_rate=Decimal("0.19"))
    prices = (per_unit(calls, "2.5", free_threshold=2), per_unit(disk, "0.001", minimum_amount=300))
    begin(acme, making.product(*prices, fee=4900), "2026-01-01")
    give(acme, Decimal(3), "2026-01-10", meter=calls, expires_at=utc("2026-01-20"), name="units")
    give(acme, Decimal(4), "2026-01-01", meter=disk, name="bytes")
    give(acme, Decimal(7), "2026-01-01", name="promo")
    give(acme, Decimal(500), "2026-01-01", name="wallet", applies_to="invoice")
    use(acme, "call", "2026-01-05", times=4)
    use(acme, "call", "2026-01-15", times=5)
    use(acme, "call", "2026-01-25", times=6)
    use(acme, "disk", "2026-01-25", bytes=50_000)
    rollup.roll(now=utc("2026-01-26"))
    bill("2026-02-01T01:00")
    return acme


def tamper(statement, *parameters):
    """Change what triggers protect, as someone with the database's own rights could."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, parameters)
        assert cursor.rowcount == 1
        cursor.execute("SET session_replication_role = origin")


def proof():
    return verify.verify(Invoice.objects.get(kind="regular"))


def findings():
    return [(finding.figure, finding.stored, finding.recomputed) for finding in proof().findings]


def test_what_was_issued_holds(acme):
    assert (proof().findings, proof().since_then) == ((), ())


def test_a_changed_amount_is_found(acme):
    tamper("UPDATE invoices_invoiceline SET amount = amount + 1 WHERE kind = 'usage' AND event_count = 1")

    assert findings() == [
        ("subtotal", "5225", "5226"),
        ("tax", "991", "992"),
        ("taxes", "991", "992"),
        ("total", "6209", "6211"),
        ("amount", "51", "50"),
    ]


def test_credit_that_is_said_to_cover_a_time_with_less_usage_is_found(acme):
    # Of 4 calls before the 10th 2 are free; the 3 units were drawn for the 5 calls after it.
    earlier = '"2026-01-01T00:00:00+00:00"'
    tamper(
        "UPDATE invoices_invoiceline SET waterfall = jsonb_set(waterfall, '{draws,0,start}', %s::jsonb) WHERE credited_quantity = 3",
        earlier,
    )

    assert findings() == [("credits beyond usage", "0", "1")]


def test_a_changed_quantity_is_found(acme):
    tamper("UPDATE invoices_invoiceline SET quantity = 14 WHERE kind = 'usage' AND event_count = 15")

    assert findings() == [("quantity", "14", "15")]


def test_a_changed_rollup_is_found(acme):
    tamper("UPDATE meters_usageday SET event_count = event_count + 1 WHERE day = '2026-01-15'")

    assert findings() == [("rolled up quantity", "16", "15"), ("rolled up event_count", "16", "15")]


def test_a_changed_event_is_found(acme):
    tamper("UPDATE events_event SET metadata = '{\"bytes\": 60000}' WHERE metadata ? 'bytes'")

    assert ("quantity", "50000", "60000") in findings()
    assert ("amount", "50", "60") in findings()


def test_a_changed_ledger_is_found(acme):
    tamper("UPDATE credits_creditentry SET amount = -2 WHERE kind = 'burned' AND amount = -3")

    (found,) = findings()
    assert found[0].startswith("ledger entry draw:drw_")
    assert found[1:] == ("3", "2")


def test_what_came_later_is_told_and_is_no_finding(acme):
    key, _ = sending.make_key()
    late = sending.event("late", acme, event_name="call", timestamp="2026-01-31T12:00:00Z")
    sending.send(key, late, received_at=utc("2026-02-02"))

    later = proof()

    assert later.holds
    assert [(change.quantity_then, change.quantity_now, change.adjusted_by) for change in later.since_then] == [("15", "16", ())]


def test_a_draft_cannot_be_proved(acme):
    bill("2026-03-01")

    with pytest.raises(verify.DraftNotVerifiable):
        verify.verify(Invoice.objects.get(status="draft"))


def test_the_command_keeps_what_it_found_and_fails(acme, capsys):
    call_command("verify_invoices")
    assert capsys.readouterr().out == "2 verified, 0 do not hold.\n"

    tamper("UPDATE invoices_invoiceline SET quantity = 14 WHERE kind = 'usage' AND event_count = 15")
    with pytest.raises(CommandError):
        call_command("verify_invoices", "INV-2026-000002", since="2026-02-01T00:00:00Z")

    assert "quantity: stored 14, raw events say 15" in capsys.readouterr().out
    assert list(Verification.objects.order_by("id").values_list("holds", flat=True)) == [True, True, False]
