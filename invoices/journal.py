"""Export issued invoices as journal entries for a ledger: date, account, debit, credit; each invoice sums to zero in its currency.

# Note [The entries of an invoice]
debit   receivables         total less what came from a balance
debit   wallet              what came from a balance (money that the customer had paid or been given before)
debit   credits             usage credits, before tax
credit  revenue.<kind>      the lines of each kind, without the tax that lies in them
credit  tax                 tax added and included
credit  wallet              what is carried forward to the customer's balance
An amount below zero stands on the other side. The revenue of a credit note goes to credit_notes. Payments are no part: the bank's
ledger has them. Dates are days of the billing zone in force at issue, amounts major units.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from core.deployment import billing_zone
from core.money import exponent, ratio, round_half_away, to_major
from core.sheets import csv_lines
from invoices import accounts, export
from invoices.models import Invoice, InvoiceKind
from products.zones import date_at

COLUMNS = ("date", "account", "debit", "credit", "invoice_number", "currency")

_READ = """
SELECT i.number, i.issued_at, i.currency, i.kind, i.total, i.invoice_credit_amount, i.usage_credit_amount, i.tax_amount,
       i.included_tax_amount, i.carried_forward_amount, r.kinds, r.amounts, r.inclusive
FROM invoices_invoice i JOIN invoices_invoiceseries s ON s.id = i.series_id
LEFT JOIN LATERAL (
    SELECT array_agg(k.kind ORDER BY k.kind) AS kinds, array_agg(k.amount ORDER BY k.kind) AS amounts,
           array_agg(k.inclusive ORDER BY k.kind) AS inclusive
    FROM (SELECT l.kind, sum(l.amount)::bigint AS amount, coalesce(sum(l.amount) FILTER (WHERE l.tax_inclusive), 0)::bigint AS inclusive
          FROM invoices_invoiceline l WHERE l.invoice_id = i.id GROUP BY l.kind) k
) r ON true
WHERE i.status <> 'draft' AND i.id IN ({asked})
ORDER BY s.series, s.year, i.series_number
"""


@dataclass(frozen=True)
class Booked:
    """What an invoice's entries come from. Amounts in minor units.  revenue: by kind of line, the sum and the part with tax inside."""

    revenue: Mapping[str, tuple[int, int]]
    number: str
    issued_at: datetime
    currency: str
    kind: str
    total: int
    from_balance: int
    usage_credits: int
    added_tax: int
    included_tax: int
    carried_forward: int


@dataclass(frozen=True)
class Entry:
    """One account's part. amount: minor units, a debit above zero, a credit below."""

    account: str
    amount: int


def csv(invoices: QuerySet[Invoice]) -> Iterator[str]:
    """Yield the lines of a CSV file with the entries of every invoice that is not a draft, in order of their numbers."""
    names = accounts.names()
    return csv_lines(header=COLUMNS, rows=(row for one in _booked(invoices) for row in _rows(one, names)))


def entries(one: Booked) -> Iterable[Entry]:
    """Book an invoice. See Note [The entries of an invoice]."""
    yield Entry("receivables", one.total - one.from_balance)
    yield Entry("wallet", one.from_balance - one.carried_forward)
    yield Entry("credits", one.usage_credits)
    for kind, amount in _net_revenue(one).items():
        yield Entry("credit_notes" if one.kind == InvoiceKind.CREDIT_NOTE else f"revenue.{kind}", -amount)
    yield Entry("tax", -(one.added_tax + one.included_tax))


def _net_revenue(one: Booked) -> dict[str, int]:
    """Take the included tax off the kinds of lines in which it lies, in proportion; the parts add up to it."""
    taxed = sum(inclusive for _, inclusive in one.revenue.values())
    net, seen, taken = {}, 0, 0
    for kind, (amount, inclusive) in one.revenue.items():
        seen += inclusive
        share = (round_half_away(ratio(one.included_tax * seen, taxed)) if taxed else 0) - taken
        taken += share
        net[kind] = amount - share
    if taken != one.included_tax:  # the lines with tax inside come to nothing together, or are from before this was kept
        first = next(iter(net))
        net[first] -= one.included_tax - taken
    return net


def _rows(one: Booked, names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    on = date_at(one.issued_at, billing_zone()).isoformat()
    for entry in entries(one):
        if entry.amount:
            shown = _major(abs(entry.amount), one.currency)
            debit, credit = (shown, "") if entry.amount > 0 else ("", shown)
            yield on, names[entry.account], debit, credit, one.number, one.currency


def _major(amount: int, currency: str) -> str:
    return f"{to_major(amount, currency):.{exponent(currency)}f}"


def _booked(invoices: QuerySet[Invoice]) -> Iterator[Booked]:
    asked, parameters = export.asked(invoices)
    for *head, kinds, amounts, inclusive in export.read(_READ.format(asked=asked), parameters):
        revenue = dict(zip(kinds or (), zip(amounts or (), inclusive or (), strict=True), strict=True))
        yield Booked(revenue, *head)
