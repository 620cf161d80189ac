"""Give customers credit and take it back by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from access.actors import Actor
from core.constraints import refusing
from core.errors import DomainError
from core.money import exact, exponent
from core.periods import FOREVER, Interval, Period
from credits import renewal, rules
from credits.models import AppliesTo, CreditGrant, CreditKind, Rollover
from customers.models import Customer
from meters.models import Meter
from products.models import Subscription

_LARGEST = Decimal(10) ** 30
_STEP = Decimal("1e-18")


class GrantInvalid(DomainError):
    """The fields of a grant contradict each other."""

    code = "CREDIT_GRANT_INVALID"


class CauseUsed(DomainError):
    """What would be given was given already."""

    code = "CREDIT_GRANT_ALREADY_EXISTS"


class GrantAlreadyVoided(DomainError):
    code = "CREDIT_GRANT_ALREADY_VOIDED"


@dataclass(frozen=True)
class GrantInput:
    """What a grant gives.

    kind: a CreditKind.  amount: units of the meter, or whole minor units of the currency.  priority: smaller burns first.
    effective_at, expires_at: half-open.  A renewing grant follows a subscription's cycles or its own interval.
    """

    kind: str
    amount: Decimal
    effective_at: datetime
    meter: Meter | None = None
    currency: str | None = None
    applies_to: str = AppliesTo.USAGE
    priority: int = 100
    expires_at: datetime | None = None
    renews: bool = False
    subscription: Subscription | None = None
    renewal: Interval | None = None
    rollover: str = Rollover.NONE
    rollover_cap: Decimal | None = None
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def create(*, customer: Customer, grant: GrantInput, actor: Actor, now: datetime, cause: str | None = None) -> CreditGrant:
    """Give a customer credit, with the periods that have begun by now.

    cause: unique, where the same thing must never give twice. Raises GrantInvalid, CauseUsed, CurrencyUnknown.
    """
    _judge(customer, grant)
    Customer.objects.select_for_update(no_key=True).get(id=customer.id)
    with refusing("credits_creditgrant_cause_key", lambda: CauseUsed(f"{cause} was given already.")):
        made = _write(customer, grant, cause, actor, now)
    if made.renews:
        renewal.make_periods(customer_ids=[customer.id], until=now, actor=actor, now=now)
    else:
        whole = Period(grant.effective_at, grant.expires_at or FOREVER)
        renewal.begin([renewal.Wanted(rules.of(made), whole, made.amount)], actor=actor, now=now)
    return made


def _write(customer: Customer, grant: GrantInput, cause: str | None, actor: Actor, now: datetime) -> CreditGrant:
    return CreditGrant.objects.create(
        customer=customer,
        kind=grant.kind,
        amount=grant.amount,
        meter=grant.meter,
        currency=grant.currency,
        applies_to=grant.applies_to,
        priority=grant.priority,
        effective_at=grant.effective_at,
        expires_at=grant.expires_at,
        renews=grant.renews,
        subscription=grant.subscription,
        renewal_interval=grant.renewal.unit if grant.renewal else None,
        renewal_count=grant.renewal.count if grant.renewal else None,
        rollover=grant.rollover,
        rollover_cap=grant.rollover_cap,
        name=grant.name,
        metadata=dict(grant.metadata),
        cause=cause,
        created_at=now,
        created_by=str(actor),
    )


@transaction.atomic
def void(*, grant: CreditGrant, reason: str, actor: Actor, now: datetime) -> CreditGrant:
    """End a grant at this instant: usage before it may still draw on it, later usage may not. Raises GrantAlreadyVoided.

    What is left is written off when every invoice over its time is issued.
    """
    Customer.objects.select_for_update(no_key=True).get(id=grant.customer_id)
    grant = CreditGrant.objects.get(id=grant.id)
    if grant.voided_at is not None:
        raise GrantAlreadyVoided(f"Grant {grant.public_id} is voided already.")
    grant.voided_at = now
    grant.void_reason = reason
    grant.save(update_fields=["voided_at", "void_reason"])
    return grant


def judge(grant: GrantInput) -> None:
    """Raise GrantInvalid for the first thing that is wrong with a grant, CurrencyUnknown for its currency."""
    if grant.currency is not None:
        exponent(grant.currency)
    with exact():
        checks = _checks(grant)
    for field_name, is_wrong, problem in checks:
        if is_wrong:
            raise GrantInvalid(problem, field=field_name)


def _judge(customer: Customer, grant: GrantInput) -> None:
    judge(grant)
    if grant.subscription is not None and grant.subscription.customer_id != customer.id:
        raise GrantInvalid("The subscription belongs to another customer.", field="subscription_id")


def _checks(grant: GrantInput) -> tuple[tuple[str, bool, str], ...]:
    units = grant.kind == CreditKind.UNITS
    subscription = grant.subscription
    whole = grant.amount == grant.amount.to_integral_value()
    capped = grant.rollover == Rollover.CAPPED
    return (
        ("kind", grant.kind not in CreditKind.values, "kind is units or money."),
        ("meter_id", units == (grant.meter is None), "Units need a meter_id; money has none."),
        ("currency", units == (grant.currency is not None), "Money needs a currency; units have none."),
        ("amount", not 0 < grant.amount < _LARGEST or bool(grant.amount % _STEP), "amount must lie above 0 and below 10^30."),
        ("amount", not units and not whole, "Money is a whole number of minor units."),
        ("applies_to", grant.applies_to not in AppliesTo.values, "applies_to is usage or invoice."),
        ("applies_to", units and grant.applies_to != AppliesTo.USAGE, "Units apply to usage."),
        (
            "expires_at",
            grant.expires_at is not None and grant.expires_at <= grant.effective_at,
            "expires_at lies after effective_at.",
        ),
        (
            "renews",
            grant.renews and (subscription is None) == (grant.renewal is None),
            "A grant that renews has either a subscription_id or renewal_interval and renewal_count.",
        ),
        ("renewal_interval", not grant.renews and grant.renewal is not None, "Only a grant that renews has a renewal_interval."),
        ("rollover", grant.rollover not in Rollover.values, "rollover is none, all or capped."),
        ("rollover_cap", capped != (grant.rollover_cap is not None), "Exactly a capped rollover has a rollover_cap."),
        ("rollover_cap", grant.rollover_cap is not None and grant.rollover_cap <= 0, "rollover_cap must lie above 0."),
    )
