"""Laws of adjustments that hold for any prices, grants, late events and voids."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.money import exact
from credits.burndown import PhaseUsage, after, chargeable_by_phase, phases, totals
from invoices.adjustment import AdjustmentInput, ClosedCharge, adjust, by_period, figures_of, merged, quantities_of
from invoices.assemble import InvoiceInputs, invoice
from invoices.charge import MeteredUsage, charge
from products.pricing import rate
from tests.properties.test_charging_laws import CYCLE, balances, changes, terms

NEXT = replace(CYCLE, start=CYCLE.end, end=CYCLE.end + (CYCLE.end - CYCLE.start))


def usage(draw, parts):
    return MeteredUsage(CYCLE, 1, phases=tuple(PhaseUsage(part, draw(changes)) for part in parts))


@st.composite
def stories(draw):
    """A closed charge as it was billed, what its grants hold after it, and the usage at some later looks."""
    held = draw(balances())
    parts = phases(cycle=CYCLE, balances=held)
    agreed = draw(terms())
    first = usage(draw, parts)
    fall = charge(usage=first, terms=agreed, balances=held)
    drawn = {one.grant_period_id for one in fall.draws}
    left = [one for one in after(held, fall.draws) if one.grant_period_id in drawn]
    settled = draw(st.sets(st.sampled_from(sorted(drawn)))) if drawn else set()
    left = [replace(one, available=Decimal(0)) if one.grant_period_id in settled else one for one in left]
    closed = ClosedCharge(agreed, fall.proration, quantities_of(first), fall.draws, figures_of(fall, 1))
    return closed, left, settled, [usage(draw, parts) for _ in range(draw(st.integers(1, 4)))]


def billed(closed, found, counted):
    """What stands billed after an adjustment was."""
    return ClosedCharge(
        closed.terms,
        closed.proration,
        quantities_of(counted),
        merged([*closed.draws, *found.moves]),
        closed.billed + found.change,
    )


def rounds(story):
    closed, left, settled, looks = story
    for counted in looks:
        found = adjust(closed=closed, usage=counted, balances=left)
        yield closed, left, counted, found
        closed = billed(closed, found, counted)
        left = list(after(left, [move for move in found.moves if move.grant_period_id not in settled]))


@settings(max_examples=60)
@given(stories())
def test_all_that_was_billed_for_a_charge_adds_up_to_the_one_right_charge(story):
    for closed, _, counted, found in rounds(story):
        after_it = billed(closed, found, counted)
        right = rate(quantity=found.waterfall.chargeable_quantity, terms=closed.terms, proration=closed.proration)
        assert (after_it.billed.amount, after_it.billed.minimum_amount) == (right.amount, right.minimum_top_up)
        assert after_it.billed == found.expected
        with exact():
            used = max(counted.quantity, Decimal(0))
            assert used == found.expected.free_quantity + found.expected.credited_quantity + found.expected.chargeable_quantity


@settings(max_examples=60)
@given(stories())
def test_a_second_look_at_the_same_usage_changes_nothing(story):
    for closed, left, counted, found in rounds(story):
        again = adjust(closed=billed(closed, found, counted), usage=counted, balances=left)
        assert not again.is_needed
        assert again.change.quantity == 0


@settings(max_examples=60)
@given(stories())
def test_credits_never_cover_more_than_a_phase_charges_nor_give_more_than_they_hold(story):
    for closed, left, counted, found in rounds(story):
        held = {one.grant_period_id: one.available for one in left}
        drawn, before = totals(found.waterfall.draws), by_period(closed.draws)
        limits = chargeable_by_phase(quantities_of(counted), free=closed.terms.free_threshold)
        for part, limit in zip(counted.phases, limits, strict=True):
            with exact():
                assert sum(d.amount for d in found.waterfall.draws if d.usage_period == part.period) <= limit
        for period_id, units in drawn.items():
            assert 0 < units <= before.get(period_id, 0) + held[period_id]
        assert drawn.keys() <= held.keys()
        usable = {one.grant_period_id: one.usable for one in left}
        assert all(usable[draw.grant_period_id].overlaps(draw.usage_period) for draw in found.waterfall.draws)


@settings(max_examples=60)
@given(stories())
def test_less_usage_gives_units_back_and_draws_none(story):
    closed, left, _, looks = story
    counted = looks[0]
    fewer = MeteredUsage(
        CYCLE,
        1,
        phases=tuple(replace(p, quantity=min(p.quantity, q)) for p, q in zip(counted.phases, closed.quantities, strict=True)),
    )

    found = adjust(closed=closed, usage=fewer, balances=left)

    assert all(units <= 0 for units in by_period(found.moves).values())


@settings(max_examples=60)
@given(stories(), st.decimals(min_value=0, max_value="0.5", places=4))
def test_lines_of_an_adjustment_say_what_changed_and_what_is_below_zero_is_carried_forward(story, rate_of_tax):
    for closed, _, _, found in rounds(story):
        one = AdjustmentInput(1, 1, "calls", CYCLE, closed.terms, rate_of_tax, False, found)
        made = invoice(inputs=InvoiceInputs("USD", NEXT, adjustments=(one,)))
        assert made.subtotal == found.change.amount + found.change.minimum_amount
        assert made.total - made.carried_forward == made.subtotal + made.tax
        assert min(made.total, made.carried_forward) == 0
