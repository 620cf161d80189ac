"""What a line's waterfall is stored as: the very JSON that its readers know, whatever the charge."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from core import exact_json
from core.money import plain
from core.periods import FOREVER, Period
from credits.burndown import Balance, PhaseUsage
from invoices.charge import MeteredUsage, charge
from invoices.fall_text import waterfall_json, waterfall_text
from products.pricing import PriceTerms, Tier

D = Decimal
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
HALVES = JUNE.cut([JUNE.start + timedelta(days=15)])
TERMS = st.sampled_from(
    [
        PriceTerms("USD", unit_price=D("2.50"), free_threshold=D(3), maximum_amount=900, minimum_amount=40),
        PriceTerms("USD", model="graduated", tiers=(Tier(D(10), D("0.040"), 5), Tier(None, D("1E-7")))),
        PriceTerms("USD", model="package", unit_price=D(70), package_size=D("2.5")),
    ]
)
quantities = st.decimals(min_value=-50, max_value=10**7, places=4) | st.sampled_from([D("1E+3"), D("-0"), D(12)])


def stored(period):
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


def meaning(fall):
    """Say what is stored, figure by figure."""
    priced = fall.charge
    told = {
        "phases": None if fall.phases is None else [stored(p.period) | {"quantity": plain(p.quantity)} for p in fall.phases],
        "draws": [
            stored(d.usage_period) | {"grant_period_id": d.grant_period_id, "quantity": plain(d.amount)} for d in fall.draws
        ],
        "parts": [
            {
                "quantity": plain(p.quantity),
                "unit_price": plain(p.unit_price),
                "flat_amount": p.flat_amount,
                "amount": plain(p.amount),
            }
            | ({} if p.packages is None else {"packages": p.packages})
            for p in priced.parts
        ],
        "rounded_amount": priced.rounded_amount,
        "rounding_difference": plain(priced.rounding_difference),
        "proration": str(fall.proration),
    }
    limits = {"maximum_amount": priced.maximum_amount, "minimum_amount": priced.minimum_amount}
    told |= {name: amount for name, amount in limits.items() if amount is not None}
    if fall.earlier:
        told["earlier"] = stored(fall.earlier.period) | {"quantity": plain(fall.earlier.quantity)}
    return told | ({"paused_event_count": fall.paused_event_count} if fall.paused_event_count else {})


@given(
    amounts=st.lists(quantities, min_size=1, max_size=2),
    terms=TERMS,
    available=st.none() | st.integers(1, 1000),
    earlier=st.none() | quantities,
    proration=st.sampled_from([Fraction(1), Fraction(17, 30)]),
    paused=st.integers(0, 2),
)
def test_a_waterfall_is_stored_figure_by_figure(amounts, terms, available, earlier, proration, paused):
    parts = (JUNE,) if len(amounts) == 1 else HALVES
    before = None if earlier is None else PhaseUsage(Period(JUNE.start - timedelta(days=9), JUNE.start), earlier)
    usage = MeteredUsage(JUNE, 7, tuple(map(PhaseUsage, parts, amounts)), earlier=before, paused_event_count=paused)
    balances = () if available is None else (Balance(11, 5, 0, Period(JUNE.start, FOREVER), D(available)),)

    fall = charge(usage=usage, terms=terms, balances=balances, proration=proration)

    assert exact_json.loads(waterfall_text(fall)) == waterfall_json(fall) == meaning(fall)


def test_what_is_no_sum_has_no_phases():
    fall = charge(usage=MeteredUsage(JUNE, 0, whole=None), terms=PriceTerms("USD", unit_price=D(1)), balances=())

    assert waterfall_text(fall) == (
        '{"phases":null,"draws":[],"parts":[{"quantity":"0","unit_price":"1","flat_amount":0,"amount":"0"}],'
        '"rounded_amount":0,"rounding_difference":"0","proration":"1"}'
    )
