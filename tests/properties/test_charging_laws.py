"""Laws of charging that hold for any quantities, prices, grants and days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from core.money import exact, largest_remainders, round_half_away
from core.periods import FOREVER, Interval, Period, add_interval, days, local_date, local_midnight
from credits.burndown import Balance, PhaseUsage, after, burn, burn_by_phase, phases, totals
from invoices.assemble import COVERED_BY_USAGE_CREDIT, FeeInput, InvoiceInputs, MoneyBalance, UsageInput, invoice
from invoices.charge import MeteredUsage
from products.cycles import Phase, Schedule, billing_points, cycle, cycle_at, first_phase
from products.pricing import PriceTerms, Tier, rate

CYCLE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kolkata", "Pacific/Apia", "America/St_Johns"]
)
quantities = st.decimals(min_value=0, max_value=10**12, places=6)
changes = st.decimals(min_value=-(10**6), max_value=10**6, places=3)
prices = st.decimals(min_value="0.000000000001", max_value=99999, places=12)
amounts = st.integers(min_value=0, max_value=10**7)
limits = st.none() | amounts
instants = st.integers(min_value=-40 * 86400, max_value=40 * 86400).map(lambda s: CYCLE.start + timedelta(seconds=s))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
intervals = st.builds(Interval, st.sampled_from(["Day", "Week", "Month", "Year"]), st.integers(1, 40))


@st.composite
def terms(draw):
    model = draw(st.sampled_from(["per_unit", "graduated", "volume", "package"]))
    bounds = sorted(draw(st.sets(st.decimals(min_value="0.001", max_value=10**6, places=3), max_size=4)))
    tiers = (
        tuple(Tier(up_to, draw(prices), draw(amounts)) for up_to in [*bounds, None]) if model in ("graduated", "volume") else ()
    )
    low, high = draw(limits), draw(limits)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return PriceTerms(
        currency="USD",
        model=model,
        unit_price=None if tiers else draw(prices),
        free_threshold=draw(st.integers(0, 10**6).map(Decimal)),
        tiers=tiers,
        package_size=draw(st.decimals(min_value="0.001", max_value=10**6, places=3)) if model == "package" else None,
        minimum_amount=low,
        maximum_amount=high,
    )


@st.composite
def balances(draw, places=3, first=0):
    made = []
    for key in range(first, first + draw(st.integers(0, 6))):
        start, end = draw(instants), draw(st.just(FOREVER) | instants)
        if start < end:
            available = draw(st.decimals(min_value=0, max_value=10**6, places=places))
            made.append(
                Balance(
                    key,
                    draw(st.integers(0, 3)),
                    draw(st.integers(0, 2)),
                    Period(start, end),
                    available,
                    draw(st.none() | instants),
                )
            )
    return made


@st.composite
def usages(draw, held):
    return tuple(PhaseUsage(part, draw(changes)) for part in phases(cycle=CYCLE, balances=held))


@st.composite
def invoices(draw):
    meters = range(draw(st.integers(0, 3)))
    units = {meter: tuple(draw(balances(first=100 * meter))) for meter in meters}
    charged = tuple(UsageInput(m, str(m), MeteredUsage(CYCLE, 1, phases=draw(usages(units[m]))), draw(terms())) for m in meters)
    fees = tuple(
        FeeInput("fixed_fee", "fee", amount, CYCLE) for amount in draw(st.lists(st.integers(-(10**6), 10**6), max_size=2))
    )
    money = tuple(MoneyBalance(draw(st.sampled_from(["usage", "invoice"])), b) for b in draw(balances(places=0, first=1000)))
    tax = draw(st.decimals(min_value=0, max_value="0.5", places=4))
    return InvoiceInputs("USD", CYCLE, fees, charged, units, money, tax, draw(st.booleans()))


@given(invoices())
def test_lines_credits_and_taxes_add_up_to_the_totals(inputs):
    made = invoice(inputs=inputs)

    usage_credits = sum(credit.amount for credit in made.credits if credit.applies_to == "usage")
    invoice_credits = sum(credit.amount for credit in made.credits if credit.applies_to == "invoice")
    added_tax = 0 if inputs.tax_inclusive else made.tax
    assert made.subtotal == sum(line.amount for line in made.lines)
    assert made.tax == sum(tax.amount for tax in made.taxes)
    assert made.total - made.carried_forward == made.subtotal - usage_credits + added_tax
    assert made.amount_due == made.total - invoice_credits
    assert made.total == 0 or made.carried_forward == 0
    assert min(made.total, made.amount_due, made.carried_forward) >= 0


@given(invoices())
def test_credits_never_exceed_what_they_cover_or_what_they_hold(inputs):
    made = invoice(inputs=inputs)

    covered = max(0, sum(line.amount for line in made.lines if line.kind in COVERED_BY_USAGE_CREDIT))
    assert sum(credit.amount for credit in made.credits if credit.applies_to == "usage") <= covered
    held = {money.balance.grant_period_id: money.balance.available for money in inputs.money_balances}
    assert all(0 < credit.amount <= held[credit.grant_period_id] for credit in made.credits)
    for line in made.lines:
        if line.waterfall:
            fall = line.waterfall
            assert min(fall.free_quantity, fall.credited_quantity, fall.chargeable_quantity) >= 0
            assert fall.free_quantity + fall.credited_quantity + fall.chargeable_quantity == max(fall.quantity, 0)


@given(invoices(), st.randoms())
def test_any_order_of_balances_gives_the_same_invoice(inputs, random):
    made = invoice(inputs=inputs)

    units = {meter: tuple(random.sample(held, len(held))) for meter, held in (inputs.unit_balances or {}).items()}
    money = tuple(random.sample(inputs.money_balances, len(inputs.money_balances)))
    shuffled = InvoiceInputs(
        inputs.currency, inputs.period, inputs.fees, inputs.usages, units, money, inputs.tax_rate, inputs.tax_inclusive
    )
    assert invoice(inputs=shuffled) == made


@given(terms(), quantities)
def test_a_charge_keeps_every_figure_between_quantity_and_amount(terms, quantity):
    charge = rate(quantity=quantity, terms=terms)

    with exact():
        assert sum(part.amount for part in charge.parts) == charge.unrounded_amount
        assert charge.unrounded_amount + charge.rounding_difference == charge.rounded_amount
    assert abs(charge.rounding_difference) <= Decimal("0.5")
    assert charge.amount == min(
        charge.rounded_amount, charge.rounded_amount if charge.maximum_amount is None else charge.maximum_amount
    )
    assert charge.amount + charge.minimum_top_up >= (charge.minimum_amount or 0)
    if terms.model in ("per_unit", "graduated"):
        assert sum(part.quantity for part in charge.parts) == quantity


@given(terms(), quantities, quantities)
def test_more_units_never_cost_less_unless_a_whole_volume_gets_cheaper(terms, one, other):
    if terms.model != "volume":
        assert rate(quantity=min(one, other), terms=terms).amount <= rate(quantity=max(one, other), terms=terms).amount


@given(terms())
def test_stored_terms_read_back_equal(terms):
    assert PriceTerms.from_json(terms.to_json()) == terms


@given(balances(), quantities, quantities)
def test_burning_in_two_parts_equals_burning_the_whole(held, one, other):
    first = burn(amount=one, balances=held, usage_period=CYCLE)
    second = burn(amount=other, balances=after(held, first), usage_period=CYCLE)

    assert totals([*first, *second]) == totals(burn(amount=one + other, balances=held, usage_period=CYCLE))


@given(st.data())
def test_cutting_a_phase_in_two_changes_no_total(data):
    held = data.draw(balances())
    cycle_usages = data.draw(usages(held))
    free = data.draw(st.decimals(min_value=0, max_value=10**5, places=3))
    at = data.draw(st.integers(0, len(cycle_usages) - 1))
    whole = cycle_usages[at]
    middle = whole.period.start + (whole.period.end - whole.period.start) / 2
    share = data.draw(
        st.decimals(min_value=0, max_value=abs(whole.quantity), places=3).map(lambda q: q if whole.quantity >= 0 else -q)
    )

    parts = (
        PhaseUsage(Period(whole.period.start, middle), share),
        PhaseUsage(Period(middle, whole.period.end), whole.quantity - share),
    )

    once = burn_by_phase(usages=cycle_usages, free=free, balances=held)
    twice = burn_by_phase(usages=[*cycle_usages[:at], *parts, *cycle_usages[at + 1 :]], free=free, balances=held)
    assert totals(once.draws) == totals(twice.draws)
    assert (once.free_quantity, once.remaining_quantity) == (twice.free_quantity, twice.remaining_quantity)


@given(st.integers(-(10**9), 10**9), st.lists(st.decimals(min_value=0, max_value=10**6, places=3), min_size=1, max_size=9))
def test_split_parts_equal_the_whole_and_lie_within_one_of_their_share(total, weights):
    if not sum(weights):
        total = 0
    parts = largest_remainders(total, weights)

    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert not sum(weights) or abs(part * sum(weights) - total * weight) < sum(weights)


@given(st.fractions())
def test_rounding_is_odd_and_never_further_than_a_half(number):
    assert abs(round_half_away(number) - number) * 2 <= 1
    assert round_half_away(-number) == -round_half_away(number)


@given(moments, intervals, ZONES, st.integers(1, 30))
def test_cycles_follow_each_other_without_gap_or_overlap(start, interval, zone, moved):
    phases_ = [first_phase(starts_at=start, interval=interval, zone=zone)]
    if moved > 15:
        anchor = local_date(cycle(3, phases_, zone).start, zone) + timedelta(days=moved)
        phases_.append(Phase(4, local_midnight(anchor, zone), anchor, interval))

    cycles = [cycle(n, phases_, zone) for n in range(1, 9)]

    assert cycles[0].start == start
    assert [c.end for c in cycles[:-1]] == [c.start for c in cycles[1:]]
    for n, one in enumerate(cycles, 1):
        assert cycle_at(one.start, phases_, zone) == n
        assert cycle_at(one.end - timedelta(microseconds=1), phases_, zone) == n
        assert 0 < Schedule(tuple(phases_), zone).proration(n) <= 1
    points = [point.at for point in islice(billing_points(phases_, zone, until=cycles[-1].end), 9)]
    assert points == [start, *(c.end for c in cycles)]


@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.integers(1, 40), st.integers(0, 60))
def test_a_month_later_is_the_same_day_or_the_last_of_a_shorter_month(day, count, n):
    later = add_interval(day, Interval("Month", count), n)

    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


@given(moments, st.integers(1, 20 * 86400), ZONES)
def test_days_tile_a_period(start, seconds, zone):
    period = Period(start, start + timedelta(seconds=seconds))

    listed = [day for _, day in days(period, zone)]

    assert listed[0].contains(period.start)
    assert listed[-1].contains(period.end - timedelta(microseconds=1))
    assert [day.end for day in listed[:-1]] == [day.start for day in listed[1:]]
    assert all(local_date(day.start, zone) == name for name, day in days(period, zone))
