"""Keep customers' money per currency: each credit is a grant that pays invoices after tax, a debit burns grants in burn order."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max, Min

from access.actors import Actor
from core.errors import DomainError
from core.money import exponent
from credits import balances, grants, idempotency, renewal
from credits.burndown import burn
from credits.grants import GrantInput
from credits.models import AppliesTo, CreditEntry, CreditKind, EntryKind, WalletEntry
from customers.models import Customer


class InsufficientFunds(DomainError):
    code = "INSUFFICIENT_WALLET_FUNDS"


class WalletAmountInvalid(DomainError):
    code = "WALLET_AMOUNT_INVALID"


@dataclass(frozen=True)
class WalletChange:
    """A credit or debit. amount: minor units, above 0."""

    currency: str
    is_credit: bool
    amount: int
    idempotency_key: str | None = None
    reason: str = ""


@transaction.atomic
def change(*, customer: Customer, change: WalletChange, actor: Actor, now: datetime) -> WalletEntry:
    """Credit or debit a wallet. The same idempotency_key again gives the first entry again.

    Raises InsufficientFunds, WalletAmountInvalid, IdempotencyKeyReused, CurrencyUnknown.
    """
    exponent(change.currency)
    if change.amount <= 0:
        raise WalletAmountInvalid("amount must be greater than zero.", field="amount")
    Customer.objects.select_for_update(no_key=True).get(id=customer.id)
    if (earlier := _earlier(customer, change)) is not None:
        return earlier
    renewal.make_periods(customer_ids=[customer.id], until=balances.at(now).end, actor=actor, now=now)
    before = balance(customer=customer, currency=change.currency, now=now)
    if not change.is_credit and change.amount > before:
        raise InsufficientFunds(f"The wallet holds {before} minor units of {change.currency}.", field="amount")
    written = WalletEntry.objects.create(
        customer=customer,
        currency=change.currency,
        is_credit=change.is_credit,
        amount=change.amount,
        before_balance=before,
        after_balance=before + (change.amount if change.is_credit else -change.amount),
        idempotency_key=change.idempotency_key,
        reason=change.reason,
        created_at=now,
    )
    (_credit if change.is_credit else _debit)(customer, change, written, actor, now)
    return written


@dataclass(frozen=True)
class Wallet:
    """What a customer holds in one currency. balance: minor units.  created_at, updated_at: of its first grant, its latest entry."""

    currency: str
    balance: int
    created_at: datetime
    updated_at: datetime


def balance(*, customer: Customer, currency: str, now: datetime) -> int:
    """Give the minor units that a wallet holds: what the grants alive now that pay invoices still have."""
    return by_currency(customer=customer, now=now).get(currency, 0)


def by_currency(*, customer: Customer, now: datetime) -> dict[str, int]:
    """Give the balance of every currency that the customer ever had a wallet grant in, by currency."""
    return {wallet.currency: wallet.balance for wallet in of_customer(customer=customer, now=now)}


def of_customer(*, customer: Customer, now: datetime) -> list[Wallet]:
    """List the wallets that the customer ever had, by currency. What invoices to come will take still counts."""
    found = (
        customer.creditgrant_set.filter(kind=CreditKind.MONEY, applies_to=AppliesTo.INVOICE)
        .values_list("currency")
        .annotate(Min("created_at"), Max("periods__entries__created_at"))
        .order_by("currency")
    )
    held: dict[str | None, int] = {}
    for one in balances.foreseen(customer_ids=[customer.id], within=balances.at(now)):
        if _is_alive(one, now):
            held[one.grant.currency] = held.get(one.grant.currency, 0) + int(one.balance.available)
    return [Wallet(code or "", held.get(code, 0), created_at, latest or created_at) for code, created_at, latest in found]


def first_credited_at(*, customer: Customer, currency: str) -> datetime:
    """Give the instant that a wallet began with."""
    wallet = customer.creditgrant_set.filter(kind=CreditKind.MONEY, applies_to=AppliesTo.INVOICE, currency=currency)
    return wallet.order_by("created_at").values_list("created_at", flat=True)[0]


def _earlier(customer: Customer, change: WalletChange) -> WalletEntry | None:
    if change.idempotency_key is None:
        return None
    entry = WalletEntry.objects.filter(customer=customer, idempotency_key=change.idempotency_key).first()
    if entry is not None:
        idempotency.hold_to(_asked(entry), _asked(change), what="a wallet entry")
    return entry


def _asked(one: WalletEntry | WalletChange) -> dict[str, object]:
    entry_type = "credit" if one.is_credit else "debit"
    return {"currency": one.currency, "entry_type": entry_type, "amount": one.amount, "reason": one.reason}


def _credit(customer: Customer, change: WalletChange, written: WalletEntry, actor: Actor, now: datetime) -> None:
    grant = GrantInput(
        kind=CreditKind.MONEY,
        amount=Decimal(change.amount),
        currency=change.currency,
        applies_to=AppliesTo.INVOICE,
        effective_at=now,
        name=change.reason,
    )
    grants.create(customer=customer, grant=grant, actor=actor, now=now, cause=f"wallet:{written.public_id}")


def _debit(customer: Customer, change: WalletChange, written: WalletEntry, actor: Actor, now: datetime) -> None:
    alive = [one.balance for one in _alive(customer, change.currency, now)]
    draws = burn(amount=Decimal(change.amount), balances=alive, usage_period=balances.at(now))
    CreditEntry.objects.bulk_create(
        CreditEntry(
            period_id=draw.grant_period_id,
            kind=EntryKind.DEBITED,
            amount=-draw.amount,
            cause=f"wallet:{written.public_id}:{draw.grant_period_id}",
            actor_kind=actor.kind,
            actor_id=actor.id,
            reason=change.reason,
            created_at=now,
        )
        for draw in draws
    )


def _alive(customer: Customer, currency: str, now: datetime) -> list[balances.Held]:
    holdings = balances.held(customer_ids=[customer.id], within=balances.at(now))
    return [one for one in holdings if _is_alive(one, now) and one.grant.currency == currency]


def _is_alive(one: balances.Held, now: datetime) -> bool:
    is_wallet = one.grant.kind == CreditKind.MONEY and one.grant.applies_to == AppliesTo.INVOICE
    return is_wallet and one.balance.usable is not None and one.balance.usable.contains(now)
