"""Prices in words: as people say them, to the last digit, per as many units as asked."""

from decimal import Decimal

import pytest

from dashboard import wording
from dashboard.templatetags.tallybook import may_break, with_code
from products.pricing import PriceTerms
from products.terms import MeterTerms


@pytest.mark.parametrize(
    ("currency", "price", "display_per", "unit", "said"),
    [
        ("USD", "0.1", 1, "call", "$0.001 per call"),
        ("USD", "0.1", 1000, "calls", "$1.00 per 1,000 calls"),
        ("USD", "0.0000005", 1, "byte", "$0.000000005 per byte"),
        ("USD", "0.0000005", 10**9, "bytes", "$5.00 per 1,000,000,000 bytes"),
        ("USD", "0.000000000001", 1, "token", "$0.00000000000001 per token"),
        ("USD", "0.000000000001", 10**9, "tokens", "$0.00001 per 1,000,000,000 tokens"),
        ("JPY", "0.3", 1000, "calls", "¥300 per 1,000 calls"),
        ("KWD", "0.5", 1, "call", "KWD\xa00.0005 per call"),
        ("CLF", "1.25", 1000, "calls", "CLF\xa00.1250 per 1,000 calls"),
    ],
)
def test_a_price_is_said_per_as_many_units_as_asked(currency, price, display_per, unit, said):
    terms = PriceTerms(currency, unit_price=Decimal(price))

    assert wording.terms(MeterTerms(1, "Usage", terms, display_per), unit) == said


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("`a` is null, as `<b>` is.", "<code>a</code> is null, as <code>&lt;b&gt;</code> is."),
        ("No & nothing.", "No &amp; nothing."),
        ("`metadata.a`b` is <null>.", "`metadata.a`b` is &lt;null&gt;."),
    ],
)
def test_names_in_sentences_of_errors_are_code(sentence, written):
    assert with_code(sentence) == written


@pytest.mark.parametrize(
    ("figure", "written"),
    [
        ("$1,234,567.89", "$1,234,567.89"),
        ("−$83,311,067,000.00", '<span class="long">−$83,<wbr>311,<wbr>067,<wbr>000.00</span>'),
        ("9.223.372.036.854 <b>", '<span class="long">9.<wbr>223.<wbr>372.<wbr>036.<wbr>854 &lt;b&gt;</span>'),
    ],
)
def test_very_long_figures_may_break_behind_groups_of_digits(figure, written):
    assert may_break(figure) == written
