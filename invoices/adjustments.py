"""Compute what closed charges are adjusted by, many in one usage statement, for the invoices that take them up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Coalesce
from msgspec import Struct
from msgspec.structs import replace

from core import database
from core.periods import FOREVER, Period
from credits.balances import Held, less
from credits.burndown import Balance, Draw, PhaseUsage, after
from credits.models import GrantPeriod
from invoices import closed, late, recount
from invoices.adjustment import AdjustmentInput, adjust
from invoices.assemble import InvoiceInputs
from invoices.charge import MeteredUsage
from invoices.closed import Closed
from invoices.inputs import ADDITIVE
from invoices.late import Slot
from invoices.planning import UNBILLABLE
from meters import stored, usage
from meters.definition import Definition
from meters.meter_sql import Snapshot
from meters.usage import UsageRequest


@dataclass(frozen=True)
class Computed:
    """One charge looked at: what was billed, and how it is to be adjusted."""

    slot: Slot
    closed: Closed
    found: AdjustmentInput


@dataclass(frozen=True)
class Looks:
    """What computing came to, and which events it saw; `problems`: the charges that cannot be computed, with the reason."""

    computed: Mapping[Slot, Computed] = field(default_factory=dict)
    problems: Mapping[Slot, Exception] = field(default_factory=dict)
    snapshot: Snapshot | None = None


class Carried(Struct, frozen=True):
    """What one invoice takes up: every charge looked at for it, the changed ones as inputs."""

    looks: tuple[Computed, ...] = ()
    problem: Exception | None = None

    @property
    def inputs(self) -> tuple[AdjustmentInput, ...]:
        return tuple(one.found for one in self.looks if one.found.adjustment.is_needed)

    @property
    def moves(self) -> tuple[Draw, ...]:
        return tuple(move for one in self.inputs for move in one.adjustment.moves)

    def joined(self, inputs: InvoiceInputs) -> InvoiceInputs:
        """Give an invoice's inputs with the adjustments that it carries. Raises what kept one from being computed."""
        if self.problem is not None:
            raise self.problem
        return replace(inputs, adjustments=self.inputs) if self.looks else inputs

    def left(self, holdings: tuple[Held, ...]) -> tuple[Held, ...]:
        """Give what a customer holds for the invoice's own usage, which is later in time than what is adjusted."""
        return less(holdings, self.moves) if self.looks else holdings


NOTHING = Carried()


@dataclass(frozen=True)
class Taken:
    """What the next invoices take up, by subscription: the first one of each takes all. snapshot: which events were counted."""

    by_subscription: Mapping[int, Carried] = field(default_factory=dict)
    snapshot: Snapshot | None = None


def take(subscription_ids: Collection[int]) -> Taken:
    """Look at the late usage that is to be billed to these subscriptions; one small query where there is none."""
    if not late.is_waiting(subscription_ids):
        return Taken()
    return _taken([late.slot(row) for row in late.to_bill().filter(subscription__in=database.among(subscription_ids))])


def foreseen(customer_ids: Collection[int]) -> Taken:
    """Look at what these customers' next invoices will take up, also at what no search has found yet; writes nothing."""
    slots = {late.slot(row) for row in late.to_bill().filter(customer__in=customer_ids)}
    if not settings.HOLD_LATE_USAGE:
        slots.update(late.found(customer_ids))
    return _taken(slots)


def _taken(slots: Collection[Slot]) -> Taken:
    if not slots:
        return Taken()
    looks = compute(slots)
    found: dict[int, Carried] = {}
    for slot in sorted(slots):
        before = found.get(slot.subscription_id, NOTHING)
        if slot in looks.problems:
            found[slot.subscription_id] = replace(before, problem=looks.problems[slot])
        elif slot in looks.computed:
            found[slot.subscription_id] = replace(before, looks=(*before.looks, looks.computed[slot]))
    return Taken(found, looks.snapshot)


def compute(slots: Collection[Slot], *, may_draw: bool = True) -> Looks:
    """Compute these charges by what counts now, all from one snapshot, in order of time, each with the credits that the others leave.

    A charge whose point is not billed at this moment is left out. may_draw: whether more usage may draw on credits.
    """
    found = closed.read(slots)
    if not found:
        return Looks()
    definitions, unreadable = stored.readable({slot.meter_id for slot in found})
    problems: dict[Slot, Exception] = {slot: unreadable[slot.meter_id] for slot in found if slot.meter_id in unreadable}
    found = {slot: one for slot, one in found.items() if slot not in problems}
    requests = {slot: _requests(one) for slot, one in found.items()}
    answer = usage.quantities(requests=sorted({r for listed in requests.values() for r in listed}, key=_order))
    balances, settled = _balances(found.values(), may_draw=may_draw)
    computed: dict[Slot, Computed] = {}
    for slot in sorted(found):
        one = found[slot]
        try:
            counted = _counted(one, definitions[slot.meter_id], requests[slot], answer)
            adjusted = _adjusted(one, counted, balances)
        except UNBILLABLE as problem:
            problems[slot] = problem
            continue
        moves = [move for move in adjusted.adjustment.moves if move.grant_period_id not in settled]
        balances = {balance.grant_period_id: balance for balance in after(balances.values(), moves)}
        computed[slot] = Computed(slot, one, adjusted)
    return Looks(computed, problems, answer.snapshot)


def _requests(one: Closed) -> tuple[UsageRequest, ...]:
    line = one.line
    earlier = () if one.earlier is None else (one.earlier,)
    return tuple(UsageRequest(line.meter_id or 0, line.invoice.customer_id, part) for part in (*one.cuts, *earlier))


def _order(request: UsageRequest) -> tuple[int, int, Period]:
    return request.meter_id, request.customer_id, request.period


def _counted(one: Closed, current: Definition, requests: Sequence[UsageRequest], answer: usage.UsageAnswer) -> MeteredUsage:
    """Count by the stored definition: by rollups where the meter still counts the same in the cycle, else from raw events."""
    definition = one.definition
    if _within(definition, one.whole) != _within(current, one.whole):
        again = recount.count(one.line, at=answer.snapshot, definition=definition)
        quantities, whole, events, earlier = again.phases, again.quantity, again.event_count, again.earlier
    else:
        parts = [answer.quantities[request] for request in requests]
        before = parts.pop() if one.earlier is not None else None
        earlier = PhaseUsage(one.earlier, before.quantity or Decimal(0)) if one.earlier and before else None
        quantities = tuple(part.quantity or Decimal(0) for part in parts)
        whole, events = parts[0].quantity, sum(part.event_count for part in parts)
    if definition.aggregation not in ADDITIVE:
        return MeteredUsage(one.period, events, whole=whole, earlier=earlier)
    return MeteredUsage(one.period, events, phases=tuple(map(PhaseUsage, one.cuts, quantities)), earlier=earlier)


def _within(definition: Definition, period: Period) -> tuple[Period, ...]:
    return tuple(part for interval in definition.active if (part := interval.intersect(period)))


def _balances(found: Iterable[Closed], *, may_draw: bool) -> tuple[dict[int, Balance], set[int]]:
    """Read what the grant periods that these charges drew on still hold, and which of them are settled: those hold nothing."""
    periods = GrantPeriod.objects.filter(id__in={period_id for one in found for _, period_id, _ in one.draws})
    rows = list(periods.select_related("grant").annotate(left=Coalesce(Sum("entries__amount"), Decimal(0))))
    settled = {row.id for row in rows if row.settled_at is not None}
    balances = {
        row.id: Balance(
            grant_period_id=row.id,
            grant_id=row.grant_id,
            priority=row.grant.priority,
            period=Period(row.starts_at, row.ends_at or FOREVER),
            available=row.left if may_draw and row.id not in settled else Decimal(0),
            voided_at=row.grant.voided_at,
        )
        for row in rows
    }
    return balances, settled


def _adjusted(one: Closed, counted: MeteredUsage, balances: Mapping[int, Balance]) -> AdjustmentInput:
    own = {period_id for _, period_id, _ in one.draws}
    charge = one.charge({period_id: balances[period_id].grant_id for period_id in own})
    line = one.line
    return AdjustmentInput(
        line=line.id,
        meter=line.meter_id or 0,
        description=line.description,
        period=one.period,
        terms=charge.terms,
        tax_rate=line.tax_rate,
        tax_inclusive=one.tax_inclusive,
        adjustment=adjust(closed=charge, usage=counted, balances=[balances[period_id] for period_id in own]),
    )
