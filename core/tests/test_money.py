"""Hold core.money to literal sums."""

from decimal import Decimal, Inexact
from fractions import Fraction

import pytest

from core.money import (
    CURRENCIES,
    CurrencyMismatch,
    CurrencyUnknown,
    Money,
    approximate,
    exact,
    exponent,
    from_major,
    largest_remainders,
    plain,
    ratio,
    round_half_away,
    to_major,
)


@pytest.mark.parametrize(("currency", "decimals"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("HRK", 2)])
def test_a_currency_has_the_decimals_of_iso_4217(currency, decimals):
    assert exponent(currency) == decimals


def test_currencies_are_sorted_and_distinct():
    assert list(CURRENCIES) == sorted(set(CURRENCIES))


@pytest.mark.parametrize("code", ["usd", "XXX", ""])
def test_an_unknown_currency_is_refused_by_name(code):
    with pytest.raises(CurrencyUnknown, match="is not an ISO 4217 currency code"):
        exponent(code)


@pytest.mark.parametrize(
    ("number", "rounded"),
    [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("-2.5", -3), ("0.499999999999999999", 0), ("-0.4", 0), ("1E+40", 10**40)],
)
def test_halves_round_away_from_zero(number, rounded):
    assert round_half_away(Decimal(number)) == rounded
    assert round_half_away(Fraction(Decimal(number))) == rounded


def test_exact_arithmetic_keeps_what_the_default_context_would_lose():
    with exact():
        product = Decimal("12345678901234567890.123456789012") * Decimal("98765432109876543210.987654321098")

    assert plain(product) == "1219326311370217952261850327338624295040.014144182876585886175176"


def test_exact_arithmetic_refuses_to_round():
    with exact(), pytest.raises(Inexact):
        Decimal(1) / Decimal(3)


def test_a_ratio_is_exact():
    assert ratio(Decimal("0.1"), 3) == Fraction(1, 30)


@pytest.mark.parametrize(
    ("number", "shown"),
    [(Fraction(1, 3), "0.333333333333333333"), (Fraction(-2, 3), "-0.666666666666666667"), (Fraction(300), "300")],
)
def test_a_fraction_is_shown_with_eighteen_decimals(number, shown):
    assert plain(approximate(number)) == shown


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E+3", "1000"), ("1.50", "1.5"), ("-0", "0"), ("-0.00", "0"), ("1E-12", "0.000000000001"), ("-7.0", "-7")],
)
def test_plain_has_no_exponent_and_no_trailing_zeros(number, text):
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(("amount", "currency", "major"), [(1999, "USD", "19.99"), (5, "JPY", "5"), (-1, "KWD", "-0.001")])
def test_major_and_minor_units_turn_into_each_other(amount, currency, major):
    assert to_major(amount, currency) == Decimal(major)
    assert from_major(Decimal(major), currency) == amount


def test_part_of_a_minor_unit_is_refused():
    with pytest.raises(ValueError, match=r"0\.001 USD is not a whole number of minor units"):
        from_major(Decimal("0.001"), "USD")


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], (34, 33, 33)),
        (-100, [1, 1, 1], (-34, -33, -33)),
        (5, [0, 3, 1], (0, 4, 1)),
        (0, [0, 0], (0, 0)),
        (1, [2, 3], (0, 1)),
    ],
)
def test_largest_remainders_add_up(total, weights, parts):
    assert largest_remainders(total, [Decimal(w) for w in weights]) == parts


@pytest.mark.parametrize(("total", "weights"), [(1, [0, 0]), (1, []), (1, [2, -1])])
def test_weights_that_cannot_be_shared_by_are_refused(total, weights):
    with pytest.raises(ValueError, match="weights must not be negative, and not all zero"):
        largest_remainders(total, [Decimal(w) for w in weights])


def test_money_adds_subtracts_and_negates():
    assert Money(5, "USD") + Money(7, "USD") == Money(12, "USD")
    assert Money(5, "USD") - Money(7, "USD") == -Money(2, "USD")


def test_money_of_two_currencies_never_meets():
    with pytest.raises(CurrencyMismatch, match=r"USD and EUR cannot be added\."):
        Money(1, "USD") + Money(1, "EUR")


@pytest.mark.parametrize("amount", [1.5, Decimal(1), True])
def test_money_is_whole_minor_units(amount):
    with pytest.raises(TypeError, match="an amount is an int in minor units"):
        Money(amount, "USD")
