"""Plan billing points: which cycle each closes, under which terms, and which fees are due; before usage and credits are read.

# Note [What subscriptions share]
Nearly all subscriptions have one phase and no pause, and are past their first cycle. From cycle 2 on the boundaries of such a one depend
on the day that it began, not on the instant; so one that agrees with it in that and in all else that a plan is made of stands for it:
cycles, terms and fees are worked out once for thousands.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from core import database
from core.deployment import billing_zone
from core.errors import DomainError
from core.money import WHOLE
from core.periods import FOREVER, Period
from invoices import subscribers
from invoices.assemble import FeeInput
from invoices.models import InvoiceKind
from invoices.subscribers import Subscriber
from products import fees, terms
from products.cycles import Schedule
from products.fees import Course, FeePart
from products.models import OneTimeItem
from products.terms import MeterTerms, Schedules, StoredPhase, Terms

# What the figures of one billing point may raise; it is reported for that point, and blocks no other.
UNBILLABLE = (DomainError, ArithmeticError, ValueError, LookupError)


class PointKey(NamedTuple):
    """Billing point `point` of a subscription, by its primary key."""

    subscription_id: int
    point: int


class Plan(Struct, frozen=True):
    """A billing point with the terms that apply to it, before usage and credits are read.

    period: the invoice's (cycle n, at point 0 cycle 1).  used: the terms of the cycle whose usage is billed, None at point 0.
    schedule: the subscription's from that point on.  proration: the part of a whole cycle that the one whose usage is billed lasts.
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
    proration: Fraction
    is_tax_inclusive: bool
    rated_on: Mapping[int, Period]
    paused: tuple[Period, ...]

    @property
    def meters(self) -> tuple[MeterTerms, ...]:
        """The meters whose usage is billed."""
        return () if self.used is None else self.used.meters


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
        self._zone = billing_zone()
        self._shared = Schedules(self._zone)
        self._later: dict[int, Schedule | None] = {}
        self._models: dict[tuple[object, ...], Plan] = {}
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
            self._schedules[subscription_id] = terms.schedule(phases, zone=self._zone, ends_at=ends_at)
        return self._schedules[subscription_id]

    def schedule_from(self, key: PointKey) -> Schedule:
        """Give a schedule with the cycles that a subscription has from a point's on. See Note [What subscriptions share]."""
        if key.point < 2:
            return self.schedule(key.subscription_id)
        if key.subscription_id not in self._later:
            phases, ends_at = self._phases[key.subscription_id], self.subscribers[key.subscription_id].ends_at
            self._later[key.subscription_id] = self._shared.from_cycle_2(phases, ends_at=ends_at)
        return self._later[key.subscription_id] or self.schedule(key.subscription_id)

    def plan(self, key: PointKey) -> Plan:
        """Plan one point of one of the subscriptions. Raises UNBILLABLE, LookupError where there is no such point."""
        alike = self._likeness(key)
        if alike is None:
            return self._plan(key)
        model = self._models.get(alike)
        if model is None:
            model = self._models[alike] = self._plan(key)
        return replace(model, key=key, subscriber=self.subscribers[key.subscription_id])

    def _likeness(self, key: PointKey) -> tuple[object, ...] | None:
        """Give what two points' plans must have in common to be the same but for who they are of; None for one that has no equal."""
        schedule = self.schedule_from(key)
        if key.subscription_id in self._paused or schedule is not self._later.get(key.subscription_id):
            return None
        one, (phase,) = self.subscribers[key.subscription_id], self._phases[key.subscription_id]
        quantity = phase.quantity or one.quantity
        # Of a schedule its identity: the planner holds it, and makes no other one for what is alike.
        agreed = (one.expires_at, one.bill_from, one.credits_fee_at_end)
        return key.point, id(schedule), phase.product_id, quantity, *agreed

    def _plan(self, key: PointKey) -> Plan:
        subscriber = self.subscribers[key.subscription_id]
        schedule = self.schedule_from(key)
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
            proration=schedule.proration(key.point) if key.point else WHOLE,
            is_tax_inclusive=(used or following or self._terms_of(key.subscription_id, 1)).version.tax_inclusive,
            rated_on=self._rated_on(key, schedule),
            paused=tuple(part for pause in pauses if key.point and (part := pause.intersect(period))),
        )

    def fee_parts(self, key: PointKey) -> tuple[FeePart, ...]:
        """Give the parts of fees that are due at a point, whatever the fee comes to."""
        one = self.subscribers[key.subscription_id]
        course = Course(
            self.schedule_from(key),
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
        return terms.in_force(self._versions[product_id], self.schedule_from(PointKey(subscription_id, n)).cycle(n).start)

    def _one_time(self, key: PointKey, schedule: Schedule) -> Iterable[FeeInput]:
        for item in self._bought.get(key.subscription_id, ()) if key.point == 0 else ():
            name = _times(item.price_version.product.name, item.quantity)
            yield FeeInput("one_time", name, item.amount, schedule.cycle(1))


def kind_of(schedule: Schedule, point: int) -> str:
    """Give the kind of a billing point's invoice."""
    if point == 0:
        return InvoiceKind.OPENING.value
    return InvoiceKind.REGULAR.value if schedule.has_cycle(point + 1) else InvoiceKind.FINAL.value


def _fee(part: FeePart, of: Terms, quantity: int, point: int) -> FeeInput:
    """Give a part of a cycle's fee as a line, whose words say why it is due. See Note [Fees] in products.fees."""
    why = "" if part.cycle > point else " (after the pause)" if part.part > 0 else " (unused)"
    version = of.version
    description = _times(version.product_name, quantity) + why
    amount = version.fixed_price * quantity
    return FeeInput("fixed_fee", description, amount, part.period, part.part, version.product_public_id, quantity)


def _times(name: str, quantity: int) -> str:
    return name if quantity == 1 else f"{name} × {quantity}"
