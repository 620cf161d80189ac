"""Laws of prices: parts of a cycle come to the whole, and the order in which events arrived changes nothing."""

from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from core.money import WHOLE, exact
from credits.burndown import PhaseUsage, phases
from invoices.assemble import InvoiceInputs, UsageInput, invoice
from invoices.charge import MeteredUsage
from meters.aggregation import AGGREGATIONS, Reading
from products.pricing import rate, rate_on
from tests.properties.test_charging_laws import CYCLE, balances, changes, quantities, terms


@given(terms(), quantities, quantities)
def test_a_cycle_rated_in_two_parts_comes_to_the_whole(terms, before, after):
    with exact():
        together = before + after
    whole = rate(quantity=together, terms=terms)
    first = rate(quantity=before, terms=terms)

    rest = rate_on(before=before, quantity=after, terms=terms, proration=WHOLE)

    # Only a volume price can fall as usage grows; what was billed before is then not given back.
    assert first.amount + rest.amount == max(whole.amount, first.amount)
    if terms.model != "volume":
        assert first.amount + rest.amount == whole.amount
        with exact():  # the default context would round the sum at 28 digits
            assert first.unrounded_amount + rest.unrounded_amount == whole.unrounded_amount


@given(terms(), quantities, st.integers(1, 30))
def test_a_short_cycle_has_no_higher_limit_than_a_whole_one(terms, quantity, days):
    whole = rate(quantity=quantity, terms=terms)

    part = rate(quantity=quantity, terms=terms, proration=Fraction(days, 30))

    assert part.unrounded_amount == whole.unrounded_amount
    assert part.amount <= whole.amount
    assert (part.minimum_amount or 0) <= (whole.minimum_amount or 0)
    assert part.amount + part.minimum_top_up <= max(whole.amount + whole.minimum_top_up, part.amount)


events = st.lists(st.tuples(st.integers(0, 30 * 86400 - 1), changes), max_size=8, unique_by=lambda event: event[0])


@given(st.sampled_from(sorted(AGGREGATIONS)), events, terms(), balances(), st.randoms())
def test_any_order_of_the_same_events_gives_the_same_invoice(aggregation, events, terms, held, random):
    shuffled = random.sample(events, len(events))

    assert billed(aggregation, shuffled, terms, held) == billed(aggregation, events, terms, held)


def billed(aggregation, events, terms, held):
    """Invoice events that arrived in the order given. Instants are distinct: of one instant the later arrival is the latest."""
    readings = [Reading(CYCLE.start + timedelta(seconds=at), arrival, number) for arrival, (at, number) in enumerate(events)]
    fold = AGGREGATIONS[aggregation].fold
    if aggregation in ("max", "last"):
        usage = MeteredUsage(CYCLE, len(events), whole=fold(readings))
    else:
        parts = phases(cycle=CYCLE, balances=held)
        counted = [PhaseUsage(part, fold(one for one in readings if part.contains(one.timestamp))) for part in parts]
        usage = MeteredUsage(CYCLE, len(events), phases=tuple(counted))
    charged = (UsageInput(1, "usage", usage, terms),)
    return invoice(inputs=InvoiceInputs("USD", CYCLE, usages=charged, unit_balances={1: tuple(held)}))
