"""Hold the price models to amounts worked out by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest

from products.pricing import NegativeQuantity, PriceTerms, PriceTermsInvalid, Tier, rate, rate_on

D = Decimal


def per_unit(price, **more):
    return PriceTerms("USD", unit_price=D(price), **more)


def tiered(model, *tiers, **more):
    return PriceTerms(
        "USD", model=model, tiers=tuple(Tier(None if up is None else D(up), D(p), flat) for up, p, flat in tiers), **more
    )


THREE = (("100", "5", 0), ("200", "4", 1000), (None, "3", 500))
FLAT_FIRST = (("10", "0", 900), (None, "2", 0))


@pytest.mark.parametrize(
    ("terms", "quantity", "unrounded", "amount"),
    [
        (per_unit("2"), "500", "1000", 1000),
        (per_unit("0.1"), "5", "0.5", 1),
        (per_unit("0.1"), "4", "0.4", 0),
        (per_unit("0.000000000001"), "1000000000000", "1", 1),
        (per_unit("2"), "0.25", "0.5", 1),
        (per_unit("2"), "0", "0", 0),
        (tiered("graduated", *THREE), "0", "0", 0),
        (tiered("graduated", *THREE), "100", "500", 500),
        (tiered("graduated", *THREE), "100.5", "1502", 1502),
        (tiered("graduated", *THREE), "200", "1900", 1900),
        (tiered("graduated", *THREE), "250", "2550", 2550),
        (tiered("graduated", *FLAT_FIRST), "0", "900", 900),
        (tiered("graduated", *FLAT_FIRST), "11", "902", 902),
        (tiered("volume", *THREE), "0", "0", 0),
        (tiered("volume", *THREE), "100", "500", 500),
        (tiered("volume", *THREE), "101", "1404", 1404),
        (tiered("volume", *THREE), "200", "1800", 1800),
        (tiered("volume", *THREE), "201", "1103", 1103),
        (tiered("volume", *FLAT_FIRST), "0", "900", 900),
        (PriceTerms("USD", "package", D("250"), package_size=D(1000)), "0", "0", 0),
        (PriceTerms("USD", "package", D("250"), package_size=D(1000)), "0.001", "250", 250),
        (PriceTerms("USD", "package", D("250"), package_size=D(1000)), "1000", "250", 250),
        (PriceTerms("USD", "package", D("250.5"), package_size=D(1000)), "1001", "501", 501),
    ],
)
def test_a_model_prices_a_quantity(terms, quantity, unrounded, amount):
    charge = rate(quantity=D(quantity), terms=terms)

    assert (charge.unrounded_amount, charge.amount) == (D(unrounded), amount)


def test_the_rounding_difference_is_kept():
    charge = rate(quantity=D(7), terms=per_unit("0.35"))

    assert (charge.unrounded_amount, charge.rounded_amount, charge.rounding_difference) == (D("2.45"), 2, D("-0.45"))


def test_a_line_is_rounded_once_and_not_tier_by_tier():
    charge = rate(quantity=D(3), terms=tiered("graduated", ("1", "0.4", 0), ("2", "0.4", 0), (None, "0.4", 0)))

    assert [part.amount for part in charge.parts] == [D("0.4")] * 3
    assert charge.amount == 1


def test_the_maximum_caps_what_was_rounded():
    charge = rate(quantity=D(500), terms=per_unit("2", maximum_amount=750))

    assert (charge.rounded_amount, charge.amount, charge.minimum_top_up) == (1000, 750, 0)


def test_the_minimum_is_what_is_missing_from_it():
    charge = rate(quantity=D(0), terms=per_unit("2", minimum_amount=300, maximum_amount=300))

    assert (charge.amount, charge.minimum_top_up) == (0, 300)


def test_a_short_cycle_reduces_maximum_and_minimum():
    charge = rate(quantity=D(500), terms=per_unit("2", minimum_amount=1001, maximum_amount=1501), proration=Fraction(1, 2))

    assert (charge.maximum_amount, charge.minimum_amount, charge.amount) == (751, 501, 751)


def test_the_rest_of_a_cycle_owes_its_minimum_where_the_maximum_of_the_cycle_is_reached_before_it():
    terms = per_unit("2", minimum_amount=300, maximum_amount=500)

    charge = rate_on(before=D(250), quantity=D(100), terms=terms, proration=Fraction(1, 2))

    assert (charge.rounded_amount, charge.amount, charge.minimum_amount, charge.minimum_top_up) == (200, 0, 150, 150)


def test_a_negative_quantity_is_refused():
    with pytest.raises(NegativeQuantity, match="-1"):
        rate(quantity=D(-1), terms=per_unit("2"))


@pytest.mark.parametrize(
    ("terms", "field", "message"),
    [
        ({"unit_price": D(0)}, "price_per_unit", "price_per_unit must be greater than zero."),
        ({}, "price_per_unit", "A price has either price_per_unit or tiers, as its model says."),
        ({"model": "graduated", "unit_price": D(1)}, "price_per_unit", "A price has either price_per_unit or tiers"),
        ({"model": "graduated"}, "tiers", "Exactly the models graduated and volume have tiers, at least one."),
        ({"model": "volume", "tiers": (Tier(D(5), D(1)),)}, "tiers", "tiers must ascend by up_to"),
        ({"model": "volume", "tiers": (Tier(D(5), D(1)), Tier(D(5), D(1)), Tier(None, D(1)))}, "tiers", "tiers must ascend"),
        ({"model": "volume", "tiers": (Tier(D(0), D(1)), Tier(None, D(1)))}, "tiers", "tiers must ascend"),
        ({"model": "volume", "tiers": (Tier(None, D(-1)),)}, "tiers", "Prices of tiers must not be negative."),
        ({"model": "package", "unit_price": D(1)}, "package_size", "Exactly the model package has a package_size."),
        ({"unit_price": D(1), "package_size": D(1)}, "package_size", "Exactly the model package has a package_size."),
        ({"unit_price": D(1), "free_threshold": D(-1)}, "free_threshold", "free_threshold must not be negative."),
        ({"unit_price": D(1), "minimum_amount": 2, "maximum_amount": 1}, "minimum_amount", "must not be greater than"),
        ({"model": "stairs", "unit_price": D(1)}, "price_model", "price_model is one of per_unit, graduated, volume, package."),
    ],
)
def test_terms_that_contradict_themselves_are_refused(terms, field, message):
    with pytest.raises(PriceTermsInvalid, match=message) as refusal:
        PriceTerms("USD", **terms)

    assert refusal.value.field == field


@pytest.mark.parametrize(
    "terms",
    [
        per_unit("0.000000000001", free_threshold=D(1000), minimum_amount=0, maximum_amount=5),
        tiered("graduated", *THREE, free_threshold=D("0.5")),
        PriceTerms("JPY", "package", D("250.5"), package_size=D("1E+3")),
    ],
)
def test_stored_terms_read_back_equal(terms):
    assert PriceTerms.from_json(terms.to_json()) == terms


def test_what_terms_have_none_of_is_left_out_and_was_null_before():
    written = tiered("graduated", (None, "2", 0)).to_json()

    none = {"unit_price": None, "package_size": None, "minimum_amount": None, "maximum_amount": None}
    assert written == {
        "currency": "USD",
        "model": "graduated",
        "free_threshold": "0",
        "tiers": [{"unit_price": "2", "flat_amount": 0}],
    }
    before = written | none | {"tiers": [{"up_to": None, "unit_price": "2", "flat_amount": 0}]}
    assert PriceTerms.from_json(before) == PriceTerms.from_json(written)
    assert PriceTerms.from_json(per_unit("2").to_json() | {"tiers": []}) == per_unit("2")
