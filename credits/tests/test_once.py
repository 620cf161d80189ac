"""Two requests with one key at once: the first is done, the other is held to it, whatever it asks for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from credits import entering, grants, wallets
from credits.grants import GrantInput
from credits.idempotency import IdempotencyKeyReused
from credits.models import CreditEntry, CreditGrant
from credits.wallets import WalletChange
from customers.models import Customer
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db(transaction=True)
BY = {"actor": ACTOR, "now": utc("2026-01-10")}


def money(amount: int) -> GrantInput:
    return GrantInput(kind="money", amount=Decimal(amount), currency="USD", effective_at=utc("2026-01-01"))


def granted(customer: Customer) -> Callable[[int], Any]:
    return lambda amount: grants.create_once(customer=customer, grant=money(amount), idempotency_key="k", **BY)


def topped_up(customer: Customer) -> Callable[[int], Any]:
    grant = grants.create(customer=customer, grant=money(5), **BY)
    return lambda amount: entering.top_up(grant=grant, amount=Decimal(amount), reason="", idempotency_key="k", **BY)


def changed(customer: Customer) -> Callable[[int], Any]:
    return lambda amount: wallets.change(customer=customer, change=WalletChange("USD", True, amount, "k"), **BY)


@pytest.mark.parametrize("kind", [granted, topped_up, changed])
def test_of_two_at_once_the_second_is_held_to_the_first(kind: Callable[[Customer], Callable[[int], Any]]) -> None:
    act = kind(making.customer())

    def beside(amount: int) -> Any:
        with closing(connection):
            return act(amount)

    with ThreadPoolExecutor(2) as pool, transaction.atomic():
        first = act(100)
        same, other = pool.submit(beside, 100), pool.submit(beside, 101)
        wait([same, other], timeout=0.5)
        written = CreditGrant.objects.count(), CreditEntry.objects.count()

    assert same.result() == first
    with pytest.raises(IdempotencyKeyReused, match="another `amount`"):
        other.result()
    assert (CreditGrant.objects.count(), CreditEntry.objects.count()) == written
