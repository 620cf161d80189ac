"""The journal's law: whatever an invoice is made of, its entries sum to zero."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from invoices.assemble import InvoiceDraft, invoice
from invoices.journal import Booked, entries
from invoices.models import LineKind
from tests.properties.test_charging_laws import invoices

AT = datetime(2026, 7, 1, tzinfo=UTC)
amounts = st.integers(-(10**9), 10**9)
parts = st.integers(0, 10**9)


@st.composite
def booked(draw):
    """Any figures for which total = subtotal − usage credits + added tax + what is carried forward, as the database demands."""
    revenue = draw(st.dictionaries(st.sampled_from(LineKind.values), st.tuples(amounts, amounts), min_size=1))
    usage_credits, added_tax, carried_forward = draw(parts), draw(amounts), draw(parts)
    total = sum(amount for amount, _ in revenue.values()) - usage_credits + added_tax + carried_forward
    kind = draw(st.sampled_from(["regular", "adjustment", "credit_note"]))
    return Booked(revenue, "1", AT, "USD", kind, total, draw(parts), usage_credits, added_tax, draw(amounts), carried_forward)


def of(made: InvoiceDraft) -> Booked:
    """Give what the journal reads of an invoice that was issued so."""
    revenue = {
        kind: (
            sum(line.amount for line in made.lines if line.kind == kind),
            sum(line.amount for line in made.lines if line.kind == kind and line.tax_inclusive),
        )
        for kind in {line.kind for line in made.lines}
    }
    added, included = (sum(tax.amount for tax in made.taxes if tax.is_inclusive == inclusive) for inclusive in (False, True))
    usage, balance = (sum(one.amount for one in made.credits if one.applies_to == applies) for applies in ("usage", "invoice"))
    return Booked(revenue, "1", AT, "USD", "regular", made.total, balance, usage, added, included, made.carried_forward)


@given(booked())
def test_the_entries_of_any_figures_sum_to_zero(one):
    assert sum(entry.amount for entry in entries(one)) == 0


@given(invoices())
def test_the_entries_of_any_assembled_invoice_sum_to_zero(inputs):
    made = invoice(inputs=inputs)
    if made.lines:
        assert sum(entry.amount for entry in entries(of(made))) == 0
