"""Credit entitlements, each of which is one credit grant, as the published client reads them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dodopayments
import pytest
import time_machine
from dodopayments import DodoPayments

from core.periods import Interval
from credits import entering, grants
from invoices.models import Invoice
from invoices.tests import story
from products.tests import making
from products.tests.making import ACTOR, utc

MONTHLY = {"renews": True, "renewal": Interval("Month", 1)}


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime(2026, 3, 20, 12, tzinfo=UTC), tick=True) as travelled:
        yield travelled


def test_the_client_lists_grants_as_entitlements(clock: Any, dodo: DodoPayments) -> None:
    acme, eve = making.customer(), making.customer("Eve")
    calls = making.meter("call")
    money = story.give(acme, Decimal(5000), "2026-01-01", name="Welcome", expires_at=utc("2026-01-31"), rollover="none")
    units = story.give(eve, Decimal("1000.5"), "2026-01-02", meter=calls, **MONTHLY, rollover="capped", rollover_cap=Decimal(70))
    whole = story.give(eve, Decimal(7), "2026-01-03", meter=calls, **MONTHLY, rollover="all")
    gone = story.give(acme, Decimal(9), "2026-01-04", currency="EUR")
    grants.void(grant=gone, reason="By mistake", actor=ACTOR, now=utc("2026-01-05"))

    found = list(dodo.credit_entitlements.list(page_size=1))
    voided = list(dodo.credit_entitlements.list(deleted=True))

    assert [one.id for one in found] == [whole.public_id, units.public_id, money.public_id]
    assert found == [dodo.credit_entitlements.retrieve(one.id) for one in found]
    assert found == list(dodo.credit_entitlements.list(deleted=False))
    assert [(one.id, one.updated_at) for one in voided] == [(gone.public_id, utc("2026-01-05"))]
    assert dodo.credit_entitlements.retrieve(gone.public_id) == voided[0]
    shown = [
        (one.name, one.unit, one.precision, one.currency, one.expires_after_days, one.rollover_enabled, one.rollover_percentage)
        for one in found
    ]
    assert shown == [
        (whole.public_id, "call", 18, None, None, True, 100),
        (units.public_id, "call", 18, None, None, True, None),
        ("Welcome", "USD", 0, "USD", 30, False, None),
    ]
    ours = [(one.model_extra or {}) for one in found]
    assert [(one["customer_id"], one["rollover_cap"]) for one in ours] == [
        (eve.public_id, None), (eve.public_id, "70"), (acme.public_id, None),
    ]  # fmt: skip
    assert {(one.overage_enabled, one.overage_behavior, one.overage_limit) for one in found} == {
        (True, "invoice_at_billing", None)
    }
    with pytest.raises(dodopayments.NotFoundError):
        dodo.credit_entitlements.retrieve("cgr_x")


def test_the_client_lists_the_periods_of_a_grant(clock: Any, dodo: DodoPayments) -> None:
    acme, eve, calls = making.customer(), making.customer("Eve"), making.meter("call")
    subscription = story.begin(acme, making.product(making.per_unit(calls)), "2026-01-01")
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=calls, renews=True, subscription=subscription, rollover="all")
    story.use(acme, "call", "2026-01-10", times=30)
    story.bill("2026-02-02")
    story.use(acme, "call", "2026-02-10", times=170)
    story.bill("2026-03-02")
    story.use(acme, "call", "2026-03-10", times=1)
    entering.top_up(grant=grant, amount=Decimal(5), reason="Sorry", actor=ACTOR, now=utc("2026-03-11"))
    balances = dodo.credit_entitlements.balances

    found = list(balances.list_grants(acme.public_id, credit_entitlement_id=grant.public_id, page_size=1))

    # January: 30 of 100 used, 70 roll over.  February: all 170 used.  March: 100 and 5, of which 1 is used and not invoiced yet.
    assert [(one.initial_amount, one.remaining_amount, one.rollover_count, one.is_expired) for one in found] == [
        ("105", "104", 0, False),
        ("170", "0", 1, True),
        ("100", "0", 0, True),
    ]
    assert [one.is_rolled_over for one in found] == [False, False, True]
    assert [one.parent_grant_id for one in found] == [None, found[2].id, None]
    assert [one.expires_at for one in found] == [utc("2026-04-01"), utc("2026-03-01"), utc("2026-02-01")]
    assert {(one.source_type, one.source_id) for one in found} == {("subscription", subscription.public_id)}
    assert found[0].updated_at == utc("2026-03-11")
    moved = list(balances.list_ledger(acme.public_id, credit_entitlement_id=grant.public_id))
    assert {one.grant_id for one in moved} == {one.id for one in found}

    def by_status(status: Any) -> list[str]:
        of_status = balances.list_grants(acme.public_id, credit_entitlement_id=grant.public_id, status=status)
        return [one.id for one in of_status]

    assert by_status("active") == [found[0].id]
    assert by_status("expired") == [found[1].id, found[2].id]
    assert by_status("depleted") == []
    with pytest.raises(dodopayments.NotFoundError):
        balances.list_grants(eve.public_id, credit_entitlement_id=grant.public_id)


def test_the_client_reads_what_a_subscription_can_draw_on(clock: Any, dodo: DodoPayments) -> None:
    acme, calls, other = making.customer(), making.meter("call"), making.meter("other")
    subscription = story.begin(acme, making.product(making.per_unit(calls)), "2026-01-15")
    units = story.give(acme, Decimal(100), "2026-02-01", meter=calls, name="Calls")
    story.give(acme, Decimal(100), "2026-02-01", meter=other)
    story.give(acme, Decimal(100), "2026-02-01", currency="EUR")
    story.give(acme, Decimal(100), "2026-04-01")
    story.give(making.customer("Eve"), Decimal(100), "2026-02-01")
    sooner = story.give(acme, Decimal(7), "2026-03-18", meter=calls, name="Sooner", expires_at=utc("2026-09-01"))
    wallet = story.give(acme, Decimal(500), "2026-02-01", applies_to="invoice", name="Wallet", priority=7)
    story.use(acme, "call", "2026-03-16", times=30)
    later = story.begin(acme, making.product(making.per_unit(other)), "2026-05-01", now="2026-01-15")

    used = dodo.subscriptions.retrieve_credit_usage(subscription.public_id)

    assert used.subscription_id == subscription.public_id
    assert [(one.credit_entitlement_id, one.credit_entitlement_name, one.unit, one.balance) for one in used.items] == [
        (wallet.public_id, "Wallet", "USD", "500"),
        (sooner.public_id, "Sooner", "call", "7"),
        (units.public_id, "Calls", "call", "70"),
    ]
    assert {(one.overage, one.overage_enabled, one.limit_reached, one.remaining_headroom) for one in used.items} == {
        ("0", True, False, None)
    }
    assert dodo.subscriptions.retrieve_credit_usage(later.public_id).items == []


def test_the_client_credits_and_debits_a_grant(clock: Any, dodo: DodoPayments) -> None:
    acme, eve, calls = making.customer(), making.customer("Eve"), making.meter("call")
    story.begin(acme, making.product(making.per_unit(calls, "2")), "2026-03-01")
    grant = story.give(acme, Decimal(100), "2026-03-01", meter=calls)
    story.use(acme, "call", "2026-03-16", times=30)
    balances = dodo.credit_entitlements.balances
    ours: Any = {"customer_id": acme.public_id, "credit_entitlement_id": grant.public_id}
    added: Any = ours | {"amount": "20.5", "entry_type": "credit", "idempotency_key": "k", "reason": "Sorry"}

    credit = balances.create_ledger_entry(**added)
    again = balances.create_ledger_entry(**added)
    with pytest.raises(dodopayments.BadRequestError) as beyond:
        balances.create_ledger_entry(**ours, amount="90.6", entry_type="debit")
    with pytest.raises(dodopayments.ConflictError) as reused:
        balances.create_ledger_entry(**ours, amount="20.5", entry_type="debit", idempotency_key="k")
    with pytest.raises(dodopayments.BadRequestError) as unserved:
        balances.create_ledger_entry(**ours, amount="1", entry_type="credit", expires_at=utc("2026-04-01"))
    with pytest.raises(dodopayments.NotFoundError):
        balances.create_ledger_entry(**added | {"customer_id": eve.public_id})
    debit = balances.create_ledger_entry(**ours, amount="85.5", entry_type="debit", idempotency_key="d")

    assert again == credit
    assert (credit.amount, credit.balance_before, credit.balance_after, credit.is_credit) == ("20.5", "100", "120.5", True)
    assert (debit.amount, debit.balance_before, debit.balance_after, debit.is_credit) == ("85.5", "120.5", "35", False)
    assert (credit.reason, debit.reason, debit.overage_after, debit.metadata) == ("Sorry", None, "0", {})
    assert beyond.value.body == {
        "code": "INSUFFICIENT_CREDIT_BALANCE",
        "message": "The grant has 90.5 left; no more than that can be taken.",
        "field": "amount",
    }
    codes = [(one.value.body["code"], one.value.body["field"]) for one in (reused, unserved)]  # type: ignore[index]
    assert codes == [("IDEMPOTENCY_KEY_REUSED", "idempotency_key"), ("UNSUPPORTED_ACTION", "expires_at")]
    ledger = list(balances.list_ledger(**ours))
    assert [(one.id, one.grant_id, one.transaction_type) for one in ledger[:2]] == [
        (debit.id, debit.grant_id, "manual_adjustment"),
        (credit.id, credit.grant_id, "credit_added"),
    ]
    assert balances.retrieve(**ours).balance == "5"
    story.use(acme, "call", "2026-03-17", times=10)  # 40 used of 35: 5 at 2 cents
    (spent,) = balances.list_grants(**ours, status="depleted")
    assert (spent.initial_amount, spent.remaining_amount) == ("120.5", "0")
    story.bill("2026-04-02")
    assert Invoice.objects.get(point=1).total == 10


def test_a_ledger_tells_what_one_run_wrote_as_it_came_about(call: Callable[..., Any], db: None) -> None:
    acme, calls = making.customer(), making.meter("call")
    story.begin(acme, making.product(making.per_unit(calls)), "2026-01-01")
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=calls, **MONTHLY)
    story.give(acme, Decimal(60), "2026-01-01", applies_to="invoice", **MONTHLY)
    story.use(acme, "call", "2026-01-10", times=30)
    story.use(acme, "call", "2026-02-10", times=120)
    story.bill("2026-03-02")  # gives March before it burns January and February
    address = f"/credit-entitlements/{grant.public_id}/balances/{acme.public_id}/ledger"

    pages = [call("GET", f"{address}?page_size=1&page_number={number}").body["items"] for number in range(9)]
    jumped = call("GET", f"{address}?page_size=3&page_number=2").body["items"]
    deducted = call("GET", f"{address}?transaction_type=credit_deducted").body["items"]
    entries = call("GET", f"/credit-grants/{grant.public_id}").body["entries"]
    moved = [
        call("GET", f"/customers/{acme.public_id}/wallets/ledger-entries?page_size=2&page_number={n}").body for n in range(4)
    ]

    ledger = [one for page in pages for one in page]
    assert [(one["transaction_type"], one["balance_before"], one["balance_after"]) for one in ledger] == [
        ("credit_added", "0", "100"),
        ("credit_deducted", "100", "0"),
        ("credit_added", "0", "100"),
        ("credit_expired", "70", "0"),
        ("credit_deducted", "100", "70"),
        ("credit_added", "0", "100"),
    ]
    assert jumped == []
    assert [one["amount"] for one in deducted] == ["100", "30"]
    assert [one["kind"] for one in entries] == ["granted", "burned", "expired", "granted", "burned", "granted"]
    assert [(one["event_type"], one["before_balance"], one["after_balance"]) for page in moved for one in page["items"]] == [
        ("merchant_adjustment", 0, 60),
        ("merchant_adjustment", 20, 0),
        ("payment", 60, 20),
        ("merchant_adjustment", 0, 60),
        ("merchant_adjustment", 60, 0),
        ("merchant_adjustment", 0, 60),
    ]
