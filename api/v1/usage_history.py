"""Serve a subscription's usage history: each cycle with what its meters counted and cost, from invoices or as it stands."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import Prefetch, Q
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from api.v1.subscription_shapes import CycleUsed, MeterUsed, UsageHistoryQuery
from core.money import approximate, plain, ratio
from core.periods import FOREVER, Period
from invoices import preview
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice, InvoiceLine, InvoiceStatus, LineKind, VoidOutcome
from invoices.planning import PointKey
from invoices.preview import Preview
from meters.models import Meter
from products.models import Subscription
from products.pricing import PriceTerms
from products.subscribe import schedule_of

ROWS = Subscription.objects.prefetch_related("phases")
SHOWN_LINES = (LineKind.USAGE, LineKind.MINIMUM)


class UsageHistory(Resource):
    """/subscriptions/{subscription_id}/usage-history"""

    @describes(
        "List the cycles of a subscription, newest first", query=UsageHistoryQuery, answer=CycleUsed, listed=True, errors=[404]
    )
    def get(self, request: Request, subscription_id: str) -> HttpResponse:
        subscription = find(ROWS, subscription_id)
        query = body.decode_query(request.GET, UsageHistoryQuery)
        only = find(Meter, query.meter_id).id if query.meter_id else None
        cycles = _page(list(_cycles(subscription, query, self.now)), query)
        return answer({"items": _used(subscription, cycles, only, self.now)})


def _cycles(subscription: Subscription, query: UsageHistoryQuery, now: datetime) -> Iterator[tuple[int, Period]]:
    """Yield the cycles that have begun and overlap what is asked for, oldest first."""
    schedule = schedule_of(subscription)
    first = shapes.utc(query.start_date) if query.start_date else schedule.starts_at
    last = shapes.utc(query.end_date) if query.end_date else FOREVER
    n = 1
    while schedule.has_cycle(n) and (cycle := schedule.cycle(n)).start <= now:
        if cycle.end > first and cycle.start < last:
            yield n, cycle
        n += 1


def _page(cycles: list[tuple[int, Period]], query: UsageHistoryQuery) -> list[tuple[int, Period]]:
    """Cut the page out, newest first; without page_number pages 0 and 1 (see pagination, Note [Two pages at once])."""
    start = (query.page_number or 0) * query.page_size
    count = 2 if query.page_number is None else 1
    return cycles[::-1][start : start + count * query.page_size]


def _used(subscription: Subscription, cycles: list[tuple[int, Period]], only: int | None, now: datetime) -> list[CycleUsed]:
    billed = _billed(subscription, [n for n, _cycle in cycles])
    open_points: Mapping[PointKey, Preview] = {}
    if any(n not in billed for n, _cycle in cycles):
        open_points = preview.of_customers([subscription.customer_id], now=now)
    meters = Meter.objects.in_bulk(
        {line.meter for one in open_points.values() for line in one.made.lines if line.meter is not None}
    )
    used = []
    for n, cycle in cycles:
        computed = open_points.get(PointKey(subscription.id, n))
        parts = _stored(billed[n]) if n in billed else _computed(computed, meters) if computed else []
        used.append(
            CycleUsed(
                start_date=cycle.start, end_date=cycle.end, meters=[one for meter_id, one in parts if only in (None, meter_id)]
            )
        )
    return used


def _billed(subscription: Subscription, points: list[int]) -> dict[int, Invoice]:
    """Find the invoice that stands for each point: the newest one that is issued, or void and waived."""
    stands = Q(status__in=[InvoiceStatus.ISSUED, InvoiceStatus.PAID]) | Q(void_outcome=VoidOutcome.WAIVE)
    lines = Prefetch("lines", InvoiceLine.objects.filter(kind__in=SHOWN_LINES).order_by("position").select_related("meter"))
    invoices = Invoice.objects.filter(stands, subscription=subscription, point__in=points, kind__in=KINDS_OF_POINTS)
    return {invoice.point: invoice for invoice in invoices.order_by("revision").prefetch_related(lines)}


def _stored(invoice: Invoice) -> Iterable[tuple[int, MeterUsed]]:
    lines = list(invoice.lines.all())
    for line in lines:
        if line.kind != LineKind.USAGE or line.meter is None or line.terms is None:
            continue
        minimum = sum(one.amount for one in lines if one.kind == LineKind.MINIMUM and one.meter_id == line.meter_id)
        terms = PriceTerms.from_json(line.terms)
        yield line.meter.id, _meter(line.meter, terms, line.quantity, line.chargeable_quantity, line.amount + minimum)


def _computed(computed: Preview, meters: Mapping[int, Meter]) -> Iterable[tuple[int, MeterUsed]]:
    lines = computed.made.lines
    for line in lines:
        fall = line.waterfall
        if line.kind != LineKind.USAGE or line.meter is None or line.terms is None or fall is None:
            continue
        minimum = sum(one.amount for one in lines if one.kind == LineKind.MINIMUM and one.meter == line.meter)
        yield line.meter, _meter(meters[line.meter], line.terms, fall.quantity, fall.chargeable_quantity, line.amount + minimum)


def _meter(meter: Meter, terms: PriceTerms, quantity: Decimal | None, chargeable: Decimal, amount: int) -> MeterUsed:
    return MeterUsed(
        id=meter.public_id,
        name=meter.name,
        currency=terms.currency,
        consumed_units=plain(quantity or Decimal(0)),
        free_threshold=int(terms.free_threshold),
        chargeable_units=plain(chargeable),
        price_per_unit=_unit_price(terms, chargeable, amount),
        total_price=amount,
    )


def _unit_price(terms: PriceTerms, chargeable: Decimal, amount: int) -> str:
    """Give the price of one unit; of tiers and packages what one unit came to."""
    if terms.model == "per_unit" and terms.unit_price is not None:
        return plain(terms.unit_price)
    return plain(approximate(ratio(amount, chargeable), places=12)) if chargeable else "0"
