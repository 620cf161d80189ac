"""Show invoices in the API's shape: as their rows stand once issued, computed or estimated while they are drafts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Prefetch

from core.money import plain
from credits.models import CreditGrant, CreditKind, GrantPeriod
from invoices import falls, preview, trial
from invoices.falls import Fall
from invoices.models import Invoice, InvoiceCredit, InvoiceLine, InvoiceStatus, InvoiceTax, LineKind
from invoices.preview import Preview
from invoices.trial import TrialUsage
from meters.models import Meter


class WaterfallPart(msgspec.Struct, kw_only=True):
    """What one tier, or the whole of an untiered price, contributes: minor units, unrounded, flat_amount in it. packages: their number."""

    quantity: str
    unit_price: str
    flat_amount: int
    packages: int | None
    amount: str


class WaterfallDraw(msgspec.Struct, kw_only=True):
    """Units of credit that one grant covered."""

    grant_id: str
    quantity: str


class WaterfallAnswer(msgspec.Struct, kw_only=True):
    """The steps from a quantity to an amount: quantity − free_quantity − credits = chargeable_quantity; the parts add up to
    unrounded_amount; rounded_amount = unrounded_amount + rounding_difference; amount is that, capped at maximum_amount. What amount
    falls short of minimum_amount is a line of its own. Maximum and minimum are those of this cycle, of which proration is the part of a
    whole one, as a fraction. earlier_quantity: what the cycle had counted before a change of product within it; the amount is what the
    new terms make of the whole less what they make of that, maximum included, and the minimum is that of this part alone.
    """

    quantity: str | None
    earlier_quantity: str | None
    free_quantity: str
    credits: list[WaterfallDraw]
    chargeable_quantity: str
    parts: list[WaterfallPart]
    unrounded_amount: str
    rounded_amount: int
    rounding_difference: str
    maximum_amount: int | None
    minimum_amount: int | None
    proration: str
    amount: int


class InvoiceLineAnswer(msgspec.Struct, kw_only=True):
    """One line. quantity − free_quantity − credited_quantity = chargeable_quantity, in the meter's unit. A draft's lines have no id.

    adjusts: the line that an adjustment corrects, over that one's period; its figures are what it adds to it.
    paused_event_count: how many of the events were sent while the subscription was paused; they are charged as any others.
    waterfall: of a usage line; of an adjustment, that of the corrected charge as it should be, to whose amount the line brings what was
    billed before. Null on other lines and on credit notes.
    """

    id: str | None
    kind: str
    description: str
    meter_id: str | None
    period_start: datetime
    period_end: datetime
    quantity: str | None
    free_quantity: str
    credited_quantity: str
    chargeable_quantity: str
    unit_price: str | None
    unrounded_amount: str
    amount: int
    adjusts: str | None
    paused_event_count: int
    waterfall: WaterfallAnswer | None


class TrialUsageAnswer(msgspec.Struct, kw_only=True):
    """What one meter counted in the trial before the first cycle. It is not charged."""

    meter_id: str
    period_start: datetime
    period_end: datetime
    quantity: str | None
    event_count: int


class TaxAnswer(msgspec.Struct, kw_only=True):
    """Tax of one rate; an inclusive one lies in the lines' amounts already."""

    rate: str
    amount: int
    is_inclusive: bool


class CreditAnswer(msgspec.Struct, kw_only=True):
    """Money taken from one grant, in minor units."""

    grant_id: str
    applies_to: str
    amount: int


class InvoiceAnswer(msgspec.Struct, kw_only=True):
    """An invoice. A draft's figures are computed as it is read; in lists it shows its estimate, from estimated_at, and no lines.

    trial_usage: on the invoice of the first cycle, what the trial before it used; null in lists.
    """

    id: str
    number: str | None
    kind: str
    corrects: str | None
    status: str
    point: int
    revision: int
    customer_id: str
    subscription_id: str
    currency: str
    period_start: datetime
    period_end: datetime
    created_at: datetime
    issued_at: datetime | None
    due_at: datetime | None
    lines: list[InvoiceLineAnswer]
    taxes: list[TaxAnswer]
    credits: list[CreditAnswer]
    subtotal: int | None
    tax: int | None
    total: int | None
    amount_paid: int
    amount_due: int | None
    memo: str
    purchase_order: str
    paid_at: datetime | None
    estimated_at: datetime | None = None
    trial_usage: list[TrialUsageAnswer] | None = None


ROWS = Invoice.objects.select_related("customer", "subscription", "corrects")
WHOLE = ROWS.prefetch_related(
    Prefetch("lines", InvoiceLine.objects.order_by("position").select_related("invoice", "meter", "adjusts")),
    Prefetch("taxes", InvoiceTax.objects.order_by("id")),
    Prefetch(
        "credits",
        InvoiceCredit.objects.filter(period__grant__kind=CreditKind.MONEY).order_by("id").select_related("period__grant"),
    ),
)


def shown(invoice: Invoice, *, now: datetime) -> InvoiceAnswer:
    """Show an issued invoice from its rows, a draft as it would be issued now."""
    if invoice.status == InvoiceStatus.DRAFT:
        return computed(invoice, preview.of_draft(invoice, now=now))
    grants = _grants(invoice.lines.all())
    meters = {line.meter: None for line in invoice.lines.all() if line.kind == LineKind.USAGE and line.meter}
    return msgspec.structs.replace(_issued(invoice, grants), trial_usage=_of_trial(trial.of_issued(invoice, meters)))


def listed(invoices: Sequence[Invoice]) -> list[InvoiceAnswer]:
    issued = (one for one in invoices if one.status != InvoiceStatus.DRAFT)
    grants = _grants(line for one in issued for line in one.lines.all())
    return [_estimated(one) if one.status == InvoiceStatus.DRAFT else _issued(one, grants) for one in invoices]


def _grants(lines: Iterable[InvoiceLine]) -> dict[int, str]:
    return _grant_ids(falls.of_stored(line) for line in lines)


def _grant_ids(of: Iterable[Fall | None]) -> dict[int, str]:
    """Find the public ids of the grants that were drawn on, by the key of the grant period."""
    wanted = {period_id for fall in of if fall for period_id in fall.draws}
    if not wanted:
        return {}
    return dict(GrantPeriod.objects.filter(id__in=wanted).values_list("id", "grant__public_id"))


def _issued(invoice: Invoice, grants: Mapping[int, str]) -> InvoiceAnswer:
    return InvoiceAnswer(
        **_head(invoice),
        lines=[_stored_line(line, grants) for line in invoice.lines.all()],
        taxes=[TaxAnswer(rate=plain(tax.rate), amount=tax.amount, is_inclusive=tax.is_inclusive) for tax in invoice.taxes.all()],
        credits=[
            CreditAnswer(grant_id=credit.period.grant.public_id, applies_to=credit.applies_to, amount=int(credit.amount))
            for credit in invoice.credits.all()
        ],
        subtotal=invoice.subtotal,
        tax=invoice.tax_amount,
        total=invoice.total,
        amount_due=invoice.total - invoice.invoice_credit_amount - invoice.amount_paid,
    )


def _estimated(invoice: Invoice) -> InvoiceAnswer:
    return InvoiceAnswer(
        **_head(invoice),
        lines=[],
        taxes=[],
        credits=[],
        subtotal=None,
        tax=None,
        total=invoice.estimate_total,
        amount_due=None,
        estimated_at=invoice.estimated_at,
    )


def computed(invoice: Invoice, found: Preview) -> InvoiceAnswer:
    """Show a draft with the figures that were computed for it."""
    made = found.made
    meters = Meter.objects.in_bulk({line.meter for line in made.lines if line.meter is not None})
    grants = CreditGrant.objects.in_bulk({credit.grant_id for credit in made.credits})
    return InvoiceAnswer(
        **_head(invoice),
        lines=list(_computed_lines(found, meters)),
        taxes=[TaxAnswer(rate=plain(tax.rate), amount=tax.amount, is_inclusive=tax.is_inclusive) for tax in made.taxes],
        credits=[
            CreditAnswer(grant_id=grants[credit.grant_id].public_id, applies_to=credit.applies_to, amount=credit.amount)
            for credit in made.credits
        ],
        subtotal=made.subtotal,
        tax=sum(tax.amount for tax in made.taxes if not tax.is_inclusive),
        total=made.total,
        amount_due=made.amount_due,
        trial_usage=_of_trial(
            trial.of_preview(found, (meters[line.meter] for line in made.lines if line.kind == "usage" and line.meter))
        ),
    )


def _of_trial(used: Iterable[TrialUsage]) -> list[TrialUsageAnswer]:
    return [
        TrialUsageAnswer(
            meter_id=one.meter.public_id,
            period_start=one.period.start,
            period_end=one.period.end,
            quantity=None if one.quantity is None else plain(one.quantity),
            event_count=one.event_count,
        )
        for one in used
    ]


def _head(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.public_id,
        "number": invoice.number,
        "kind": invoice.kind,
        "corrects": invoice.corrects.public_id if invoice.corrects else None,
        "status": invoice.status,
        "point": invoice.point,
        "revision": invoice.revision,
        "customer_id": invoice.customer.public_id,
        "subscription_id": invoice.subscription.public_id,
        "currency": invoice.currency,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "created_at": invoice.created_at,
        "issued_at": invoice.issued_at,
        "due_at": invoice.due_at,
        "amount_paid": invoice.amount_paid,
        "memo": invoice.memo,
        "purchase_order": invoice.purchase_order,
        "paid_at": invoice.paid_at,
    }


def _waterfall(fall: Fall | None, grants: Mapping[int, str]) -> WaterfallAnswer | None:
    if fall is None:
        return None
    return WaterfallAnswer(
        quantity=None if fall.quantity is None else plain(fall.quantity),
        earlier_quantity=None if fall.earlier is None else plain(fall.earlier),
        free_quantity=plain(fall.free),
        credits=[WaterfallDraw(grant_id=grants[key], quantity=plain(units)) for key, units in fall.draws.items()],
        chargeable_quantity=plain(fall.chargeable),
        parts=[
            WaterfallPart(
                quantity=plain(part.quantity),
                unit_price=plain(part.unit_price),
                flat_amount=part.flat_amount,
                packages=part.packages,
                amount=plain(part.amount),
            )
            for part in fall.parts
        ],
        unrounded_amount=plain(fall.unrounded),
        rounded_amount=fall.rounded,
        rounding_difference=plain(fall.difference),
        maximum_amount=fall.maximum,
        minimum_amount=fall.minimum,
        proration=str(fall.proration),
        amount=fall.amount,
    )


def _stored_line(line: InvoiceLine, grants: Mapping[int, str]) -> InvoiceLineAnswer:
    return InvoiceLineAnswer(
        id=line.public_id,
        kind=line.kind,
        description=line.description,
        meter_id=line.meter.public_id if line.meter else None,
        period_start=line.period_start,
        period_end=line.period_end,
        quantity=None if line.quantity is None else plain(line.quantity),
        free_quantity=plain(line.free_quantity),
        credited_quantity=plain(line.credited_quantity),
        chargeable_quantity=plain(line.chargeable_quantity),
        unit_price=None if line.unit_price is None else plain(line.unit_price),
        unrounded_amount=plain(line.unrounded_amount),
        amount=line.amount,
        adjusts=line.adjusts.public_id if line.adjusts else None,
        paused_event_count=line.waterfall.get("paused_event_count", 0),
        waterfall=_waterfall(falls.of_stored(line), grants),
    )


def _computed_lines(computed: Preview, meters: dict[int, Meter]) -> Iterable[InvoiceLineAnswer]:
    corrected = InvoiceLine.objects.in_bulk({line.adjusts.line for line in computed.made.lines if line.adjusts})
    found = [falls.of_computed(line) for line in computed.made.lines]
    # Periods that a grant will only have are in no row yet.
    grants = {held.balance.grant_period_id: held.grant.public_id for held in computed.holdings} | _grant_ids(found)
    for line, waterfall in zip(computed.made.lines, found, strict=True):
        fall = line.figures
        price = line.terms.unit_price if line.terms and fall else None
        yield InvoiceLineAnswer(
            id=None,
            kind=line.kind,
            description=line.description,
            meter_id=meters[line.meter].public_id if line.meter is not None else None,
            period_start=line.period.start,
            period_end=line.period.end,
            quantity=None if fall is None or fall.quantity is None else plain(fall.quantity),
            free_quantity=plain(fall.free_quantity) if fall else "0",
            credited_quantity=plain(fall.credited_quantity) if fall else "0",
            chargeable_quantity=plain(fall.chargeable_quantity) if fall else "0",
            unit_price=None if price is None else plain(price),
            unrounded_amount=plain(line.unrounded_amount),
            amount=line.amount,
            adjusts=corrected[line.adjusts.line].public_id if line.adjusts else None,
            paused_event_count=line.waterfall.paused_event_count if line.waterfall else 0,
            waterfall=_waterfall(waterfall, grants),
        )
