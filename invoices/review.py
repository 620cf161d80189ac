"""Gather what finance looks at before issuing: the change against the invoice before, and what is odd, in a fixed number of statements.

What is odd about a draft is computed with its estimate, and kept with it: so a list of thousands is narrowed by it without computing any.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Abs, Coalesce
from django.utils.translation import gettext

from core.money import exact
from events.models import ConflictStatus, EventConflict, RejectedEvent, RejectedStatus
from invoices import preview
from invoices.anomalies import LABELS, Anomaly, MeterUsage, Seen, anomalies
from invoices.inputs import KINDS_OF_POINTS
from invoices.late_models import LateState, LateUsage
from invoices.listing import oddness
from invoices.models import Invoice, InvoiceLine, InvoiceStatus, LineKind
from invoices.preview import Refreshed
from meters.models import Meter

CYCLES = 6
"""How many cycles before say what is usual."""
LOOKED_AT_ONCE = 50
_NOT_KNOWN = 2**62
_COUNTS = (InvoiceStatus.ISSUED, InvoiceStatus.PAID)
Used = Mapping[tuple[int, int, int], Decimal | None]


@dataclass(frozen=True)
class Reviewed:
    """A draft with its estimate, refreshed. before: the total of the subscription's invoice before, None where there is none.

    change: the estimate less that, in minor units; None where the draft has no figures.  is_stored: False where it is a draft no more.
    """

    draft: Invoice
    before: int | None
    change: int | None
    anomalies: Sequence[Anomaly]
    is_stored: bool


@dataclass(frozen=True)
class InCurrency:
    """The drafts of one currency. estimate: the sum of those that have one, in minor units.  unknown: how many have none yet.

    held: how many are held back; issuing all leaves these.
    """

    currency: str
    count: int
    estimate: int
    unknown: int
    held: int

    @property
    def issuable(self) -> int:
        """How many drafts issuing all of them is about."""
        return self.count - self.held


def by_currency(drafts: QuerySet[Invoice]) -> list[InCurrency]:
    """Count drafts by currency, the currency with the most first: amounts of two are neither added nor compared (semantics 14)."""
    bare = Count("id", filter=Q(estimate_total=None))
    held = Count("id", filter=Q(is_held=True))
    estimate = Sum("estimate_total", default=0)
    rows = (
        drafts.order_by().values("currency")
        .annotate(count=Count("id"), estimate=estimate, unknown=bare, held=held)
        .order_by("-count", "currency")
    )  # fmt: skip
    return [InCurrency(**row) for row in rows]


def drafts() -> QuerySet[Invoice]:
    """Read the open drafts with `before`, the total before, and `size` of the change; those without figures are the largest.

    Sizes are minor units: only drafts of one currency can be put in order by them.
    """
    earlier = Invoice.objects.filter(
        subscription=OuterRef("subscription"), point__lt=OuterRef("point"), kind__in=KINDS_OF_POINTS, status__in=_COUNTS
    ).order_by("-point", "-revision")
    before = Subquery(earlier.values("total")[:1])
    change = Abs(F("estimate_total") - Coalesce(F("before"), Value(0)), output_field=BigIntegerField())
    size = Coalesce(change, Value(_NOT_KNOWN), output_field=BigIntegerField())
    rows = Invoice.objects.filter(status=InvoiceStatus.DRAFT).select_related("customer")
    return rows.annotate(before=before).annotate(size=size)


@dataclass(frozen=True)
class Flag:
    """A quick filter: what DraftFilter takes as `odd`, a label for kinds of what is odd, and how many drafts it finds."""

    odd: str
    label: str
    count: int


@dataclass(frozen=True)
class Flags:
    """What was odd at the latest looks. kinds: those that occur.  unknown: how many were never looked at.  since: the oldest look."""

    count: int
    any: int
    none: int
    unknown: int
    kinds: Sequence[Flag]
    since: datetime | None


def by_flag(drafts: QuerySet[Invoice]) -> Flags:
    """Count drafts by what was odd about them when they were last looked at, in one statement."""
    wanted = {name: Count("id", filter=oddness(name)) for name in ("any", "none", "unknown", *LABELS)}
    counted = drafts.order_by().aggregate(**wanted, count=Count("id"), since=Min("estimated_at"))
    kinds = [Flag(kind, gettext(label), counted[kind]) for kind, label in LABELS.items() if counted[kind]]
    return Flags(counted["count"], counted["any"], counted["none"], counted["unknown"], kinds, counted["since"])


def look_again(*, now: datetime, limit: int = 1000) -> int:
    """Look at the drafts whose latest look is the oldest, and keep their estimates and what is odd; give their number."""
    oldest = drafts().order_by(F("estimated_at").asc(nulls_first=True), "id")[:limit]
    rows = sorted(oldest, key=lambda draft: (draft.customer_id, draft.pk))
    return sum(one.is_stored for part in _parts(rows) for one in described(part, now=now))


def _parts(rows: Iterable[Invoice]) -> Iterator[list[Invoice]]:
    """Cut drafts, sorted by customer, between customers: all open points of one are computed together, and so but once."""
    part: list[Invoice] = []
    for _customer, own in groupby(rows, key=lambda draft: draft.customer_id):
        part += own
        if len(part) >= LOOKED_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def described(found: Sequence[Any], *, now: datetime) -> list[Reviewed]:
    """Refresh a page of drafts (of `drafts`), say what is odd about each and keep its kinds, the largest change first."""
    refreshed = preview.refresh(found, now=now)
    usage = _usage(refreshed)
    counts = _Counts(found)
    rows = [_reviewed(one, usage[one.draft.pk], counts) for one in refreshed]
    _keep_odd(rows)
    return sorted(rows, key=lambda row: (_NOT_KNOWN if row.change is None else abs(row.change), row.draft.pk), reverse=True)


@transaction.atomic
def _keep_odd(rows: Iterable[Reviewed]) -> None:
    """Store the kinds that changed; not on what was issued meanwhile, which is frozen, nor on what is being issued."""
    changed = {}
    for row in rows:
        kinds = list(dict.fromkeys(one.kind for one in row.anomalies))
        if row.draft.odd != kinds:
            row.draft.odd = kinds
            changed[row.draft.pk] = row.draft
    if changed:
        still = Invoice.objects.select_for_update(no_key=True, skip_locked=True).filter(
            status=InvoiceStatus.DRAFT, pk__in=changed
        )
        Invoice.objects.bulk_update([changed[key] for key in still.values_list("pk", flat=True)], ["odd"])


def _reviewed(one: Refreshed, usage: Sequence[MeterUsage], counts: "_Counts") -> Reviewed:
    draft, before = one.draft, one.draft.before  # type: ignore[attr-defined]  # annotated by drafts()
    lines = one.preview.made.lines if one.preview else ()
    seen = Seen(
        usage=usage,
        adjustments=[line.amount for line in lines if line.adjusts is not None],
        hold_reason=draft.hold_reason if draft.is_held else None,
        problem=one.problem,
        late_held_count=counts.late.get(draft.subscription_id, 0),
        conflict_count=counts.conflicts[draft.pk],
        refused_count=counts.refused[draft.pk],
    )
    change = None if draft.estimate_total is None else draft.estimate_total - (before or 0)
    return Reviewed(draft, before, change, anomalies(seen), one.is_stored)


def _usage(refreshed: Iterable[Refreshed]) -> Mapping[int, Sequence[MeterUsage]]:
    """Give each draft's meters with what they counted, now and in the cycles before."""
    now: dict[int, dict[int, Decimal | None]] = defaultdict(dict)
    drafts = {}
    for one in refreshed:
        drafts[one.draft.pk] = one.draft
        for line in one.preview.made.lines if one.preview else ():
            if line.kind == "usage" and line.meter is not None and line.waterfall is not None:
                now[one.draft.pk][line.meter] = _sum(now[one.draft.pk].get(line.meter), line.waterfall.quantity)
    earlier = _earlier(drafts.values())
    meters = Meter.objects.in_bulk({meter for counted in now.values() for meter in counted})

    def of(draft: Invoice, meter: int, quantity: Decimal | None) -> MeterUsage:
        keys = ((draft.subscription_id, draft.point - back, meter) for back in range(1, CYCLES + 1))
        before = [earlier[key] for key in keys if key in earlier]
        return MeterUsage(meters[meter].name, meters[meter].measurement_unit, quantity, before)

    return defaultdict(
        tuple, {key: [of(drafts[key], meter, quantity) for meter, quantity in counted.items()] for key, counted in now.items()}
    )


def _earlier(drafts: Iterable[Invoice]) -> Used:
    """Read what each meter counted in the cycles before, by (subscription, point, meter)."""
    wanted = Q(pk__in=())
    for draft in drafts:
        points = {"invoice__point__lt": draft.point, "invoice__point__gte": draft.point - CYCLES}
        wanted |= Q(invoice__subscription=draft.subscription_id, **points)
    lines = InvoiceLine.objects.filter(
        wanted, kind=LineKind.USAGE, invoice__kind__in=KINDS_OF_POINTS, invoice__status__in=_COUNTS
    )
    found: dict[tuple[int, int, int], Decimal | None] = {}
    for *key, quantity in lines.values_list("invoice__subscription", "invoice__point", "meter", "quantity"):
        place = (key[0], key[1], key[2])
        found[place] = _sum(found.get(place), quantity)
    return found


@exact()
def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other


class _Counts:
    """What is open beside the figures: by draft since its cycle began, and held late usage by subscription."""

    def __init__(self, drafts: Collection[Invoice]) -> None:
        conflicts = EventConflict.objects.filter(
            status=ConflictStatus.OPEN, event__customer__in=[one.customer_id for one in drafts]
        )
        refused = RejectedEvent.objects.filter(status=RejectedStatus.OPEN)
        of_customer = {one.pk: Q(event__customer=one.customer_id) for one in drafts}
        named = {one.pk: Q(customer_reference__in=_references(one)) for one in drafts}
        self.conflicts = _since(conflicts, "latest_seen_at", drafts, of_customer)
        known = refused.filter(customer_reference__in=[name for one in drafts for name in _references(one)])
        self.refused = _since(known, "request__latest_received_at", drafts, named)
        self.late: Mapping[int, int] = {}
        if settings.HOLD_LATE_USAGE:
            held = LateUsage.objects.filter(state=LateState.OPEN, subscription__in=[one.subscription_id for one in drafts])
            self.late = dict(held.order_by().values_list("subscription").annotate(Count("id")))


def _references(draft: Invoice) -> list[str]:
    """What senders call the customer by."""
    return [name for name in (draft.customer.public_id, draft.customer.external_id) if name]


def _since(rows: QuerySet[Any], at: str, drafts: Collection[Invoice], whose: Mapping[int, Q]) -> Mapping[int, int]:
    """Count the rows of each draft's customer since its cycle began, in one look at them."""
    if not drafts:
        return {}
    since = {f"{at}__gte": min(draft.period_start for draft in drafts)}
    counted = {
        f"of_{draft.pk}": Count("id", filter=whose[draft.pk] & Q(**{f"{at}__gte": draft.period_start})) for draft in drafts
    }
    return {int(name.removeprefix("of_")): number for name, number in rows.filter(**since).aggregate(**counted).items()}
