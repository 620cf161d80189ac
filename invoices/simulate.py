"""Charge the real usage of past cycles under draft terms beside today's, customer by customer; nothing of it is billed.

# Note [Simulating a price]
- Who: every customer with a living subscription whose product is the one in question now.
- When: the last N cycles of each that have ended, as far as they had this product and were billed here: of the cycle that ends at
  `bill_from` that is the usage, for its fee was due elsewhere.
- Old is what today's terms make of that usage, new what the draft makes of it; so the same terms differ by nothing. Where the price did
  not change within those cycles, old is also what the invoices came to, their adjustments included.
- A charge is the fee, as far as it was due (pauses, short first cycles of a life), and for each meter its usage and what is missing from
  its minimum, by the one function that invoices are charged by. Events and voids of now count, late ones too.
- Unit credits: both sides may use as many units of a meter as the invoice of that cycle drew, never more; terms with more free units need
  fewer. A cycle whose invoice is not issued, or waits to be issued again, has drawn none. Money credits, wallets and taxes are left out
  of both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from access.actors import Actor
from core.errors import DomainError
from core.money import exact, round_half_away
from core.periods import Period
from core.sheets import csv_lines
from credits.burndown import Balance, PhaseUsage
from invoices.charge import MeteredUsage, charge
from invoices.comparing import Row, Tally
from invoices.inputs import ADDITIVE, KINDS_OF_POINTS
from invoices.models import InvoiceLine, InvoiceStatus, LineKind
from invoices.planning import Planner, PointKey
from jobs import start
from jobs.models import Job
from jobs.run import Run
from meters import stored, usage
from meters.definition import Definition
from meters.usage import Quantity, UsageRequest
from products import catalogue, terms
from products.catalogue import PriceInput
from products.cycles import NoSuchCycle
from products.models import Product, Subscription, SubscriptionPhase
from products.pricing import PriceTerms

KIND = "price_simulation"
FILE = "charges.csv"
HEADER = ("customer_id", "customer", "cycles", "currency", "old_amount", "new_amount", "difference")
MOST_CYCLES = 24
CUSTOMERS_AT_ONCE = 100
# What is read within one answer; what is more becomes a job.
MOST_SUBSCRIPTIONS_AT_ONCE = 300
Drawn = Mapping[tuple[PointKey, int], Decimal]


class CyclesInvalid(DomainError):
    """A simulation goes back over at least one cycle, and not over any number."""

    code = "CYCLES_INVALID"


class NothingToCharge(DomainError):
    """A one-time price has no cycles to compare."""

    code = "PRODUCT_HAS_NO_CYCLES"


@dataclass(frozen=True)
class Sheet:
    """One side of the comparison. fixed_price: minor units per cycle.  meters: terms by the meter's internal id."""

    fixed_price: int
    meters: Mapping[int, PriceTerms]

    def to_json(self) -> dict[str, Any]:
        """Write it as a job keeps it."""
        return {"fixed_price": self.fixed_price, "meters": [[key, of.to_json()] for key, of in self.meters.items()]}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Sheet":
        """Read what to_json wrote."""
        return cls(kept["fixed_price"], {key: PriceTerms.from_json(of) for key, of in kept["meters"]})


@dataclass(frozen=True)
class Question:
    """What is compared: the last `cycles` cycles that ended by `now`, under today's terms and under the draft."""

    product_id: int
    currency: str
    cycles: int
    now: datetime
    old: Sheet
    new: Sheet

    @property
    def meter_ids(self) -> tuple[int, ...]:
        """The meters of either side."""
        return tuple(dict.fromkeys([*self.old.meters, *self.new.meters]))


@dataclass(frozen=True)
class Cycle:
    """A past cycle to charge. fees: of how many times the fixed price which parts were due.  earlier: what other terms charged before."""

    key: PointKey
    customer_id: int
    period: Period
    proration: Fraction
    fees: tuple[tuple[int, Fraction], ...]
    earlier: Mapping[int, Period]


def ask(*, product: Product, price: PriceInput, cycles: int, now: datetime) -> Question:
    """Put the question. Raises CyclesInvalid, NothingToCharge, and what products.catalogue.drafted does."""
    if not 1 <= cycles <= MOST_CYCLES:
        raise CyclesInvalid(f"A simulation goes back over 1 to {MOST_CYCLES} cycles.", field="cycles")
    draft = catalogue.drafted(product=product, price=price)
    if price.payment_frequency is None:
        raise NothingToCharge("A one-time price has no cycles that could be charged again.")
    today = terms.in_force(terms.of_products([product.id])[product.id], now)
    old = Sheet(today.version.fixed_price, {meter.meter_id: meter.terms for meter in today.meters})
    new = Sheet(price.fixed_price, {meter.id: of for meter, of in draft})
    return Question(product.id, price.currency, cycles, now, old, new)


def is_large(question: Question) -> bool:
    """Whether the answer takes a job."""
    return _subscriptions(question).count() > MOST_SUBSCRIPTIONS_AT_ONCE


def answer(question: Question) -> tuple[Tally, list[Row]]:
    """Compare all customers at once: the sums, and every customer's row."""
    tally = Tally()
    rows = [row for step in steps(question, tally) for row in step]
    return tally, rows


def steps(question: Question, tally: Tally) -> Iterator[list[Row]]:
    """Compare the customers after the one that the tally is at, some at a time, in the order of their ids."""
    while ids := _next_customers(question, tally):
        rows = compare(question, ids)
        tally.add(rows)
        tally.after = ids[-1]
        yield rows


def begin(*, question: Question, product: Product, actor: Actor, now: datetime) -> Job:
    """Compare in a job, with progress and a CSV."""
    parameters = {
        "product": product.public_id,
        "product_id": question.product_id,
        "currency": question.currency,
        "cycles": question.cycles,
        "now": question.now.isoformat(),
        "old": question.old.to_json(),
        "new": question.new.to_json(),
    }
    with transaction.atomic():
        return start.start(kind=KIND, parameters=parameters, actor=actor, now=now)


def asked(parameters: Mapping[str, Any]) -> Question:
    """Read a job's parameters."""
    sheets = [Sheet.from_json(parameters[side]) for side in ("old", "new")]
    now = datetime.fromisoformat(parameters["now"])
    return Question(parameters["product_id"], parameters["currency"], parameters["cycles"], now, *sheets)


def found(position: Mapping[str, Any]) -> Tally | None:
    """Read a job's position; None before its first step."""
    return Tally(**{**position, "movers": [Row(**row) for row in position["movers"]]}) if position else None


def work(run: Run) -> dict[str, Any]:
    """Do the job."""
    question = asked(run.parameters)
    tally = found(run.position)
    if tally is None:
        tally = Tally()
        run.write(FILE, next(csv_lines(header=HEADER, rows=())).encode())
    total = _subscriptions(question).values("customer").distinct().count()
    while _step(run, question, tally, total):
        pass
    return {"customers": tally.customer_count, "difference": tally.difference}


@transaction.atomic
def _step(run: Run, question: Question, tally: Tally, total: int) -> bool:
    rows = next(steps(question, tally), None)
    if rows is None:
        return False
    run.write(FILE, "".join(list(csv(question, rows))[1:]).encode())
    run.advance(position=asdict(tally), done=tally.customer_count, total=max(total, tally.customer_count), unit="customers")
    return True


def csv(question: Question, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a CSV file, the header first. Amounts are in minor units."""
    cells = (
        (row.customer, row.name, row.cycle_count, question.currency, row.old_amount, row.new_amount, row.difference)
        for row in rows
    )
    return csv_lines(header=HEADER, rows=cells)


def compare(question: Question, customer_ids: Sequence[int]) -> list[Row]:
    """Charge the customers' past cycles under both sides, with one usage statement; a row each, in order of internal id."""
    subscriptions = _subscriptions(question).filter(customer__in=customer_ids).order_by("customer", "id")
    named = {one.customer_id: one.customer for one in subscriptions.select_related("customer")}
    planner = Planner([PointKey(one.id, 1) for one in subscriptions])
    cycles = [cycle for one in subscriptions for cycle in _cycles(question, planner, one.id)]
    definitions = stored.definitions(question.meter_ids)
    requests = [request for one in cycles for meter in definitions for request in _requests(one, meter, definitions)]
    counted = usage.quantities(requests=requests).quantities if requests else {}
    drawn = _drawn([one.key for one in cycles])
    rows = []
    for customer_id, customer in named.items():
        own = [one for one in cycles if one.customer_id == customer_id]
        old, new = (sum(_charged(one, side, definitions, counted, drawn) for one in own) for side in (question.old, question.new))
        rows.append(Row(customer.public_id, customer.name, len(own), old, new))
    return rows


def _subscriptions(question: Question) -> QuerySet[Subscription]:
    """Give the living subscriptions that have, had or will have the product; which cycles had it is seen one by one."""
    living = Q(ends_at=None) | Q(ends_at__gt=question.now)
    having = SubscriptionPhase.objects.filter(product=question.product_id).values("subscription")
    return Subscription.objects.filter(living, id__in=having, start_at__lte=question.now)


def _next_customers(question: Question, tally: Tally) -> list[int]:
    later = _subscriptions(question).filter(customer__gt=tally.after).order_by("customer")
    return list(later.values_list("customer", flat=True).distinct()[:CUSTOMERS_AT_ONCE])


def _cycles(question: Question, planner: Planner, subscription_id: int) -> Iterator[Cycle]:
    schedule, one = planner.schedule(subscription_id), planner.subscribers[subscription_id]
    try:
        running = schedule.cycle_at(question.now)
    except NoSuchCycle:
        return
    if planner.phase_of(subscription_id, running).product_id != question.product_id:
        return
    for n in range(max(1, running - question.cycles), running):
        period = schedule.cycle(n)
        billed = [point for point, at in ((n - 1, period.start), (n, period.end)) if at >= (one.bill_from or at)]
        if not billed or planner.phase_of(subscription_id, n).product_id != question.product_id:
            continue
        key = PointKey(subscription_id, n)
        parts = [part for point in billed for part in planner.fee_parts(PointKey(subscription_id, point)) if part.cycle == n]
        quantity = planner.phase_of(subscription_id, n).quantity or one.quantity
        fees = tuple((quantity, part.part) for part in parts)
        yield Cycle(key, one.customer_id, period, schedule.proration(n), fees, planner.plan(key).rated_on)


def _requests(one: Cycle, meter: int, definitions: Mapping[int, Definition]) -> Iterator[UsageRequest]:
    yield _request(one, meter, definitions)
    if meter in one.earlier:
        yield UsageRequest(meter, one.customer_id, one.earlier[meter])


def _request(one: Cycle, meter: int, definitions: Mapping[int, Definition]) -> UsageRequest:
    """Ask for what is charged; of max and last that is the whole cycle, earlier part included."""
    whole = definitions[meter].aggregation not in ADDITIVE and meter in one.earlier
    start = one.earlier[meter].start if whole else one.period.start
    return UsageRequest(meter, one.customer_id, Period(start, one.period.end))


def _drawn(keys: Sequence[PointKey]) -> Drawn:
    """Read how many units the issued invoices of the points drew for each meter, their adjustments included."""
    demanded = (InvoiceStatus.ISSUED, InvoiceStatus.PAID)
    lines = (
        InvoiceLine.objects.filter(
            kind=LineKind.USAGE,
            invoice__kind__in=KINDS_OF_POINTS,
            invoice__status__in=demanded,
            invoice__subscription__in={key.subscription_id for key in keys},
            invoice__point__in={key.point for key in keys},
        )
        .annotate(moved=Sum("adjusted_by__credited_quantity", filter=Q(adjusted_by__invoice__status__in=demanded)))
        .values_list("invoice__subscription", "invoice__point", "meter", "credited_quantity", "moved")
    )
    with exact():
        return {
            (PointKey(subscription, point), meter): max(own + (moved or 0), Decimal(0))
            for subscription, point, meter, own, moved in lines
            if meter is not None
        }


@exact()
def _charged(
    one: Cycle, side: Sheet, definitions: Mapping[int, Definition], counted: Mapping[UsageRequest, Quantity], drawn: Drawn
) -> int:
    """Give what one side charges for a cycle, in minor units."""
    amount = sum(round_half_away(side.fixed_price * quantity * part) for quantity, part in one.fees)
    for meter, of in side.meters.items():
        metered = _metered(one, meter, definitions, counted)
        units = drawn.get((one.key, meter), Decimal(0))
        held = (Balance(1, 1, 0, Period.since(one.period.start), units),) if units else ()
        made = charge(usage=metered, terms=of, balances=held, proration=one.proration).charge
        amount += made.amount + made.minimum_top_up
    return amount


def _metered(
    one: Cycle, meter: int, definitions: Mapping[int, Definition], counted: Mapping[UsageRequest, Quantity]
) -> MeteredUsage:
    of_cycle = counted[_request(one, meter, definitions)]
    earlier = None
    if meter in one.earlier:
        before = counted[UsageRequest(meter, one.customer_id, one.earlier[meter])]
        earlier = PhaseUsage(one.earlier[meter], before.quantity or Decimal(0))
    if definitions[meter].aggregation not in ADDITIVE:
        return MeteredUsage(one.period, of_cycle.event_count, whole=of_cycle.quantity, earlier=earlier)
    phases = (PhaseUsage(one.period, of_cycle.quantity or Decimal(0)),)
    return MeteredUsage(one.period, of_cycle.event_count, phases=phases, earlier=earlier)
