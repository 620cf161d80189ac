"""Write amounts, prices, quantities and changes as people read them, without losing or inventing a digit. PURE."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_symbol

from core.money import exact, exponent, plain, round_half_away, to_major

NOTHING = "–"

# Codes of two letters that CLDR names beside countries: islands reserved by others, unions, an outlying Oceania, test and unknown regions.
_NO_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})


@exact()
def amount(minor: int, currency: str, *, locale: str = "en") -> str:
    """Write minor units in the currency's form: 123450 USD is $1,234.50, 500 JPY is ¥500. Raises CurrencyUnknown."""
    return _currency(to_major(minor, currency), currency, locale)


@exact()
def exact_amount(minor: Decimal, currency: str, *, locale: str = "en") -> str:
    """Write an unrounded amount of minor units, every digit kept: 0.1 USD is $0.001. Raises CurrencyUnknown."""
    major = Decimal(minor).scaleb(-exponent(currency))
    return _currency(Decimal(plain(major)), currency, locale)


def _currency(major: Decimal, currency: str, locale: str) -> str:
    # Babel's own number of decimals for a currency differs from ISO 4217 in places (UGX, IQD); the exponent decides here.
    digits = exponent(currency)
    shown = max(digits, -int(major.as_tuple().exponent))
    # A symbol that ends in a letter is a word beside a number: KWD 1.234 as CLDR writes it, but $1.23 and CA$1.23.
    apart = "\u00a0" if get_currency_symbol(currency, locale=locale)[-1:].isalpha() else ""
    pattern = f"¤{apart}#,##0" + ("." + "0" * shown if shown else "")
    text = format_currency(abs(major), currency, pattern, locale=locale, currency_digits=False, decimal_quantization=False)
    return f"\u2212{text}" if major < 0 else text


@exact()
def quantity(number: Decimal | int | None, *, locale: str = "en") -> str:
    """Write a quantity with grouped digits and all of its decimals; no value is a dash."""
    if number is None:
        return NOTHING
    return format_decimal(Decimal(plain(Decimal(number))), locale=locale, decimal_quantization=False).replace("-", "\u2212")


@exact()
def short_quantity(number: Decimal | int | None, *, locale: str = "en") -> str:
    """Write a quantity for a tile: grouped, at most three decimals below a thousand and none from a million on.

    The whole figure stands in the tile's title.
    """
    if number is None:
        return NOTHING
    number = Decimal(number)
    places = 0 if abs(number) >= 1_000_000 else 3
    shown = Decimal(round_half_away(number.scaleb(places))).scaleb(-places)
    return quantity(shown, locale=locale)


def change(now: Decimal | None, before: Decimal | None, *, locale: str = "en") -> str | None:
    """Write the change from before to now in percent with one decimal; None where there is nothing to compare with."""
    if now is None or not before:
        return None
    tenths = round_half_away((Fraction(now) - Fraction(before)) * 1000 / abs(Fraction(before)))
    if tenths == 0:
        return "0%"
    sign = "+" if tenths > 0 else "\u2212"
    text = format_decimal(Decimal(abs(tenths)).scaleb(-1), locale=locale)
    return f"{sign}{text}%"


def country(code: str, *, locale: str = "en") -> str:
    """Name a country by its ISO 3166-1 code; what is no such code stays as it is."""
    name: str = Locale.parse(locale).territories.get(code.upper(), code)
    return name


def countries(*, locale: str = "en") -> list[tuple[str, str]]:
    """List the countries of ISO 3166-1, and Kosovo, as (code, name), by name."""
    named = Locale.parse(locale).territories
    found = [(code, name) for code, name in named.items() if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES]
    return sorted(found, key=lambda country: (country[1], country[0]))


def instant(moment: datetime, *, seconds: bool = False, locale: str = "en") -> str:
    """Write an instant in UTC and say so; a script replaces it by the reader's own zone. moment: aware, in UTC."""
    pattern = "d MMM y, HH:mm:ss" if seconds else "d MMM y, HH:mm"
    return f"{format_datetime(moment, pattern, locale=locale)} UTC"


def day(on: date, *, locale: str = "en") -> str:
    """Write a calendar date: 7 Nov 2026."""
    return format_date(on, "d MMM y", locale=locale)


def window_start(local: datetime, window: str, *, locale: str = "en") -> str:
    """Write the start of an hour, day, week or month as finely as it needs. local: in the zone that the reader is told."""
    patterns = {"hour": "d MMM y, HH:mm", "month": "MMMM y"}
    return format_datetime(local, patterns.get(window, "EEE d MMM y"), tzinfo=local.tzinfo, locale=locale)


def day_range(first: date, latest: date, *, locale: str = "en") -> str:
    """Write a range of whole days, both included, without repeating a month or year that they share."""
    if first == latest:
        return day(first, locale=locale)
    if first.year != latest.year:
        start = day(first, locale=locale)
    elif first.month != latest.month:
        start = format_date(first, "d MMM", locale=locale)
    else:
        start = str(first.day)
    return f"{start} – {day(latest, locale=locale)}"


@exact()
def percent(fraction: Decimal, *, locale: str = "en") -> str:
    """Write a fraction as percent, every digit kept: 0.185 is 18.5%."""
    return f"{quantity(fraction.scaleb(2), locale=locale)}%"
