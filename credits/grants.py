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
from core.exact_json import comparable
from core.money import exact, exponent
from core.periods import FOREVER, Interval, Period
from core.text import refuse_blank
from credits import idempotency, renewal, rules
from credits.models import AppliesTo, CreditGrant, CreditGrantHistory, CreditKind, Rollover  # type: ignore[attr-defined]
from customers.models import Customer
from meters.models import Meter
from products.models import Subscription

_LARGEST = Decimal(10) ** 30
_STEP = Decimal("1e-18")
# Nearly three years of days, more than eighty of months; a customer's periods are read whenever one of its invoices is made.
MOST_RENEWALS = 1000
_THRESHOLD = "low_balance_threshold is 0 or more, and a whole number of minor units for money."


class GrantInvalid(DomainError):
    """The fields of a grant contradict each other."""

    code = "CREDIT_GRANT_INVALID"


class TooManyRenewals(DomainError):
    """A beginning so far back is a slip of the pen more likely than a wish for that many periods."""

    code = "TOO_MANY_RENEWALS"


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
    low_balance_threshold: what is left live at which somebody wants to be told, in the unit of the amount.
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
    low_balance_threshold: Decimal | None = None
    name: str = ""
    reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def create(*, customer: Customer, grant: GrantInput, actor: Actor, now: datetime, cause: str | None = None) -> CreditGrant:
    """Give a customer credit, with the periods that have begun by now.

    cause: unique, where the same thing must never give twice. Raises GrantInvalid, TooManyRenewals, CauseUsed, CurrencyUnknown.
    """
    _judge(customer, grant)
    _refuse_too_many(grant, now)
    Customer.objects.select_for_update(no_key=True).get(id=customer.id)
    with refusing("credits_creditgrant_cause_key", lambda: CauseUsed(f"{cause} was given already.")):
        made = CreditGrant.objects.create(
            customer=customer, cause=cause, created_at=now, created_by=str(actor), **_content(grant)
        )
    if made.renews:
        renewal.make_periods(customer_ids=[customer.id], until=now, actor=actor, now=now)
    else:
        whole = Period(grant.effective_at, grant.expires_at or FOREVER)
        renewal.begin([renewal.Wanted(rules.of(made), whole, made.amount)], actor=actor, now=now)
    return made


@transaction.atomic
def create_once(*, customer: Customer, grant: GrantInput, idempotency_key: str, actor: Actor, now: datetime) -> CreditGrant:
    """Give a customer credit once for a key of the sender's; the same again gives the first grant again.

    Raises IdempotencyKeyReused where the key gave another grant, and what create does.
    """
    cause = f"key:{customer.public_id}:{idempotency_key}"
    Customer.objects.select_for_update(no_key=True).get(id=customer.id)
    earlier = CreditGrant.objects.filter(cause=cause).first()
    if earlier is None:
        return create(customer=customer, grant=grant, actor=actor, now=now, cause=cause)
    # As it was given, for its threshold and its end may have changed since.
    given = CreditGrantHistory.objects.filter(pgh_obj=earlier).order_by("pgh_id")[0]
    content = _content(grant)
    # It begins when its request came, if that did not say when: then a retry is later, as events without a timestamp are.
    if grant.effective_at == now or given.effective_at == given.created_at:
        del content["effective_at"]
    first = {name: getattr(given, name) for name in content}
    for asked in (first, content):
        asked["metadata"] = comparable(asked["metadata"])
    idempotency.hold_to(first, content, what="a grant")
    return earlier


def _refuse_too_many(grant: GrantInput, now: datetime) -> None:
    if grant.renewal is None:
        return
    count = renewal.renewals(starts_at=grant.effective_at, interval=grant.renewal, until=min(now, grant.expires_at or now))
    if count > MOST_RENEWALS:
        raise TooManyRenewals(
            f"Since effective_at it would have renewed {count} times; {MOST_RENEWALS} is the most. Let it begin later.",
            field="effective_at",
        )


def _content(grant: GrantInput) -> dict[str, Any]:
    """Give the columns of what was asked for, by the names that the fields of a request have too."""
    return {
        "kind": grant.kind,
        "amount": grant.amount,
        "meter_id": grant.meter.id if grant.meter else None,
        "currency": grant.currency,
        "applies_to": grant.applies_to,
        "priority": grant.priority,
        "effective_at": grant.effective_at,
        "expires_at": grant.expires_at,
        "renews": grant.renews,
        "subscription_id": grant.subscription.id if grant.subscription else None,
        "renewal_interval": grant.renewal.unit if grant.renewal else None,
        "renewal_count": grant.renewal.count if grant.renewal else None,
        "rollover": grant.rollover,
        "rollover_cap": grant.rollover_cap,
        "low_balance_threshold": grant.low_balance_threshold,
        "name": grant.name,
        "reason": grant.reason,
        "metadata": dict(grant.metadata),
    }


@transaction.atomic
def set_threshold(*, grant: CreditGrant, threshold: Decimal | None) -> CreditGrant:
    """Set below what live balance a grant is low; None: never. Raises GrantInvalid."""
    with exact():
        if threshold is not None and _threshold_is_wrong(grant.kind, threshold):
            raise GrantInvalid(_THRESHOLD, field="low_balance_threshold")
    CreditGrant.objects.select_for_update(no_key=True).get(id=grant.id)
    CreditGrant.objects.filter(id=grant.id).update(low_balance_threshold=threshold)
    grant.low_balance_threshold = threshold
    return grant


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
    """Raise GrantInvalid for the first thing that is wrong with a grant, CurrencyUnknown for its currency, NameBlank for its name."""
    if grant.name:
        refuse_blank(grant.name)
    if grant.currency is not None:
        exponent(grant.currency)
    with exact():
        checks = _checks(grant)
    for field_name, is_wrong, problem in checks:
        if is_wrong:
            raise GrantInvalid(problem, field=field_name)


def judge_amount(kind: str, amount: Decimal) -> None:
    """Raise GrantInvalid for an amount that no grant of this kind can give.  amount: units, or minor units."""
    with exact():
        for field_name, is_wrong, problem in _amount_checks(kind, amount):
            if is_wrong:
                raise GrantInvalid(problem, field=field_name)


def _amount_checks(kind: str, amount: Decimal) -> tuple[tuple[str, bool, str], ...]:
    whole = amount == amount.to_integral_value()
    return (
        ("amount", not 0 < amount < _LARGEST or bool(amount % _STEP), "amount must lie above 0 and below 10^30."),
        ("amount", kind != CreditKind.UNITS and not whole, "Money is a whole number of minor units."),
    )


def _threshold_is_wrong(kind: str, threshold: Decimal) -> bool:
    whole = threshold == threshold.to_integral_value()
    return not 0 <= threshold < _LARGEST or bool(threshold % _STEP) or (kind != CreditKind.UNITS and not whole)


def _judge(customer: Customer, grant: GrantInput) -> None:
    judge(grant)
    if grant.subscription is not None and grant.subscription.customer_id != customer.id:
        raise GrantInvalid("The subscription belongs to another customer.", field="subscription_id")


def _checks(grant: GrantInput) -> tuple[tuple[str, bool, str], ...]:
    units = grant.kind == CreditKind.UNITS
    subscription = grant.subscription
    low = grant.low_balance_threshold
    capped = grant.rollover == Rollover.CAPPED
    return (
        ("kind", grant.kind not in CreditKind.values, "kind is units or money."),
        ("meter_id", units == (grant.meter is None), "Units need a meter_id; money has none."),
        ("currency", units == (grant.currency is not None), "Money needs a currency; units have none."),
        *_amount_checks(grant.kind, grant.amount),
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
        ("low_balance_threshold", low is not None and _threshold_is_wrong(grant.kind, low), _THRESHOLD),
    )
