"""Hold the assembling of an invoice to sums that the golden cases do not show."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.periods import Period
from credits.burndown import Balance, PhaseUsage
from invoices.assemble import FeeInput, InvoiceInputs, MoneyBalance, UsageInput, invoice, taxes_of
from invoices.charge import MeteredUsage
from products.pricing import PriceTerms

D = Decimal
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
CENT = PriceTerms("USD", unit_price=D(1))


def usage(quantity, meter=1):
    counted = MeteredUsage(JUNE, event_count=1, phases=(PhaseUsage(JUNE, D(quantity)),))
    return UsageInput(meter, "Calls", counted, CENT)


def money(key, available, applies_to):
    return MoneyBalance(applies_to, Balance(key, key, 0, Period.since(JUNE.start), D(available)))


def test_an_invoice_without_lines_comes_to_zero():
    draft = invoice(inputs=InvoiceInputs("USD", JUNE))

    assert (draft.lines, draft.taxes, draft.total, draft.amount_due, draft.carried_forward) == ((), (), 0, 0, 0)


def test_two_lines_of_one_meter_share_its_credits():
    balances = {1: (Balance(9, 9, 0, Period.since(JUNE.start), D(150)),)}

    draft = invoice(inputs=InvoiceInputs("USD", JUNE, usages=(usage(100), usage(100)), unit_balances=balances))

    assert [line.waterfall.credited_quantity for line in draft.lines] == [D(100), D(50)]


def test_opening_fees_of_one_product_are_not_looked_through_one_by_one():
    starts = [JUNE.start + timedelta(minutes=n) for n in range(100)]

    fees = [FeeInput("fixed_fee", "Team", 500, Period(start, JUNE.end), product_id="pdt_1") for start in starts]

    assert len({hash(fee) for fee in fees}) == 100


def test_lines_below_zero_in_sum_are_carried_forward():
    refund = FeeInput("fixed_fee", "Unused fee", -500, JUNE)

    draft = invoice(
        inputs=InvoiceInputs(
            "USD", JUNE, fees=(refund,), usages=(usage(100),), money_balances=(money(1, 99, "usage"),), tax_rate=D("0.1")
        )
    )

    assert (draft.subtotal, draft.tax, draft.total, draft.carried_forward) == (-400, -40, 0, 440)
    assert draft.credits == ()


def test_credits_come_off_each_rate_in_proportion():
    low = invoice(inputs=InvoiceInputs("USD", JUNE, usages=(usage(100),), tax_rate=D("0.07"))).lines
    high = invoice(inputs=InvoiceInputs("USD", JUNE, usages=(usage(300),), tax_rate=D("0.19"))).lines

    taxes = taxes_of((*low, *high), 41)

    assert [(tax.rate, tax.base, tax.amount) for tax in taxes] == [(D("0.07"), 90, 6), (D("0.19"), 269, 51)]


def test_credits_come_off_a_rate_in_proportion_to_what_they_cover_of_it_and_fees_are_not_covered():
    fee = FeeInput("fixed_fee", "Plan", 800, JUNE)
    low = invoice(inputs=InvoiceInputs("USD", JUNE, usages=(usage(100),), tax_rate=D("0.07"))).lines
    high = invoice(inputs=InvoiceInputs("USD", JUNE, fees=(fee,), usages=(usage(300),), tax_rate=D("0.19"))).lines

    taxes = taxes_of((*low, *high), 40)

    assert [(tax.rate, tax.base, tax.amount) for tax in taxes] == [(D("0.07"), 90, 6), (D("0.19"), 1070, 203)]
