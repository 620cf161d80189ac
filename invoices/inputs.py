"""Read all that decides the invoices of many billing points, in a fixed number of statements; usage in exactly one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from django.conf import settings
from msgspec import Struct
from msgspec.structs import replace

from core import database
from core.errors import DomainError
from core.periods import FOREVER, Period
from credits.balances import Held
from credits.burndown import PhaseUsage, phases
from credits.models import CreditKind
from invoices import subscribers
from invoices.assemble import FeeInput, InvoiceInputs, MoneyBalance, UsageInput
from invoices.charge import MeteredUsage
from invoices.models import InvoiceKind, Seller
from invoices.subscribers import Subscriber
from meters import stored, usage
from meters.definition import Definition
from meters.meter_sql import Snapshot
from meters.usage import Quantity, UsageRequest
from products import fees, terms
from products.cycles import Schedule
from products.fees import Course, FeePart
from products.models import OneTimeItem
from products.terms import MeterTerms, StoredPhase, Terms

# The invoices of billing points, as against adjustments and credit notes.
KINDS_OF_POINTS = (InvoiceKind.OPENING, InvoiceKind.REGULAR, InvoiceKind.FINAL)
# What is counted at different times adds up; the greatest and the latest of parts do not.
ADDITIVE = frozenset({"count", "sum"})


class PointKey(NamedTuple):
    """Billing point `point` of a subscription, by its primary key."""

    subscription_id: int
    point: int


class Plan(Struct, frozen=True):
    """A billing point with the terms that apply to it, before usage and credits are read.

    period: the invoice's (cycle n, at point 0 cycle 1).  used: the terms of the cycle whose usage is billed, None at point 0.
    rated_on: for each meter that its terms go on with, the earlier part of the cycle.  paused: the parts that were paused.
    """

    key: PointKey
    kind: str
    subscriber: Subscriber
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


class Point(Struct, frozen=True):
    """A billing point with everything that decides its invoice but the credits, which `with_credits` adds."""

    plan: Plan
    inputs: InvoiceInputs
    definitions: Mapping[int, Definition]

    @property
    def key(self) -> PointKey:
        return self.plan.key

    @property
    def customer_id(self) -> int:
        return self.plan.subscriber.customer_id

    def with_credits(self, own: Iterable[Held]) -> InvoiceInputs:
        """Give the inputs with what the customer holds."""
        own = tuple(own)
        if not own:
            return self.inputs
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


def read(
    *, keys: Sequence[PointKey], hold: Callable[[set[int], Period], tuple[Held, ...]], planner: "Planner | None" = None
) -> Read:
    """Read billing points. hold: what gives the customers' balances within a time (credits.balances.held or foreseen).

    planner: of the points' subscriptions, where one was made already.
    """
    planner = planner or Planner(keys)
    plans: list[Plan] = []
    problems: dict[PointKey, Exception] = {}
    for key in keys:
        try:
            plans.append(planner.plan(key))
        except UNBILLABLE as problem:
            problems[key] = problem
    definitions, unreadable = stored.readable({meter.meter_id for one in plans for meter in one.meters})
    problems |= {one.key: unreadable[meter.meter_id] for one in plans for meter in one.meters if meter.meter_id in unreadable}
    plans = [one for one in plans if one.key not in problems]
    seller = Seller.objects.get()
    holdings = _holdings(plans, hold)
    asked = [_asked(one, definitions, holdings[one.subscriber.customer_id]) for one in plans]
    requests = [
        UsageRequest(meter.meter_id, one.subscriber.customer_id, part)
        for one, of_meters in zip(plans, asked, strict=True)
        for meter, stretches in zip(one.meters, of_meters, strict=True)
        for part in chain.from_iterable(stretches)
    ]
    counted, snapshot = usage.in_order(requests, definitions=definitions)
    answers = iter(counted)
    points = {
        one.key: Point(one, _inputs(one, seller, _usages(one, definitions, of_meters, answers)), definitions)
        for one, of_meters in zip(plans, asked, strict=True)
    }
    return Read(points, holdings, seller, snapshot, problems)


def _holdings(plans: Sequence[Plan], hold: Callable[[set[int], Period], tuple[Held, ...]]) -> Mapping[int, tuple[Held, ...]]:
    customers = {one.subscriber.customer_id for one in plans}
    holdings: dict[int, tuple[Held, ...]] = dict.fromkeys(customers, ())
    for held in hold(customers, _hull([one.period for one in plans])) if plans else ():
        holdings[held.grant.customer_id] += (held,)
    return holdings


def plan(keys: Sequence[PointKey]) -> list[Plan]:
    """Read subscriptions, cycles and terms of billing points, in the order given. Raises LookupError."""
    planner = Planner(keys)
    return [planner.plan(key) for key in keys]


_PAUSES = """
SELECT subscription_id, lower(during), upper(during)
FROM products_subscriptionpause WHERE subscription_id = ANY(%(ids)s::bigint[]) ORDER BY id
"""


class Planner:
    """Reads what billing points of any number of subscriptions need, at once, and plans them one by one."""

    def __init__(self, keys: Sequence[PointKey]) -> None:
        self.subscribers = subscribers.read(key.subscription_id for key in keys)
        self._phases = terms.phases_of(self.subscribers)
        self._versions = terms.of_products({phase.product_id for rows in self._phases.values() for phase in rows})
        self._schedules: dict[int, Schedule] = {}
        self._paused: dict[int, list[Period]] = {}
        for subscription_id, start, end in database.read(_PAUSES, {"ids": database.array(self.subscribers)}):
            self._paused.setdefault(subscription_id, []).append(Period(start, end or FOREVER))
        self._bought: dict[int, list[OneTimeItem]] = {}
        openings = [key.subscription_id for key in keys if key.point == 0]
        items = OneTimeItem.objects.filter(subscription__in=openings).select_related("price_version__product").order_by("id")
        for item in items if openings else ():
            self._bought.setdefault(item.subscription_id, []).append(item)

    def schedule(self, subscription_id: int) -> Schedule:
        """Give the schedule of one of the subscriptions."""
        if subscription_id not in self._schedules:
            phases, ends_at = self._phases[subscription_id], self.subscribers[subscription_id].ends_at
            self._schedules[subscription_id] = terms.schedule(phases, zone=settings.BILLING_TIME_ZONE, ends_at=ends_at)
        return self._schedules[subscription_id]

    def plan(self, key: PointKey) -> Plan:
        """Plan one point of one of the subscriptions. Raises UNBILLABLE, LookupError where there is no such point."""
        subscriber = self.subscribers[key.subscription_id]
        schedule = self.schedule(key.subscription_id)
        at = schedule.point_at(key.point)
        if at is None:
            raise LookupError(f"subscription {subscriber.public_id} has no billing point {key.point}")
        used = self._terms_of(key.subscription_id, key.point) if key.point else None
        following = self._terms_of(key.subscription_id, key.point + 1) if schedule.has_cycle(key.point + 1) else None
        period = schedule.cycle(key.point or 1)
        pauses = self._paused.get(key.subscription_id, ())
        return Plan(
            key=key,
            kind=kind_of(schedule, key.point),
            subscriber=subscriber,
            at=at,
            period=period,
            used=used,
            fees=(*self._fees(key), *self._one_time(key, schedule)),
            schedule=schedule,
            is_tax_inclusive=(used or following or self._terms_of(key.subscription_id, 1)).version.tax_inclusive,
            rated_on=self._rated_on(key, schedule),
            paused=tuple(part for pause in pauses if key.point and (part := pause.intersect(period))),
        )

    def fee_parts(self, key: PointKey) -> tuple[FeePart, ...]:
        """Give the parts of fees that are due at a point, whatever the fee comes to."""
        one = self.subscribers[key.subscription_id]
        course = Course(
            self.schedule(one.id),
            expires_at=one.expires_at,
            pauses=self._paused.get(one.id, ()),
            bill_from=one.bill_from,
            credits_fee_at_end=one.credits_fee_at_end,
        )
        return fees.due(course, key.point)

    def phase_of(self, subscription_id: int, n: int) -> StoredPhase:
        """Give the stored phase of a subscription's cycle n."""
        return terms.phase_of_cycle(self._phases[subscription_id], n)

    def _fees(self, key: PointKey) -> Iterator[FeeInput]:
        one = self.subscribers[key.subscription_id]
        for part in self.fee_parts(key):
            of = self._terms_of(one.id, part.cycle)
            if of.version.fixed_price:
                yield _fee(part, of, self.phase_of(one.id, part.cycle).quantity or one.quantity, key.point)

    def _rated_on(self, key: PointKey, schedule: Schedule) -> Mapping[int, Period]:
        """Give for each meter of the point's cycle that other terms charged before, in the same cycle, that earlier part."""
        found: dict[int, Period] = {}
        continued = {phase.first_cycle for phase in self._phases[key.subscription_id] if phase.continues_from is not None}
        earlier = key.point
        meters = self._meters_of(key.subscription_id, earlier) if earlier in continued else set()
        while earlier in continued and meters:
            earlier -= 1
            meters &= self._meters_of(key.subscription_id, earlier)
            found |= dict.fromkeys(meters, Period(schedule.cycle(earlier).start, schedule.cycle(key.point).start))
        return found

    def _meters_of(self, subscription_id: int, n: int) -> set[int]:
        return {meter.meter_id for meter in self._terms_of(subscription_id, n).meters}

    def _terms_of(self, subscription_id: int, n: int) -> Terms:
        """Give the terms of cycle n: those in force at its first instant."""
        product_id = self.phase_of(subscription_id, n).product_id
        return terms.in_force(self._versions[product_id], self._schedules[subscription_id].cycle(n).start)

    def _one_time(self, key: PointKey, schedule: Schedule) -> Iterable[FeeInput]:
        for item in self._bought.get(key.subscription_id, ()) if key.point == 0 else ():
            name = _times(item.price_version.product.name, item.quantity)
            yield FeeInput("one_time", name, item.amount, schedule.cycle(1))


def kind_of(schedule: Schedule, point: int) -> str:
    """Give the kind of a billing point's invoice."""
    if point == 0:
        return InvoiceKind.OPENING
    return InvoiceKind.REGULAR if schedule.has_cycle(point + 1) else InvoiceKind.FINAL


def _fee(part: FeePart, of: Terms, quantity: int, point: int) -> FeeInput:
    """Give a part of a cycle's fee as a line, whose words say why it is due. See Note [Fees] in products.fees."""
    why = "" if part.cycle > point else " (after the pause)" if part.part > 0 else " (unused)"
    description = _times(of.version.product.name, quantity) + why
    product = of.version.product.public_id
    return FeeInput("fixed_fee", description, of.version.fixed_price * quantity, part.period, part.part, product, quantity)


def _times(name: str, quantity: int) -> str:
    return name if quantity == 1 else f"{name} × {quantity}"


def _hull(periods: Iterable[Period]) -> Period:
    listed = list(periods)
    return Period(min(period.start for period in listed), max(period.end for period in listed))


class Asked(NamedTuple):
    """The stretches whose usage one meter's line needs.

    parts: whose quantities are charged: the phases, or for max and last all of the cycle, earlier part included.  paused: parts in which
    the subscription was paused.  earlier: the part of the cycle that other terms charged, at most one.
    """

    parts: tuple[Period, ...]
    paused: tuple[Period, ...]
    earlier: tuple[Period, ...]


def _asked(one: Plan, definitions: Mapping[int, Definition], own: Sequence[Held]) -> list[Asked]:
    """Cut the cycle for each meter; where quantities add up, at the instants where its unit grants begin, end or were voided."""
    with_units = {held.grant.meter_id for held in own if held.grant.meter_id is not None}
    asked = []
    for meter_id in [meter.meter_id for meter in one.meters]:
        earlier = one.rated_on.get(meter_id)
        parts: tuple[Period, ...] = (one.period,)
        if definitions[meter_id].aggregation not in ADDITIVE:
            parts = (one.period if earlier is None else Period(earlier.start, one.period.end),)
        elif meter_id in with_units:
            parts = phases(cycle=one.period, balances=[held.balance for held in own if held.grant.meter_id == meter_id])
        asked.append(Asked(parts, one.paused, () if earlier is None else (earlier,)))
    return asked


def _usages(
    one: Plan, definitions: Mapping[int, Definition], asked: Sequence[Asked], answers: Iterator[Quantity]
) -> tuple[UsageInput, ...]:
    """Take the next answers, one for each stretch of each meter."""
    if not one.meters:
        return ()
    proration = one.schedule.proration(one.key.point)
    usages = []
    for meter, stretches in zip(one.meters, asked, strict=True):
        counted, paused, earlier = ([next(answers) for _ in asked_for] for asked_for in stretches)
        is_additive = definitions[meter.meter_id].aggregation in ADDITIVE
        metered = MeteredUsage(
            cycle=one.period,
            event_count=sum([quantity.event_count for quantity in counted]),
            phases=tuple(map(_phase, stretches.parts, counted)) if is_additive else None,
            whole=None if is_additive else counted[0].quantity,
            earlier=_phase(stretches.earlier[0], earlier[0]) if earlier else None,
            paused_event_count=sum([quantity.event_count for quantity in paused]),
        )
        usages.append(UsageInput(meter.meter_id, meter.meter_name, metered, meter.terms, proration))
    return tuple(usages)


def _phase(part: Period, counted: Quantity) -> PhaseUsage:
    return PhaseUsage(part, counted.quantity or Decimal(0))


def _inputs(one: Plan, seller: Seller, usages: tuple[UsageInput, ...]) -> InvoiceInputs:
    rate = one.subscriber.customer_tax_rate
    return InvoiceInputs(
        currency=one.subscriber.currency,
        period=one.period,
        fees=one.fees,
        usages=usages,
        tax_rate=seller.default_tax_rate if rate is None else rate,
        tax_inclusive=one.is_tax_inclusive,
    )
