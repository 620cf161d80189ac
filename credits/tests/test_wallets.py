"""Crediting and debiting wallets."""

from decimal import Decimal

import pytest

from credits import grants, wallets
from credits.grants import GrantInput
from credits.idempotency import IdempotencyKeyReused
from credits.models import CreditEntry, WalletEntry
from credits.wallets import WalletChange
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db
NOW = utc("2026-01-10")


@pytest.fixture
def acme():
    return making.customer()


def change(customer, amount, *, is_credit=True, now=NOW, currency="USD", **more):
    return wallets.change(customer=customer, change=WalletChange(currency, is_credit, amount, **more), actor=ACTOR, now=now)


def test_credits_add_up_and_debits_burn_the_earlier_first(acme):
    change(acme, 300)
    change(acme, 200)

    entry = change(acme, 350, is_credit=False, reason="refund")

    assert (entry.before_balance, entry.after_balance) == (500, 150)
    assert wallets.balance(customer=acme, currency="USD", now=NOW) == 150
    debits = CreditEntry.objects.filter(kind="debited").order_by("id")
    assert [(entry.amount, entry.reason) for entry in debits] == [(Decimal(-300), "refund"), (Decimal(-50), "refund")]


def test_a_debit_beyond_the_balance_is_refused(acme):
    change(acme, 300)

    with pytest.raises(wallets.InsufficientFunds, match="holds 300 minor units of USD"):
        change(acme, 301, is_credit=False)
    with pytest.raises(wallets.InsufficientFunds):
        change(acme, 1, is_credit=False, currency="EUR")


def test_the_same_idempotency_key_gives_the_first_entry_again(acme):
    first = change(acme, 300, idempotency_key="k")

    assert change(acme, 300, idempotency_key="k") == first
    assert WalletEntry.objects.count() == 1
    with pytest.raises(IdempotencyKeyReused, match="another `amount`, `reason`"):
        change(acme, 301, idempotency_key="k", reason="more")


def test_only_money_that_pays_invoices_and_is_alive_is_in_the_wallet(acme):
    def give(**fields):
        grant = GrantInput(
            **{"kind": "money", "amount": Decimal(7), "currency": "USD", "effective_at": utc("2026-01-01"), **fields}
        )
        return grants.create(customer=acme, grant=grant, actor=ACTOR, now=NOW)

    give(applies_to="usage")
    give(applies_to="invoice")
    give(applies_to="invoice", expires_at=NOW)
    give(applies_to="invoice", effective_at=utc("2026-02-01"))
    give(applies_to="invoice", currency="EUR")
    grants.void(grant=give(applies_to="invoice"), reason="", actor=ACTOR, now=NOW)

    assert wallets.by_currency(customer=acme, now=NOW) == {"EUR": 7, "USD": 7}


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_is_above_zero(acme, amount):
    with pytest.raises(wallets.WalletAmountInvalid):
        change(acme, amount)
