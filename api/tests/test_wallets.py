"""Wallets and credit entitlements through HTTP, as the published client drives them."""

from collections.abc import Callable
from typing import Any

import dodopayments
import pytest
from dodopayments import DodoPayments

from credits.models import CreditEntry, WalletEntry
from products.tests import making


def test_the_client_credits_debits_and_lists(dodo: DodoPayments) -> None:
    customer = dodo.customers.create(email="ada@example.com", name="Ada").customer_id
    ledger = dodo.customers.wallets.ledger_entries
    credited: Any = {"amount": 500, "currency": "USD", "entry_type": "credit", "idempotency_key": "k1", "reason": "Welcome"}

    first = ledger.create(customer, **credited)
    ledger.create(customer, amount=200, currency="USD", entry_type="credit")
    ledger.create(customer, amount=900, currency="EUR", entry_type="credit")
    debited = ledger.create(customer, amount=600, currency="USD", entry_type="debit", reason="Refunded")
    with pytest.raises(dodopayments.BadRequestError) as beyond:
        ledger.create(customer, amount=101, currency="USD", entry_type="debit")

    assert ledger.create(customer, **credited) == first
    assert (first.balance, debited.balance) == (500, 100)
    assert beyond.value.body == {
        "code": "INSUFFICIENT_WALLET_FUNDS", "message": "The wallet holds 100 minor units of USD.", "field": "amount",
    }  # fmt: skip
    wallets = dodo.customers.wallets.list(customer)
    assert [(one.currency, one.balance) for one in wallets.items] == [("EUR", 900), ("USD", 100)]
    assert wallets.total_balance_usd == 100
    assert wallets.items[1].created_at == first.created_at
    moved = [
        (one.currency, one.is_credit, one.amount, one.before_balance, one.after_balance, one.reason, one.event_type)
        for one in ledger.list(customer, page_size=2)
    ]
    assert moved == [
        ("USD", False, 600, 700, 100, "Refunded", "merchant_adjustment"),
        ("EUR", True, 900, 0, 900, None, "merchant_adjustment"),
        ("USD", True, 200, 500, 700, None, "merchant_adjustment"),
        ("USD", True, 500, 0, 500, "Welcome", "merchant_adjustment"),
    ]
    entitled = dodo.customers.list_credit_entitlements(customer).items
    assert [(one.balance, one.unit, one.overage) for one in entitled] == [
        ("0", "USD", "0"),
        ("100", "USD", "0"),
        ("900", "EUR", "0"),
    ]
    assert [one.after_balance for one in ledger.list(customer, currency="EUR")] == [900]
    assert (WalletEntry.objects.count(), CreditEntry.objects.count()) == (4, 5)


def test_the_client_reads_what_is_left_of_an_entitlement_and_what_changed_it(dodo: DodoPayments) -> None:
    customer = dodo.customers.create(email="ada@example.com", name="Ada").customer_id
    other = dodo.customers.create(email="eve@example.com", name="Eve").customer_id
    for amount, kind in ((500, "credit"), (200, "debit")):
        dodo.customers.wallets.ledger_entries.create(customer, amount=amount, currency="USD", entry_type=kind)
    (grant,) = [one.credit_entitlement_id for one in dodo.customers.list_credit_entitlements(customer).items]
    balances = dodo.credit_entitlements.balances

    one = balances.retrieve(customer, credit_entitlement_id=grant)

    assert (one.balance, one.overage, one.customer_id) == ("300", "0", customer)
    assert list(balances.list(grant)) == [one] == list(balances.list(grant, customer_id=customer))
    assert list(balances.list(grant, customer_id=other)) == []
    moved = list(balances.list_ledger(customer, credit_entitlement_id=grant, page_size=1))
    assert [(m.transaction_type, m.is_credit, m.amount, m.balance_before, m.balance_after) for m in moved] == [
        ("manual_adjustment", False, "200", "500", "300"),
        ("credit_added", True, "500", "0", "500"),
    ]
    added = balances.list_ledger(customer, credit_entitlement_id=grant, transaction_type="credit_added")
    assert list(added) == moved[1:]
    with pytest.raises(dodopayments.NotFoundError):
        balances.retrieve(other, credit_entitlement_id=grant)


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"amount": 0}, 400, "WALLET_AMOUNT_INVALID"),
        ({"amount": "5"}, 422, "WRONG_TYPE"),
        ({"currency": "XXX"}, 422, "INVALID_FIELD"),
        ({"entry_type": "gift"}, 422, "INVALID_FIELD"),
        ({"idempotency_key": "used"}, 409, "IDEMPOTENCY_KEY_REUSED"),
        ({"idempotency_key": "used", "amount": 7, "reason": "Other"}, 409, "IDEMPOTENCY_KEY_REUSED"),
    ],
)
def test_refuses_bad_entries(call: Callable[..., Any], changed: dict[str, Any], status: int, code: str) -> None:
    address = f"/customers/{making.customer().public_id}/wallets/ledger-entries"
    entry = {"amount": 5, "currency": "USD", "entry_type": "credit"}
    call("POST", address, entry | {"idempotency_key": "used", "amount": 7})

    reply = call("POST", address, entry | changed)

    assert (reply.status, reply.body["code"]) == (status, code)
