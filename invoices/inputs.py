"""Read all that decides the invoices of many billing points, in a fixed number of statements; usage in exactly one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from core.errors import DomainError
from core.periods import FOREVER, Period
from credits.balances import Held
from credits.burndown import PhaseUsage, phases
from credits.models import CreditKind
from invoices.assemble import FeeInput, InvoiceInputs, MoneyBalance, UsageInput
from invoices.charge import MeteredUsage
from invoices.models import InvoiceKind, Seller
from meters import stored, usage
from meters.definition import Definition
from meters.meter_sql import Snapshot
from meters.usage import Quantity, UsageRequest
from products import fees, terms
from products.cycles import Schedule
from products.fees import Course, FeePart
from products.models import OneTimeItem, Subscription, SubscriptionPause, SubscriptionPhase
from products.terms import MeterTerms, Terms

# The invoices of billing points, as against adjustments and credit notes.
KINDS_OF_POINTS = (InvoiceKind.OPENING, InvoiceKind.REGULAR, InvoiceKind.FINAL)
# What is counted at different times adds up; the greatest and the latest of parts do not.
ADDITIVE = frozenset({"count", "sum"})


@dataclass(frozen=True)
class PointKey:
    """Billing point `point` of a subscription, by its primary key."""

    subscription_id: int
    point: int


@dataclass(frozen=True)
class Plan:
    """A billing point with the terms that apply to it, before usage and credits are read.

    period: the invoice's (cycle n, at point 0 cycle 1).  used: the terms of the cycle whose usage is billed, None at point 0.
    rated_on: for each meter that its terms go on with, the earlier part of the cycle.  paused: the parts that were paused.
    """

    key: PointKey
    kind: str
    subscription: Subscription
    at: datetime
    period: Period
    used: Terms | None
    fees: tuple[FeeInput, ...]
    schedule: Schedule
    is_tax_inclusive: bool
    rated_on: Mapping[int, Period]
    paused: tuple[Period, ...]

    @property
    def meters(self) -> tuple[MeterTerms, ...]:
        """The meters whose usage is billed."""
        return () if self.used is None else self.used.meters


@dataclass(frozen=True)
class Point:
    """A billing point with everything that decides its invoice but the credits, which `with_credits` adds."""

    plan: Plan
    inputs: InvoiceInputs
    definitions: Mapping[int, Definition]

    @property
    def key(self) -> PointKey:
        return self.plan.key

    @property
    def customer_id(self) -> int:
        return self.plan.subscription.customer_id

    def with_credits(self, own: Iterable[Held]) -> InvoiceInputs:
        """Give the inputs with what the customer holds."""
        own = tuple(own)
        units: dict[int, list[Held]] = {}
        for one in own:
            if one.grant.kind == CreditKind.UNITS and one.grant.meter_id is not None:
                units.setdefault(one.grant.meter_id, []).append(one)
        return replace(
            self.inputs,
            unit_balances={meter_id: tuple(one.balance for one in held) for meter_id, held in units.items()},
            money_balances=tuple(
                MoneyBalance(one.grant.applies_to, one.balance)  # type: ignore[arg-type]  # the database checks it
                for one in own
                if one.grant.kind == CreditKind.MONEY and one.grant.currency == self.inputs.currency
            ),
        )


@dataclass(frozen=True)
class Read:
    """What was read: the points by key, what each customer holds, who sells, and which events the usage statement saw."""

    points: Mapping[PointKey, Point]
    holdings: Mapping[int, tuple[Held, ...]]
    seller: Seller
    snapshot: Snapshot
    problems: Mapping[PointKey, Exception]


# What the figures of one billing point may raise; it is reported for that point, and blocks no other.
UNBILLABLE = (DomainError, ArithmeticError, ValueError, LookupError)


def read(*, keys: Sequence[PointKey], hold: Callable[[set[int], Period], tuple[Held, ...]]) -> Read:
    """Read billing points. hold: what gives the customers' balances within a time (credits.balances.held or foreseen)."""
    plan_of = _planner(keys)
    plans: list[Plan] = []
    problems: dict[PointKey, Exception] = {}
    for key in keys:
        try:
            plans.append(plan_of(key))
        except UNBILLABLE as problem:
            problems[key] = problem
    definitions, unreadable = stored.readable({meter.meter_id for one in plans for meter in one.meters})
    problems |= {one.key: unreadable[meter.meter_id] for one in plans for meter in one.meters if meter.meter_id in unreadable}
    plans = [one for one in plans if one.key not in problems]
    seller = Seller.objects.get()
    customers = {one.subscription.customer_id for one in plans}
    holdings: dict[int, tuple[Held, ...]] = dict.fromkeys(customers, ())
    for held in hold(customers, _hull([one.period for one in plans])) if plans else ():
        holdings[held.grant.customer_id] += (held,)
    cuts = {one.key: _cuts(one, holdings[one.subscription.customer_id]) for one in plans}
    requests = {
        UsageRequest(meter.meter_id, one.subscription.customer_id, part)
        for one in plans
        for meter in one.meters
        for part in _asked(one, meter.meter_id, definitions[meter.meter_id], cuts[one.key][meter.meter_id])
    }
    answer = usage.quantities(requests=sorted(requests, key=lambda r: (r.meter_id, r.customer_id, r.period)))
    points = {
        one.key: Point(one, _inputs(one, seller, _usages(one, definitions, cuts[one.key], answer)), definitions) for one in plans
    }
    return Read(points, holdings, seller, answer.snapshot, problems)


def plan(keys: Sequence[PointKey]) -> list[Plan]:
    """Read subscriptions, cycles and terms of billing points, in the order given. Raises LookupError."""
    plan_of = _planner(keys)
    return [plan_of(key) for key in keys]


def _planner(keys: Sequence[PointKey]) -> Callable[[PointKey], Plan]:
    """Read what all the points need, and give the function that plans one of them."""
    subscriptions = Subscription.objects.select_related("customer").in_bulk({key.subscription_id for key in keys})
    stored_phases: dict[int, list[SubscriptionPhase]] = {}
    for phase in SubscriptionPhase.objects.filter(subscription__in=subscriptions).select_related("product"):
        stored_phases.setdefault(phase.subscription_id, []).append(phase)
    versions = terms.of_products(phase.product_id for rows in stored_phases.values() for phase in rows)
    paused: dict[int, list[Period]] = {}
    for pause in SubscriptionPause.objects.filter(subscription__in=subscriptions).order_by("id"):
        paused.setdefault(pause.subscription_id, []).append(Period(pause.during.lower, pause.during.upper or FOREVER))
    openings = [key.subscription_id for key in keys if key.point == 0]
    bought: dict[int, list[OneTimeItem]] = {}
    for item in OneTimeItem.objects.filter(subscription__in=openings).select_related("price_version__product").order_by("id"):
        bought.setdefault(item.subscription_id, []).append(item)

    def planned(key: PointKey) -> Plan:
        one = key.subscription_id
        return _plan(key, subscriptions[one], stored_phases[one], versions, bought.get(one, []), paused.get(one, []))

    return planned


def _plan(
    key: PointKey,
    subscription: Subscription,
    stored_phases: Sequence[SubscriptionPhase],
    versions: Mapping[int, Sequence[Terms]],
    bought: Sequence[OneTimeItem],
    pauses: Sequence[Period],
) -> Plan:
    schedule = terms.schedule(stored_phases, zone=settings.BILLING_TIME_ZONE, ends_at=subscription.ends_at)

    def of_cycle(n: int) -> Terms:
        product_id = terms.phase_of_cycle(stored_phases, n).product_id
        return terms.in_force(versions[product_id], schedule.cycle(n).start)

    at = schedule.point_at(key.point)
    if at is None:
        raise LookupError(f"subscription {subscription.public_id} has no billing point {key.point}")
    used = of_cycle(key.point) if key.point else None
    following = of_cycle(key.point + 1) if schedule.has_cycle(key.point + 1) else None
    one_time = tuple(
        FeeInput("one_time", _times(item.price_version.product.name, item.quantity), item.amount, schedule.cycle(1))
        for item in bought
    )
    course = Course(
        schedule,
        expires_at=subscription.expires_at,
        pauses=pauses,
        bill_from=subscription.bill_from,
        credits_fee_at_end=subscription.credits_fee_at_end,
    )
    fee = tuple(
        _fee(part, of_cycle(part.cycle), terms.quantity_in(subscription, stored_phases, part.cycle), key.point)
        for part in fees.due(course, key.point)
        if of_cycle(part.cycle).version.fixed_price
    )
    period = schedule.cycle(key.point or 1)
    return Plan(
        key=key,
        kind=_kind(key.point, schedule),
        subscription=subscription,
        at=at,
        period=period,
        used=used,
        fees=(*fee, *one_time),
        schedule=schedule,
        is_tax_inclusive=(used or following or of_cycle(1)).version.tax_inclusive,
        rated_on=_rated_on(key.point, stored_phases, schedule, of_cycle),
        paused=tuple(part for pause in pauses if key.point and (part := pause.intersect(period))),
    )


def _kind(point: int, schedule: Schedule) -> str:
    if point == 0:
        return InvoiceKind.OPENING
    return InvoiceKind.REGULAR if schedule.has_cycle(point + 1) else InvoiceKind.FINAL


def _fee(part: FeePart, of: Terms, quantity: int, point: int) -> FeeInput:
    """Give a part of a cycle's fee as a line, whose words say why it is due. See Note [Fees] in products.fees."""
    why = "" if part.cycle > point else " (after the pause)" if part.part > 0 else " (unused)"
    description = _times(of.version.product.name, quantity) + why
    product = of.version.product.public_id
    return FeeInput("fixed_fee", description, of.version.fixed_price * quantity, part.period, part.part, product, quantity)


def _rated_on(
    n: int, stored_phases: Sequence[SubscriptionPhase], schedule: Schedule, of_cycle: Callable[[int], Terms]
) -> Mapping[int, Period]:
    """Give for each meter of cycle n that other terms charged before, in the same cycle, that earlier part."""
    found: dict[int, Period] = {}
    continued = {phase.first_cycle for phase in stored_phases if phase.continues_from is not None}
    earlier, meters = n, {meter.meter_id for meter in of_cycle(n).meters} if n in continued else set()
    while earlier in continued and meters:
        earlier -= 1
        meters &= {meter.meter_id for meter in of_cycle(earlier).meters}
        found |= dict.fromkeys(meters, Period(schedule.cycle(earlier).start, schedule.cycle(n).start))
    return found


def _times(name: str, quantity: int) -> str:
    return name if quantity == 1 else f"{name} × {quantity}"


def _hull(periods: Iterable[Period]) -> Period:
    listed = list(periods)
    return Period(min(period.start for period in listed), max(period.end for period in listed))


def _cuts(one: Plan, own: Sequence[Held]) -> Mapping[int, tuple[Period, ...]]:
    """Cut the cycle for each meter where its unit grants begin, end or were voided."""
    return {
        meter.meter_id: phases(
            cycle=one.period,
            balances=[held.balance for held in own if held.grant.meter_id == meter.meter_id],
        )
        for meter in one.meters
    }


def _parts(one: Plan, meter_id: int, definition: Definition, cuts: tuple[Period, ...]) -> tuple[Period, ...]:
    """Give the stretches whose quantities are charged: the phases, or for max and last all of the cycle, earlier part included."""
    if definition.aggregation in ADDITIVE:
        return cuts
    earlier = one.rated_on.get(meter_id)
    return (one.period if earlier is None else Period(earlier.start, one.period.end),)


def _asked(one: Plan, meter_id: int, definition: Definition, cuts: tuple[Period, ...]) -> Iterator[Period]:
    """Yield every stretch whose usage a meter's line needs."""
    yield from _parts(one, meter_id, definition, cuts)
    yield from one.paused
    if meter_id in one.rated_on:
        yield one.rated_on[meter_id]


def _usages(
    one: Plan, definitions: Mapping[int, Definition], cuts: Mapping[int, tuple[Period, ...]], answer: usage.UsageAnswer
) -> tuple[UsageInput, ...]:
    def metered(meter_id: int) -> MeteredUsage:
        def counted(stretch: Period) -> Quantity:
            return answer.quantities[UsageRequest(meter_id, one.subscription.customer_id, stretch)]

        parts = [(part, counted(part)) for part in _parts(one, meter_id, definitions[meter_id], cuts[meter_id])]
        earlier = one.rated_on.get(meter_id)
        common: dict[str, Any] = {
            "cycle": one.period,
            "event_count": sum(quantity.event_count for _, quantity in parts),
            "earlier": PhaseUsage(earlier, counted(earlier).quantity or Decimal(0)) if earlier else None,
            "paused_event_count": sum(counted(pause).event_count for pause in one.paused),
        }
        if definitions[meter_id].aggregation not in ADDITIVE:
            return MeteredUsage(whole=parts[0][1].quantity, **common)
        return MeteredUsage(phases=tuple(PhaseUsage(part, q.quantity or Decimal(0)) for part, q in parts), **common)

    return tuple(
        UsageInput(meter.meter_id, meter.meter_name, metered(meter.meter_id), meter.terms, one.schedule.proration(one.key.point))
        for meter in one.meters
    )


def _inputs(one: Plan, seller: Seller, usages: tuple[UsageInput, ...]) -> InvoiceInputs:
    rate = one.subscription.customer.tax_rate
    return InvoiceInputs(
        currency=one.subscription.currency,
        period=one.period,
        fees=one.fees,
        usages=usages,
        tax_rate=seller.default_tax_rate if rate is None else rate,
        tax_inclusive=one.is_tax_inclusive,
    )
