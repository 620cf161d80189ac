from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from core import formatting


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123450, "USD", "$1,234.50"),
        (-5, "EUR", "−€0.05"),
        (500, "JPY", "¥500"),
        (1234, "KWD", "KWD\xa01.234"),
        (-1234, "CHF", "−CHF\xa012.34"),
        (1234, "CAD", "CA$12.34"),
        (10**30, "USD", "$10,000,000,000,000,000,000,000,000,000.00"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(minor: int, currency: str, shown: str) -> None:
    assert formatting.amount(minor, currency) == shown


@pytest.mark.parametrize(
    ("minor", "shown"),
    [("0.1", "$0.001"), ("2", "$0.02"), ("0.000000000001", "$0.00000000000001"), ("100.50", "$1.005")],
)
def test_a_unit_price_keeps_every_digit(minor: str, shown: str) -> None:
    assert formatting.exact_amount(Decimal(minor), "USD") == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (Decimal("1234567.8900"), "1,234,567.89"),
        (Decimal("-3"), "−3"),
        (Decimal("1E+9"), "1,000,000,000"),
        (Decimal("123456789012345678901234567890.123456789"), "123,456,789,012,345,678,901,234,567,890.123456789"),
        (None, "–"),
    ],
)
def test_a_quantity_is_grouped_and_whole(number: Decimal | None, shown: str) -> None:
    assert formatting.quantity(number) == shown


def test_a_tile_shortens_but_rounds_half_away() -> None:
    assert formatting.short_quantity(Decimal("1234567.5")) == "1,234,568"
    assert formatting.short_quantity(Decimal("0.12345")) == "0.123"


@pytest.mark.parametrize(
    ("now", "before", "shown"),
    [("150", "100", "+50%"), ("1", "3", "−66.7%"), ("100", "100", "0%"), ("5", "0", None), ("-5", "-10", "+50%")],
)
def test_a_change_is_a_percentage_of_what_was_before(now: str, before: str, shown: str | None) -> None:
    assert formatting.change(Decimal(now), Decimal(before)) == shown


def test_a_range_of_days_does_not_repeat_itself() -> None:
    assert formatting.day_range(date(2026, 11, 1), date(2026, 11, 30)) == "1 – 30 Nov 2026"
    assert formatting.day_range(date(2026, 10, 15), date(2026, 11, 14)) == "15 Oct – 14 Nov 2026"
    assert formatting.day_range(date(2026, 12, 15), date(2027, 1, 14)) == "15 Dec 2026 – 14 Jan 2027"


def test_an_instant_says_its_zone() -> None:
    assert formatting.instant(datetime(2026, 11, 1, 7, 5, tzinfo=UTC)) == "1 Nov 2026, 07:05 UTC"


def test_a_fraction_is_shown_as_percent() -> None:
    assert formatting.percent(Decimal("0.185")) == "18.5%"


def test_a_country_is_named_and_what_is_none_stays() -> None:
    assert [formatting.country(code) for code in ("DE", "in", "Narnia", "")] == ["Germany", "India", "Narnia", ""]
    assert formatting.country("DE", locale="fr") == "Allemagne"


def test_countries_are_listed_by_name_without_what_is_none() -> None:
    listed = formatting.countries()

    assert listed[0] == ("AF", "Afghanistan")
    assert ("IN", "India") in listed
    assert not {"EU", "UN", "ZZ", "001"} & {code for code, _name in listed}
    assert 245 <= len(listed) <= 252
