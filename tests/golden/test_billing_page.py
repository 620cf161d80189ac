"""The example of docs/billing.md is what the product computes."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from core.money import plain, to_major
from core.periods import Period
from credits.burndown import Balance, PhaseUsage
from invoices.assemble import FeeInput, InvoiceInputs, MoneyBalance, UsageInput, invoice
from invoices.charge import MeteredUsage
from products.pricing import PriceTerms
from tests.architecture.guards import ROOT

AUGUST = Period(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))
SEPTEMBER = Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))


def written() -> dict[str, str]:
    page = (ROOT / "docs/billing.md").read_text()
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", page.partition("## An example")[2], re.MULTILINE))


def test_the_example_is_computed_to_the_cent() -> None:
    tokens = Decimal(8_412_345)
    draft = invoice(
        inputs=InvoiceInputs(
            currency="USD",
            period=AUGUST,
            fees=(FeeInput("fixed_fee", "Fee", 14_900, SEPTEMBER),),
            usages=(
                UsageInput(
                    meter=1,
                    description="Tokens",
                    usage=MeteredUsage(AUGUST, event_count=1, phases=(PhaseUsage(AUGUST, tokens),)),
                    terms=PriceTerms("USD", unit_price=Decimal("0.0003"), free_threshold=Decimal(5_000_000)),
                ),
            ),
            unit_balances={1: (Balance(1, 1, 0, Period.since(AUGUST.start), Decimal(1_000_000)),)},
            money_balances=(MoneyBalance("usage", Balance(2, 2, 0, Period.since(AUGUST.start), Decimal(200))),),
            tax_rate=Decimal("0.2"),
        )
    )
    (line,) = [line for line in draft.lines if line.kind == "usage"]
    fall = line.waterfall
    assert fall is not None

    shown = {
        "quantity": f"{tokens:,} tokens",
        "minus free units": f"{tokens - fall.free_quantity:,}",
        "minus unit credits": f"{fall.chargeable_quantity:,}",
        "× 0.0003 cents": f"{plain(line.unrounded_amount)} cents",
        "rounded once": dollars(line.amount),
        "September's fee": dollars(14_900),
        "subtotal": dollars(draft.subtotal),
        "minus usage credit": dollars(draft.subtotal - draft.credits[0].amount),
        "tax 20 %": f"{dollars(draft.tax)} (of 30.848)",
        "total": dollars(draft.total),
    }
    assert {step: figure for step, figure in written().items() if step != "step" and "---" not in step} == shown


def dollars(cents: int) -> str:
    return f"${to_major(cents, 'USD'):,}"
