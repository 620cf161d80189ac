"""Making products, and changing what they cost."""

from decimal import Decimal

import pytest

from core.money import CurrencyMismatch
from core.periods import FOREVER, Interval
from products import catalogue, subscribe, terms
from products.catalogue import MeterPriceInput, PriceInput
from products.pricing import PriceTerms, PriceTermsInvalid, Tier
from products.tests import making
from products.tests.making import ACTOR, NEW_YEAR, utc

pytestmark = pytest.mark.django_db


def carried(subscription):
    return sorted((row.meter.event_name, row.during.lower, row.during.upper or FOREVER) for row in subscription.meters.all())


def test_a_product_begins_with_its_first_version():
    calls = making.meter("call")
    tiered = MeterPriceInput(
        making.meter("mail").public_id, price_model="volume", tiers=(Tier(Decimal(9), Decimal(3)), Tier(None, Decimal(2), 5))
    )

    product = making.product(making.per_unit(calls, "0.000015", free_threshold=100), tiered, fee=4900)

    (version,) = terms.of_products([product.id])[product.id]
    assert (version.version.number, version.version.fixed_price, version.version.currency) == (1, 4900, "USD")
    assert [meter.terms for meter in version.meters] == [
        PriceTerms("USD", unit_price=Decimal("0.000015"), free_threshold=Decimal(100)),
        PriceTerms("USD", "volume", tiers=(Tier(Decimal(9), Decimal(3)), Tier(None, Decimal(2), 5))),
    ]


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (
            lambda m: making.price(making.per_unit(m), making.per_unit(m)),
            "DUPLICATE_METER_IDS_IN_REQUEST",
            "A meter stands twice",
        ),
        (lambda m: making.price(MeterPriceInput("mtr_none", Decimal(1))), "MISSING_METER_IDS", "There is no meter mtr_none"),
        (lambda m: making.price(*[making.per_unit(m)] * 11), "TOO_MANY_METERS", "at most 10 meters"),
        (lambda m: making.price(making.per_unit(m, "100000")), "PRICE_TERMS_INVALID", "at most 5 digits before and 12 after"),
        (lambda m: making.price(making.per_unit(m, "1e-13")), "PRICE_TERMS_INVALID", "at most 5 digits before and 12 after"),
        (lambda m: making.price(making.per_unit(m), currency="XXX"), "CURRENCY_UNKNOWN", "not an ISO 4217"),
        (lambda m: making.price(making.per_unit(m), fee=-1), "PRICE_INVALID", "never negative"),
        (lambda m: PriceInput("one_time_price", "USD", 1, Interval("Month", 1)), "PRICE_INVALID", "no payment frequency"),
    ],
)
def test_a_price_that_contradicts_itself_is_refused(make, code, message):
    with pytest.raises(catalogue.DomainError, match=message) as refusal:
        catalogue.create_product(name="P", tax_category="saas", price=make(making.meter()), actor=ACTOR, now=NEW_YEAR)

    assert refusal.value.code == code


def test_a_problem_of_a_meters_price_names_its_place():
    with pytest.raises(PriceTermsInvalid) as refusal:
        making.product(making.per_unit(making.meter("a")), MeterPriceInput(making.meter("b").public_id, price_model="volume"))

    assert refusal.value.field == "price.meters[1].tiers"


def test_an_archived_meter_is_not_sold():
    with pytest.raises(catalogue.MeterIsDeleted):
        making.product(making.per_unit(making.meter(archived_at=NEW_YEAR)))


def test_a_price_change_reaches_a_subscriber_with_the_next_cycle():
    calls, mails = making.meter("call"), making.meter("mail")
    product = making.product(making.per_unit(calls))
    subscription = subscribe.create(
        customer=making.customer(), product=product, start_at=utc("2026-01-10"), actor=ACTOR, now=utc("2026-01-10")
    )

    catalogue.update_price(product=product, price=making.price(making.per_unit(mails, "3")), actor=ACTOR, now=utc("2026-02-15"))

    end = subscription.ends_at
    assert carried(subscription) == [("call", utc("2026-01-10"), utc("2026-03-10")), ("mail", utc("2026-03-10"), end)]
    versions = terms.of_products([product.id])[product.id]
    assert terms.in_force(versions, utc("2026-02-10")).version.number == 1
    assert terms.in_force(versions, utc("2026-03-10")).version.number == 2
    assert terms.in_force(versions, utc("2020-01-01")).version.number == 1


def test_a_price_change_that_takes_a_meter_from_anothers_subscription_is_refused():
    calls, mails = making.meter("call"), making.meter("mail")
    one, other = making.product(making.per_unit(calls)), making.product(making.per_unit(mails))
    customer = making.customer()
    held = subscribe.create(customer=customer, product=other, start_at=NEW_YEAR, actor=ACTOR, now=NEW_YEAR)
    subscribe.create(customer=customer, product=one, start_at=NEW_YEAR, actor=ACTOR, now=NEW_YEAR)

    with pytest.raises(catalogue.carried.MeterAlreadySubscribed, match=held.public_id):
        catalogue.update_price(
            product=one, price=making.price(making.per_unit(calls), making.per_unit(mails)), actor=ACTOR, now=utc("2026-01-02")
        )

    assert one.versions.count() == 1


def test_subscribers_keep_currency_and_frequency():
    product = making.product(fee=100)
    subscribe.create(customer=making.customer(), product=product, start_at=NEW_YEAR, actor=ACTOR, now=NEW_YEAR)

    with pytest.raises(CurrencyMismatch, match="subscribers in USD"):
        catalogue.update_price(product=product, price=making.price(currency="EUR"), actor=ACTOR, now=NEW_YEAR)
    with pytest.raises(catalogue.PaymentFrequencyInUse):
        catalogue.update_price(product=product, price=making.price(every=("Year", 1)), actor=ACTOR, now=NEW_YEAR)


def test_a_product_is_archived_once():
    product = making.product()

    catalogue.archive_product(product=product, now=NEW_YEAR)

    with pytest.raises(catalogue.ProductAlreadyArchived):
        catalogue.archive_product(product=product, now=NEW_YEAR)
    catalogue.unarchive_product(product=product, now=NEW_YEAR)
    with pytest.raises(catalogue.ProductNotArchived):
        catalogue.unarchive_product(product=product, now=NEW_YEAR)
