"""Read all that decides the invoices of many billing points, in a fixed number of statements; usage in exactly one."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from core.money import WHOLE
from core.periods import Period
from credits.balances import Held
from credits.burndown import Balance, PhaseUsage, phases
from credits.models import CreditKind
from invoices.assemble import InvoiceInputs, MoneyBalance, UsageInput
from invoices.charge import MeteredUsage
from invoices.models import InvoiceKind, Seller
from invoices.planning import UNBILLABLE, Plan, Planner, PointKey
from meters import stored, usage
from meters.definition import Definition
from meters.meter_sql import Snapshot
from meters.usage import Quantity, UsageRequest
from products.terms import MeterTerms

# The invoices of billing points, as against adjustments and credit notes.
KINDS_OF_POINTS = (InvoiceKind.OPENING, InvoiceKind.REGULAR, InvoiceKind.FINAL)
# What is counted at different times adds up; the greatest and the latest of parts do not.
ADDITIVE = frozenset({"count", "sum"})
_NOTHING = Decimal(0)


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
        units: dict[int, tuple[Balance, ...]] = {}
        money: list[MoneyBalance] = []
        for one in own:
            grant, balance = one.grant, one.balance
            if grant.kind == CreditKind.UNITS and grant.meter_id is not None:
                units[grant.meter_id] = (*units.get(grant.meter_id, ()), balance)
            elif grant.kind == CreditKind.MONEY and grant.currency == self.inputs.currency:
                money.append(MoneyBalance(grant.applies_to, balance))  # type: ignore[arg-type]  # the database checks it
        return replace(self.inputs, unit_balances=units, money_balances=tuple(money)) if units or money else self.inputs


@dataclass(frozen=True)
class Read:
    """What was read: the points by key, what each customer holds, who sells, and which events the usage statement saw."""

    points: Mapping[PointKey, Point]
    holdings: Mapping[int, tuple[Held, ...]]
    seller: Seller
    snapshot: Snapshot
    problems: Mapping[PointKey, Exception]


def read(
    *, keys: Sequence[PointKey], hold: Callable[[set[int], Period], tuple[Held, ...]], planner: Planner | None = None
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
    found = stored.standing({meter.meter_id for one in plans for meter in one.meters})
    definitions, unreadable = found.definitions, found.unreadable
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
    counted, snapshot = usage.in_order(requests, found=found)
    answers = iter(counted)
    alike: dict[Hashable, UsageInput] = {}
    points = {
        one.key: Point(one, _inputs(one, seller, _usages(one, definitions, of_meters, answers, alike)), definitions)
        for one, of_meters in zip(plans, asked, strict=True)
    }
    return Read(points, holdings, seller, snapshot, problems)


def _holdings(plans: Sequence[Plan], hold: Callable[[set[int], Period], tuple[Held, ...]]) -> Mapping[int, tuple[Held, ...]]:
    customers = {one.subscriber.customer_id for one in plans}
    holdings: dict[int, tuple[Held, ...]] = dict.fromkeys(customers, ())
    for held in hold(customers, _hull([one.period for one in plans])) if plans else ():
        holdings[held.grant.customer_id] += (held,)
    return holdings


def _hull(periods: Iterable[Period]) -> Period:
    listed = set(periods)
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
    whole = Asked((one.period,), one.paused, ())
    if not with_units and not one.rated_on:
        return [whole] * len(one.meters)
    asked = []
    for meter in one.meters:
        meter_id, earlier = meter.meter_id, one.rated_on.get(meter.meter_id)
        if earlier is None and meter_id not in with_units:
            asked.append(whole)
            continue
        parts: tuple[Period, ...] = (one.period,)
        if definitions[meter_id].aggregation not in ADDITIVE:
            parts = (one.period if earlier is None else Period(earlier.start, one.period.end),)
        elif meter_id in with_units:
            parts = phases(cycle=one.period, balances=[held.balance for held in own if held.grant.meter_id == meter_id])
        asked.append(Asked(parts, one.paused, () if earlier is None else (earlier,)))
    return asked


def _usages(
    one: Plan,
    definitions: Mapping[int, Definition],
    asked: Sequence[Asked],
    answers: Iterator[Quantity],
    alike: dict[Hashable, UsageInput],
) -> tuple[UsageInput, ...]:
    """Take the next answers, one for each stretch of each meter. alike: see Note [Lines that are alike] in invoices.assemble."""
    usages = []
    for meter, stretches in zip(one.meters, asked, strict=True):
        counted = [next(answers) for _ in stretches.parts]
        if len(counted) > 1 or stretches.paused or stretches.earlier or one.proration is not WHOLE:
            usages.append(_usage(one, meter, definitions, stretches, counted, answers))
            continue
        # Terms and periods by identity: those of a chunk are read once. A quantity by its very digits, for 2 and 2.0 are equal.
        likeness = (id(meter), id(one.period), str(counted[0].quantity), counted[0].event_count)
        if (found := alike.get(likeness)) is None:
            found = alike[likeness] = _usage(one, meter, definitions, stretches, counted, answers)
        usages.append(found)
    return tuple(usages)


def _usage(
    one: Plan,
    meter: MeterTerms,
    definitions: Mapping[int, Definition],
    stretches: Asked,
    counted: Sequence[Quantity],
    answers: Iterator[Quantity],
) -> UsageInput:
    paused = [next(answers) for _ in stretches.paused]
    earlier = [next(answers) for _ in stretches.earlier]
    is_additive = definitions[meter.meter_id].aggregation in ADDITIVE
    metered = MeteredUsage(
        cycle=one.period,
        event_count=sum([quantity.event_count for quantity in counted]),
        phases=tuple(map(_phase, stretches.parts, counted)) if is_additive else None,
        whole=None if is_additive else counted[0].quantity,
        earlier=_phase(stretches.earlier[0], earlier[0]) if earlier else None,
        paused_event_count=sum([quantity.event_count for quantity in paused]),
    )
    return UsageInput(meter.meter_id, meter.meter_name, metered, meter.terms, one.proration)


def _phase(part: Period, counted: Quantity) -> PhaseUsage:
    return PhaseUsage(part, counted.quantity or _NOTHING)


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
