"""Making and changing products on their pages."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from credits import product_credits
from dashboard.tests import world
from products import versions
from products.models import Product
from products.tests import making

pytestmark = pytest.mark.django_db
PRODUCT = {
    "name": "Team", "tax_category": "saas", "kind": "usage_based_price", "currency": "USD", "fixed_price": "49.00", "frequency_count": 1,
    "frequency_unit": "Month", "life_count": 10, "life_unit": "Year", "trial_period_days": 0,
}  # fmt: skip


PAYS = {"applies_to": "invoice", "priority": 1}
UNTOUCHED = {"kind": "units", "applies_to": "usage", "priority": 100, "rollover": "none"}


@pytest.fixture
def owner() -> Client:
    return world.signed_in()


def sent(
    meters: list[dict[str, Any]], credits: list[dict[str, Any]], *, initial: tuple[int, int] = (0, 0), **more: Any
) -> dict[str, Any]:
    fields: dict[str, Any] = PRODUCT | more
    for prefix, rows, before in (("meters", meters, initial[0]), ("credits", credits, initial[1])):
        fields |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": before}
        fields |= {f"{prefix}-{number}-{name}": given for number, row in enumerate(rows) for name, given in row.items()}
    return fields


def test_a_product_with_every_price_model_and_credits_is_made_and_read_back(owner: Client) -> None:
    calls, seats, disk, jobs = (making.meter(name) for name in ("call", "seat", "disk", "job"))
    meters = [
        {
            "meter": calls.public_id,
            "price_model": "per_unit",
            "price_per_unit": "0.000015",
            "free_threshold": 100,
            "display_per": 1000,
        },
        {"meter": seats.public_id, "price_model": "graduated", "tiers": "10 2\n* 1.5 5.00", "minimum": "3.00"},
        {"meter": disk.public_id, "price_model": "volume", "tiers": "* 0.25"},
        {"meter": jobs.public_id, "price_model": "package", "price_per_unit": "5", "package_size": "1000", "maximum": "80"},
        {"price_model": "per_unit", "free_threshold": 0, "display_per": 1},  # a row that nobody touched, as a browser sends it
    ]
    credits = [
        {"kind": "money", "amount": "5.00", "rollover": "capped", "rollover_cap": "2", "name": "Promo", **PAYS},
        UNTOUCHED,
    ]

    answer = owner.post(reverse("dashboard:product_new"), sent(meters, credits))

    assert answer.status_code == 302, answer.content.decode()
    product = Product.objects.get()
    price = versions.price_of(product.versions.get())
    assert (price.fixed_price, price.meters[0].price_per_unit, price.meters[0].display_per) == (4900, Decimal("0.0015"), 1000)
    assert [(tier.up_to, tier.unit_price, tier.flat_amount) for tier in price.meters[1].tiers] == [(10, 200, 0), (None, 150, 500)]
    assert (price.meters[1].minimum_amount, price.meters[3].package_size, price.meters[3].maximum_amount) == (300, 1000, 8000)
    (credit,) = product_credits.of_version(product.versions.get())
    assert (credit.amount, credit.rollover_cap, credit.currency, credit.priority, credit.applies_to) == (
        500,
        200,
        "USD",
        1,
        "invoice",
    )


def test_a_changed_price_is_a_new_version_and_a_changed_name_is_none(owner: Client) -> None:
    calls = making.meter()
    row = {"meter": calls.public_id, "price_model": "per_unit", "price_per_unit": "0.02", "free_threshold": 0, "display_per": 1}
    owner.post(reverse("dashboard:product_new"), sent([row], []))
    product = Product.objects.get()
    address = reverse("dashboard:product_edit", args=[product.public_id])
    assert 'value="0.02"' in owner.get(address).content.decode()

    assert owner.post(address, sent([row], [], initial=(1, 0), name="Crew")).status_code == 302
    assert (Product.objects.get().name, product.versions.count()) == ("Crew", 1)

    owner.post(address, sent([row | {"price_per_unit": "0.03"}], [], initial=(1, 0)))
    assert versions.price_of(product.versions.get(number=2)).meters[0].price_per_unit == 3


def test_what_is_wrong_is_said(owner: Client) -> None:
    calls = making.meter()
    row = {"meter": calls.public_id, "price_model": "graduated", "tiers": "ten"}

    shown = owner.post(reverse("dashboard:product_new"), sent([row], [], fixed_price="1.001")).content.decode()
    assert "1.001 USD is not a whole number of minor units" in shown
    shown = owner.post(reverse("dashboard:product_new"), sent([row], [])).content.decode()
    assert "Each tier is a line of two or three numbers" in shown
    shown = owner.post(reverse("dashboard:product_new"), sent([row | {"tiers": ""}], [])).content.decode()
    assert "Exactly the models graduated and volume have tiers" in shown
    assert not Product.objects.exists()
