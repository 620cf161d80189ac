"""Hold the table of currencies to a source of its own: the CLDR data that babel carries."""

from babel.core import get_global
from babel.numbers import list_currencies

from core.money import CURRENCIES, exponent

# CLDR says how many decimals people still write; ISO 4217 how many the minor unit has. Prices there have outgrown the minor unit (the Lao
# att, the Syrian piastre), yet banks and card networks go on counting in it: an amount of 100 sent to them is one kip, not a hundred.
WRITTEN_WITHOUT_THEIR_MINOR_UNIT = {
    "AFN": 2, "ALL": 2, "IQD": 3, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2, "MMK": 2, "RSD": 2, "SLL": 2, "SOS": 2, "SYP": 2,
    "YER": 2,
}  # fmt: skip

NEWER_THAN_CLDR = {"XAD"}  # the Arab Monetary Fund's accounting dinar, 396, two decimals


def test_every_exponent_is_that_of_cldr_but_where_people_stopped_writing_the_minor_unit():
    written = get_global("currency_fractions")
    decimals = {currency: written.get(currency, written["DEFAULT"])[0] for currency in CURRENCIES}

    assert {currency: exponent(currency) for currency in CURRENCIES if exponent(currency) != decimals[currency]} == (
        WRITTEN_WITHOUT_THEIR_MINOR_UNIT
    )
    assert {decimals[currency] for currency in WRITTEN_WITHOUT_THEIR_MINOR_UNIT} == {0}


def test_every_currency_that_some_country_pays_with_is_there():
    tender = {
        currency
        for periods in get_global("territory_currencies").values()
        for currency, _from, until, is_tender in periods
        if is_tender and until is None
    }

    assert len(tender) > 150
    assert tender <= set(CURRENCIES) <= set(list_currencies()) | NEWER_THAN_CLDR
