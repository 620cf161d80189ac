"""Turn assembled invoices into the rows that are stored: each line with all that its figure was computed from.

Rows are written out as the lines of text that COPY takes: for hundreds of thousands of them, instances of models would cost more than
everything else.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from access.actors import Actor
from core import exact_json
from core.copying import copy_text, escaped, keys
from core.ids import public_ids
from core.periods import Period
from credits.burndown import totals
from credits.entries import Entries
from credits.models import AppliesTo
from invoices.adjustments import Carried
from invoices.assemble import InvoiceDraft, Line
from invoices.fall_text import waterfall_text
from invoices.inputs import Point
from invoices.models import InvoiceStatus, Seller
from invoices.numbers import Number
from invoices.subscribers import ADDRESS
from meters.definition import Definition
from products.pricing import PriceTerms

_LINES = (
    "id, public_id, invoice_id, position, kind, description, meter_id, period_start, period_end, quantity, event_count, free_quantity, "
    "credited_quantity, chargeable_quantity, unit_price, unrounded_amount, amount, tax_rate, tax_inclusive, "
    "definition, terms, waterfall, snapshot_id"
)
_CREDITS = "public_id, invoice_id, line_id, period_id, applies_to, amount"
_TAXES = "invoice_id, rate, is_inclusive, taxable_amount, amount"
_EVENTS = "invoice_id, from_status, to_status, actor_kind, actor_id, reason, created_at"
_AMOUNTS = (
    "subtotal",
    "usage_credit_amount",
    "tax_amount",
    "included_tax_amount",
    "carried_forward_amount",
    "total",
    "invoice_credit_amount",
)
_INVOICES = (
    "id, public_id, kind, status, customer_id, subscription_id, point, point_at, revision, currency, period_start, period_end, "
    "created_at, memo, purchase_order, is_held, hold_reason, estimate_total, estimated_at, series_id, series_number, number, "
    f"issued_at, due_at, paid_at, seller_copy, customer_copy, snapshot_id, {', '.join(_AMOUNTS)}, amount_paid"
)
_NULL = "\\N"
_IDS_AT_ONCE = 512


class Due(Struct, frozen=True):
    """A billing point whose grace is over: a draft, or one that becomes an invoice without having been one (is_new)."""

    id: int
    public_id: str
    subscription_id: int
    customer_id: int
    point: int
    revision: int
    point_at: datetime
    is_new: bool = False


class Assembled(Struct, frozen=True):
    """A billing point with its figures, and what it takes up of late usage."""

    due: Due
    point: Point
    made: InvoiceDraft
    carried: Carried

    @property
    def status(self) -> InvoiceStatus:
        """What the invoice is once issued: nothing is owed on one over zero, or which credits cover."""
        return InvoiceStatus.ISSUED if self.made.amount_due else InvoiceStatus.PAID


class Rows:
    """The rows of one chunk but for the invoices themselves, which wait for their numbers."""

    def __init__(self, *, snapshot_id: int, actor: Actor, now: datetime, line_count: int) -> None:
        self._snapshot = str(snapshot_id)
        self._event_tail = f"\t{escaped(actor.kind)}\t{escaped(actor.id)}\t\t{now.isoformat()}\n"
        self._lines: list[str] = []
        self._credits: list[str] = []
        self._taxes: list[str] = []
        self._events: list[str] = []
        self._entries = Entries(actor=actor, now=now)
        self._line_keys = iter(keys("invoices_invoiceline", line_count))
        self._line_ids = iter(public_ids("lin", line_count))
        self._draw_ids = _endless("drw")
        self._texts = _Texts()
        self._line_texts: dict[int, str] = {}

    def add(self, one: Assembled) -> None:
        """Add an invoice's lines, taxes, credits, ledger entries and changes of state."""
        for position, line in enumerate(one.made.lines):
            if line.adjusts is None:  # invoices.adjusted_rows writes the others
                self._add_line(one, position, line)
        for credit in one.made.credits:
            self._add_credit(one.due, credit.grant_period_id, credit.applies_to, Decimal(credit.amount))
        for tax in one.made.taxes:
            inclusive = "t" if tax.is_inclusive else "f"
            self._taxes.append(f"{one.due.id}\t{tax.rate!s}\t{inclusive}\t{tax.base}\t{tax.amount}\n")
        before = _NULL if one.due.is_new else InvoiceStatus.DRAFT.value
        self._events.append(f"{one.due.id}\t{before}\tissued{self._event_tail}")
        if one.status == InvoiceStatus.PAID:
            self._events.append(f"{one.due.id}\tissued\tpaid{self._event_tail}")

    def write(self) -> None:
        """Write them; foreign keys are checked at the end of the transaction."""
        copy_text("invoices_invoiceline", _LINES, self._lines)
        copy_text("invoices_invoicetax", _TAXES, self._taxes)
        copy_text("invoices_invoicecredit", _CREDITS, self._credits)
        copy_text("invoices_invoiceevent", _EVENTS, self._events)
        self._entries.write()

    def _add_line(self, one: Assembled, position: int, line: Line) -> None:
        key, public_id = next(self._line_keys), next(self._line_ids)
        # Two pieces, that the longer one is not copied for each of those that are alike.
        self._lines += (f"{key}\t{public_id}\t{one.due.id}\t{position}\t", self._rest_of(line, one.point.definitions))
        if line.waterfall is not None and line.waterfall.draws:
            for period_id, amount in totals(line.waterfall.draws).items():
                self._add_credit(one.due, period_id, AppliesTo.USAGE.value, amount, line_key=key, line_id=public_id)

    def _rest_of(self, line: Line, definitions: Mapping[int, Definition]) -> str:
        """Write the columns of a line from its kind on, once for all that are one object: Note [Lines that are alike]."""
        text = self._line_texts.get(id(line))
        if text is None:
            text = self._line_texts[id(line)] = self._written(line, definitions)
        return text

    def _written(self, line: Line, definitions: Mapping[int, Definition]) -> str:
        fall, texts, terms = line.waterfall, self._texts, line.terms
        meter = proof = waterfall = snapshot = _NULL
        if line.meter is not None:
            meter = str(line.meter)
        if fall is None:
            counted, waterfall = f"{_NULL}\t{_NULL}\t0\t0\t0\t{_NULL}", "{}"
        else:
            quantity = _NULL if fall.quantity is None else fall.quantity
            price = _NULL if terms is None or terms.unit_price is None else terms.unit_price
            # Decimals by !s everywhere: formatting one takes three times as long as writing it.
            counted = (
                f"{quantity!s}\t{line.event_count}\t{fall.free_quantity!s}\t{fall.credited_quantity!s}\t"
                f"{fall.chargeable_quantity!s}\t{price!s}"
            )
            if line.meter is not None:
                proof = texts.definition(definitions[line.meter])
            waterfall, snapshot = waterfall_text(fall), self._snapshot
        return (
            f"{line.kind}\t{texts.escaped(line.description)}\t{meter}\t{texts.period(line.period)}\t{counted}\t"
            f"{line.unrounded_amount!s}\t{line.amount}\t{line.tax_rate!s}\t{'t' if line.tax_inclusive else 'f'}\t{proof}\t"
            f"{texts.terms(terms)}\t{waterfall}\t{snapshot}\n"
        )

    def _add_credit(
        self, due: Due, period_id: int, applies_to: str, amount: Decimal, *, line_key: int | None = None, line_id: str = ""
    ) -> None:
        public_id = next(self._draw_ids)
        of_line = _NULL if line_key is None else line_key
        self._credits.append(f"{public_id}\t{due.id}\t{of_line}\t{period_id}\t{applies_to}\t{amount!s}\n")
        self._entries.add(period_id, "burned", -amount, f"draw:{public_id}", invoice_id=due.public_id, line_id=line_id)


class Headers:
    """The rows of the invoices themselves: new ones as lines for COPY, drafts as what is to change in their rows."""

    def __init__(self, *, seller: Seller, snapshot_id: int, issued_at: datetime, now: datetime) -> None:
        self._seller = seller
        self._seller_copy = {name: getattr(seller, name) for name in ("name", "email", "tax_id", "invoice_footer", *ADDRESS)}
        self._seller_text = _json(self._seller_copy)
        self._snapshot_id, self._issued_at, self._now = snapshot_id, issued_at, now
        self._texts = _Texts()
        self._issued = self._texts.instant(issued_at)
        self.new: list[str] = []
        self.drafts: list[dict[str, Any]] = []

    def add(self, one: Assembled, number: Number) -> None:
        """Add an invoice under its number."""
        terms_days = one.point.plan.subscriber.customer_payment_terms_days
        due_at = self._issued_at + timedelta(days=self._seller.payment_terms_days if terms_days is None else terms_days)
        if one.due.is_new:
            self.new.append(self._line(one, number, due_at))
        else:
            self.drafts.append(self._change(one, number, due_at) | dict(zip(_AMOUNTS, _amounts(one.made), strict=True)))

    def write_new(self) -> None:
        """Write those that were no drafts."""
        copy_text("invoices_invoice", _INVOICES, self.new)

    def _line(self, one: Assembled, number: Number, due_at: datetime) -> str:
        due, plan, texts, issued = one.due, one.point.plan, self._texts, self._issued
        status, paid = ("issued", _NULL) if one.made.amount_due else ("paid", issued)
        amounts = "\t".join(map(str, _amounts(one.made)))
        return (
            f"{due.id}\t{due.public_id}\t{plan.kind}\t{status}\t{due.customer_id}\t{due.subscription_id}\t{due.point}\t"
            f"{texts.instant(due.point_at)}\t{due.revision}\t{plan.subscriber.currency}\t{texts.period(plan.period)}\t"
            f"{texts.instant(self._now)}\t\t\tf\t\t{one.made.total}\t{issued}\t"
            f"{number.series_id}\t{number.series_number}\t{number.text}\t{issued}\t{texts.instant(due_at)}\t{paid}\t"
            f"{self._seller_text}\t{_json(plan.subscriber.billed_to())}\t{self._snapshot_id}\t"
            f"{amounts}\t0\n"
        )

    def _change(self, one: Assembled, number: Number, due_at: datetime) -> dict[str, Any]:
        plan = one.point.plan
        return {
            "id": one.due.id,
            "status": one.status,
            "series_id": number.series_id,
            "series_number": number.series_number,
            "number": number.text,
            "issued_at": self._issued_at,
            "due_at": due_at,
            "paid_at": self._issued_at if one.status == InvoiceStatus.PAID else None,
            "seller_copy": self._seller_copy,
            "customer_copy": plan.subscriber.billed_to(),
            "snapshot_id": self._snapshot_id,
            "kind": plan.kind,
            "period_start": plan.period.start,
            "period_end": plan.period.end,
        }


class _Texts:
    """Texts that many rows of a chunk share, each written once."""

    def __init__(self) -> None:
        self._instants: dict[datetime, str] = {}
        self._periods: dict[Period, str] = {}
        # By identity: a chunk reads each meter and each price once, and telling two equal ones apart costs nothing but a second text.
        self._of_objects: dict[int, str] = {}
        self._escaped: dict[str, str] = {}

    def escaped(self, text: str) -> str:
        """Write a text that many lines have, such as a meter's name."""
        found = self._escaped.get(text)
        if found is None:
            found = self._escaped[text] = escaped(text)
        return found

    def instant(self, instant: datetime) -> str:
        text = self._instants.get(instant)
        if text is None:
            text = self._instants[instant] = instant.isoformat()
        return text

    def period(self, period: Period) -> str:
        """Write start and end as two columns."""
        text = self._periods.get(period)
        if text is None:
            text = self._periods[period] = f"{self.instant(period.start)}\t{self.instant(period.end)}"
        return text

    def terms(self, terms: PriceTerms | None) -> str:
        return _NULL if terms is None else self._of(terms)

    def definition(self, definition: Definition) -> str:
        return self._of(definition)

    def _of(self, proof: PriceTerms | Definition) -> str:
        text = self._of_objects.get(id(proof))
        if text is None:
            text = self._of_objects[id(proof)] = _json(proof.to_json())
        return text


def _json(written: object) -> str:
    """Write JSON as a field of COPY: it holds no raw control character, only backslashes need doubling."""
    text = exact_json.dumps(written)
    return text.replace("\\", "\\\\") if "\\" in text else text


def _endless(prefix: str) -> Iterator[str]:
    while True:
        yield from public_ids(prefix, _IDS_AT_ONCE)


def _amounts(made: InvoiceDraft) -> tuple[int, ...]:
    """Give what the columns _AMOUNTS hold, in their order."""
    credits = {"usage": 0, "invoice": 0}
    for credit in made.credits:
        credits[credit.applies_to] += credit.amount
    included = sum([tax.amount for tax in made.taxes if tax.is_inclusive])
    return made.subtotal, credits["usage"], made.tax - included, included, made.carried_forward, made.total, credits["invoice"]
