"""Count what a trial used: the invoice of the first cycle shows it, and nothing ever charges it (semantics 15)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.periods import Period
from invoices import line_events
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice
from invoices.preview import Preview
from meters import usage
from meters.meter_sql import Snapshot
from meters.models import Meter
from meters.usage import UsageRequest

FIRST_POINT = 1
"""The end of cycle 1, which always makes an invoice; an opening one is there only where a fee is."""


@dataclass(frozen=True)
class TrialUsage:
    """What one meter counted in a trial. quantity: in its unit, None for no value."""

    meter: Meter
    period: Period
    quantity: Decimal | None
    event_count: int


def of_issued(invoice: Invoice, meters: Iterable[Meter]) -> Sequence[TrialUsage]:
    """Count as the invoice's own snapshot saw it, so that it never changes; `invoice` with its subscription and snapshot."""
    trial_ends_at = invoice.subscription.trial_ends_at
    if invoice.point != FIRST_POINT or invoice.kind not in KINDS_OF_POINTS or trial_ends_at is None or invoice.snapshot is None:
        return ()
    return _counted(
        Period(invoice.subscription.start_at, trial_ends_at), invoice.customer_id, meters, line_events.of(invoice.snapshot)
    )


def of_preview(shown: Preview, meters: Iterable[Meter]) -> Sequence[TrialUsage]:
    """Count as of now, for a draft or a running cycle."""
    plan = shown.point.plan
    began, ended = plan.subscriber.start_at, plan.schedule.starts_at
    if plan.key.point != FIRST_POINT or began == ended:
        return ()
    return _counted(Period(began, ended), plan.subscriber.customer_id, meters, None)


def _counted(trial: Period, customer_id: int, meters: Iterable[Meter], at: Snapshot | None) -> Sequence[TrialUsage]:
    requests = {meter: UsageRequest(meter.pk, customer_id, trial) for meter in meters}
    if not requests:
        return ()
    found = usage.quantities(requests=list(requests.values()), at=at).quantities
    return [TrialUsage(meter, trial, found[one].quantity, found[one].event_count) for meter, one in requests.items()]
