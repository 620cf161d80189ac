"""Serve products: create, list, retrieve, change, archive and unarchive."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, prices, shapes
from api.v1 import product_credits as credits_in_body
from api.v1.deployment import brand_id, business_id
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.product_credits import ProductCredits, ProductCreditShape
from api.v1.resource import Resource, answer, nothing
from api.v1.schema import describes
from credits import product_credits
from credits.models import ProductCredit
from products import catalogue
from products.models import PriceKind, PriceVersion, Product

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
TaxCategory = Literal["digital_products", "saas", "e_book", "edtech", "live_tutoring"]


class ProductCreate(msgspec.Struct, kw_only=True):
    """A new product with its first price. credits, ours: what each subscriber gets anew every cycle."""

    name: Name
    price: prices.Price
    tax_category: TaxCategory
    credits: ProductCredits | None = None
    description: shapes.LongText | None = None
    metadata: shapes.Metadata | None = None
    brand_id: str | None = None


class ProductUpdate(msgspec.Struct, kw_only=True):
    """What changes; a new price, and new credits, apply from each subscription's next cycle on. Null leaves a field as it is."""

    name: Name | None = None
    price: prices.Price | None = None
    credits: ProductCredits | None = None
    tax_category: TaxCategory | None = None
    description: shapes.LongText | None = None
    metadata: shapes.Metadata | None = None
    brand_id: str | None = None


class ProductAnswer(msgspec.Struct, kw_only=True):
    """A product as the API shows it, with its newest price."""

    product_id: str
    business_id: str
    brand_id: str
    name: str
    description: str | None
    is_recurring: bool
    tax_category: str
    price: prices.PriceAnswer
    credits: list[ProductCreditShape]
    metadata: shapes.Metadata
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    license_key_enabled: bool = False
    credit_entitlements: list[str] = []
    entitlements: list[str] = []


class ProductListed(msgspec.Struct, kw_only=True):
    """A product in a list; price is the fixed part in minor units, price_detail all of it."""

    product_id: str
    business_id: str
    name: str
    description: str | None
    is_recurring: bool
    tax_category: str
    currency: str
    price: int
    price_detail: prices.PriceAnswer
    tax_inclusive: bool
    metadata: shapes.Metadata
    created_at: datetime
    updated_at: datetime
    entitlements: list[str] = []


class ProductQuery(PageQuery, kw_only=True):
    """The filters of GET /products; archived ones are listed only when asked for. recurring false: one-time products only."""

    archived: bool = False
    recurring: bool | None = None
    brand_id: str | None = None


class Products(Resource):
    """/products"""

    @describes("List products, newest first", query=ProductQuery, answer=ProductListed, listed=True)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, ProductQuery)
        business = business_id()
        return answer(page(request, query, NewestFirst(_filtered(query)), lambda rows: _listed(rows, business), now=self.now))

    @describes("Create a product", body=ProductCreate, answer=ProductAnswer, errors=[400])
    def post(self, request: Request) -> HttpResponse:
        wanted = body.decode(request, ProductCreate)
        _check_brand(wanted.brand_id)
        product = product_credits.create_product(
            name=wanted.name,
            credits=credits_in_body.wanted(wanted.credits or []),
            tax_category=wanted.tax_category,
            price=prices.wanted(wanted.price),
            description=wanted.description or "",
            metadata=body.scalars(wanted.metadata or {}),
            actor=self.actor,
            now=self.now,
        )
        return answer(shown(product))


class ProductById(Resource):
    """/products/{id}"""

    @describes("Retrieve a product", query=shapes.LocaleQuery, answer=ProductAnswer, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        body.decode_query(request.GET, shapes.LocaleQuery)
        return answer(shown(find(Product, id)))

    @describes("Change a product", body=ProductUpdate, answer=ProductAnswer, errors=[400, 404])
    def patch(self, request: Request, id: str) -> HttpResponse:
        product = find(Product, id)
        wanted = body.decode(request, ProductUpdate)
        _check_brand(wanted.brand_id)
        changes = shapes.given(wanted, "name", "tax_category", "description", "metadata")
        if "metadata" in changes:
            changes["metadata"] = body.scalars(changes["metadata"])
        price = prices.wanted(wanted.price) if wanted.price else None
        credits = None if wanted.credits is None else credits_in_body.wanted(wanted.credits)
        product_credits.change_product(
            product=product, changes=changes, price=price, credits=credits, actor=self.actor, now=self.now
        )
        return answer(shown(find(Product, id)))

    @describes("Archive a product", errors=[404, 410])
    def delete(self, request: Request, id: str) -> HttpResponse:
        catalogue.archive_product(product=find(Product, id), now=self.now)
        return nothing(200)


class ProductUnarchive(Resource):
    """/products/{id}/unarchive"""

    @describes("Take a product out of the archive", answer=ProductAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        catalogue.unarchive_product(product=find(Product, id), now=self.now)
        return answer(shown(find(Product, id)))


def shown(product: Product) -> ProductAnswer:
    """Show a product in the contract's shape."""
    version = newest([product])[product.id]
    return ProductAnswer(
        **_common(product, business_id()),
        brand_id=brand_id(),
        price=prices.shown(version),
        credits=credits_in_body.shown(ProductCredit.objects.filter(price_version=version).select_related("meter")),
        archived_at=product.archived_at,
    )


def newest(products: Sequence[Product]) -> dict[int, PriceVersion]:
    """Read the newest price version of each product, with all that prices.shown needs, by the product's internal id."""
    versions = (
        PriceVersion.objects.filter(product__in=products)
        .order_by("product_id", "-number")
        .distinct("product_id")
        .select_related("product")
        .prefetch_related("meter_prices__meter", "meter_prices__tiers")
    )
    return {version.product_id: version for version in versions}


def _listed(products: Sequence[Product], business: str) -> list[ProductListed]:
    versions = newest(products)
    return [
        ProductListed(
            **_common(product, business),
            currency=versions[product.id].currency,
            price=versions[product.id].fixed_price,
            price_detail=prices.shown(versions[product.id]),
            tax_inclusive=versions[product.id].tax_inclusive,
        )
        for product in products
    ]


def _common(product: Product, business: str) -> dict[str, Any]:
    return {
        "product_id": product.public_id,
        "business_id": business,
        "name": product.name,
        "description": product.description or None,
        "is_recurring": product.price_kind != PriceKind.ONE_TIME,
        "tax_category": product.tax_category,
        "metadata": product.metadata,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }


def _filtered(query: ProductQuery) -> QuerySet[Product]:
    products = Product.objects.filter(archived_at__isnull=not query.archived)
    if query.recurring is not None:
        one_time = {"price_kind": PriceKind.ONE_TIME}
        products = products.exclude(**one_time) if query.recurring else products.filter(**one_time)
    return products if query.brand_id in (None, brand_id()) else products.none()


def _check_brand(brand: str | None) -> None:
    if brand not in (None, "", brand_id()):
        raise body.UnsupportedAction("brand_id")
