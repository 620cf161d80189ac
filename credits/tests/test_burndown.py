"""Hold the burning of credits to its order and its limits."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.periods import FOREVER, Period
from credits.burndown import (
    Balance,
    PhaseUsage,
    after,
    burn,
    burn_at_end,
    burn_by_phase,
    chargeable_by_phase,
    in_burn_order,
    phases,
)

D = Decimal


def june(day, hour=0):
    return datetime(2026, 6, day, hour, tzinfo=UTC)


JUNE = Period(june(1), datetime(2026, 7, 1, tzinfo=UTC))


def balance(key, available, *, priority=0, start=None, end=FOREVER, voided_at=None, grant=None):
    return Balance(key, key if grant is None else grant, priority, Period(start or june(1), end), D(available), voided_at)


def drawn(draws):
    return [(draw.grant_period_id, draw.amount) for draw in draws]


def test_priority_goes_before_the_earlier_end_before_the_earlier_start_before_the_smaller_grant():
    balances = [
        balance(1, 1, priority=1, end=june(2)),
        balance(2, 1),
        balance(3, 1, end=june(20)),
        balance(4, 1, end=june(20), start=june(1, 1), grant=1),
        balance(5, 1, end=june(20), grant=2),
    ]

    assert [b.grant_period_id for b in in_burn_order(balances)] == [5, 3, 4, 2, 1]


def test_credits_stop_at_what_there_is_to_cover():
    assert drawn(burn(amount=D(7), balances=[balance(1, 5), balance(2, 5)], usage_period=JUNE)) == [(1, D(5)), (2, D(2))]


@pytest.mark.parametrize("amount", [0, -3])
def test_nothing_to_cover_draws_nothing(amount):
    assert burn(amount=D(amount), balances=[balance(1, 5)], usage_period=JUNE) == ()


def test_a_balance_covers_usage_of_its_own_time_only():
    may = balance(1, 5, start=datetime(2026, 5, 1, tzinfo=UTC), end=june(1))
    july = balance(2, 5, start=JUNE.end)
    voided_before = balance(3, 5, start=june(2), voided_at=june(2))

    assert burn(amount=D(7), balances=[may, july, voided_before], usage_period=JUNE) == ()


def test_what_was_drawn_is_gone():
    balances = [balance(1, 5), balance(2, 5)]

    left = after(balances, burn(amount=D(7), balances=balances, usage_period=JUNE))

    assert [b.available for b in left] == [D(0), D(3)]


def test_a_cycle_is_cut_where_a_balance_starts_ends_or_is_voided():
    balances = [
        balance(1, 1, start=june(5), end=june(20)),
        balance(2, 1, start=june(10), voided_at=june(12)),
        balance(3, 1, start=june(15), voided_at=june(15)),
        balance(4, 1, start=JUNE.end),
    ]

    parts = phases(cycle=JUNE, balances=balances)

    assert [part.start.day for part in parts] == [1, 5, 10, 12, 20]
    assert parts[-1].end == JUNE.end


@pytest.mark.parametrize(
    ("quantities", "free", "parts"),
    [
        ([10, 10], 0, [10, 10]),
        ([10, 10], 15, [0, 5]),
        ([10, -4, 6], 0, [10, 0, 2]),
        ([10, -4], 0, [6, 0]),
        ([10, 5, -12], 0, [3, 0, 0]),
        ([-5, 8], 0, [0, 3]),
        ([-5], 0, [0]),
        ([20, -30, 5], 10, [0, 0, 0]),
        ([], 0, []),
    ],
)
def test_phases_share_what_is_above_the_free_units(quantities, free, parts):
    assert chargeable_by_phase([D(q) for q in quantities], free=D(free)) == tuple(D(p) for p in parts)


def test_each_phase_burns_what_is_alive_in_it():
    first, second = Period(june(1), june(10)), Period(june(10), JUNE.end)
    balances = [balance(1, 100, end=june(10)), balance(2, 30, start=june(10))]

    burned = burn_by_phase(usages=[PhaseUsage(first, D(60)), PhaseUsage(second, D(50))], free=D(20), balances=balances)

    assert [(d.grant_period_id, d.amount, d.usage_period) for d in burned.draws] == [(1, D(40), first), (2, D(30), second)]
    assert (burned.free_quantity, burned.credited_quantity, burned.remaining_quantity) == (D(20), D(70), D(20))


def test_max_and_last_burn_what_is_alive_at_the_last_instant():
    balances = [balance(1, 100, end=june(30)), balance(2, 30, start=june(29)), balance(3, 5, start=june(29), voided_at=june(30))]

    burned = burn_at_end(quantity=D(60), cycle=JUNE, free=D(20), balances=balances)

    assert drawn(burned.draws) == [(2, D(30))]
    assert (burned.free_quantity, burned.credited_quantity, burned.remaining_quantity) == (D(20), D(30), D(10))


def test_a_quantity_below_zero_charges_and_burns_nothing():
    burned = burn_at_end(quantity=D(-5), cycle=JUNE, free=D(1), balances=[balance(1, 5)])

    assert (burned.free_quantity, burned.draws, burned.remaining_quantity) == (D(0), (), D(0))
