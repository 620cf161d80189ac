"""Serve customers: create, list, retrieve, update. `external_id` is accepted wherever a customer_id is."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.deployment import business_id
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from customers import find, register
from customers.listing import CustomerFilter
from customers.models import Customer

Phone = Annotated[str, msgspec.Meta(max_length=50)]
ExternalId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
TermsDays = Annotated[int, msgspec.Meta(ge=0, le=3650)]


class CustomerCreate(msgspec.Struct, kw_only=True):
    """A new customer. external_id, address and what follows it are ours, beside the contract."""

    email: str
    name: shapes.Text
    phone_number: Phone | None = None
    preferred_locale: shapes.Locale | None = None
    metadata: shapes.Metadata | None = None
    external_id: ExternalId | None = None
    address: shapes.Address | None = None
    tax_id: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    tax_rate: shapes.DecimalText | None = None
    payment_terms_days: TermsDays | None = None


class CustomerUpdate(msgspec.Struct, kw_only=True):
    """What changes. Null leaves a field as it is; external_id, tax_rate and payment_terms_days are cleared by it."""

    email: str | None = None
    name: shapes.Text | None = None
    phone_number: Phone | None = None
    preferred_locale: shapes.Locale | None = None
    metadata: shapes.Metadata | None = None
    external_id: ExternalId | msgspec.UnsetType | None = msgspec.UNSET
    address: shapes.Address | None = None
    tax_id: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    tax_rate: shapes.DecimalText | msgspec.UnsetType | None = msgspec.UNSET
    payment_terms_days: TermsDays | msgspec.UnsetType | None = msgspec.UNSET


class CustomerAnswer(msgspec.Struct, kw_only=True):
    """A customer as the API shows it. tax_rate: a fraction as text, null for the seller's default."""

    customer_id: str
    business_id: str
    email: str
    name: str
    phone_number: str | None
    preferred_locale: str | None
    metadata: shapes.Metadata
    created_at: datetime
    blocked_at: datetime | None = None
    blocklist_entry_id: str | None = None
    external_id: str | None
    address: shapes.Address
    tax_id: str | None
    tax_rate: str | None
    payment_terms_days: int | None
    archived_at: datetime | None


class CustomerQuery(PageQuery, kw_only=True):
    """The filters of GET /customers. archived true or false keeps one kind."""

    email: str | None = None
    name: str | None = None
    created_at_gte: datetime | None = None
    created_at_lte: datetime | None = None
    archived: bool | None = None


class Customers(Resource):
    """/customers"""

    @describes("List customers, newest first", query=CustomerQuery, answer=CustomerAnswer, listed=True)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, CustomerQuery)
        asked = shapes.given(query, "email", "name", "archived") | {
            name: shapes.utc(instant).isoformat()
            for name, instant in shapes.given(query, "created_at_gte", "created_at_lte").items()
        }
        customers = CustomerFilter(asked, queryset=Customer.objects.all()).qs
        business = business_id()
        return answer(
            page(request, query, NewestFirst(customers), lambda rows: [shown(row, business) for row in rows], now=self.now)
        )

    @describes("Create a customer", body=CustomerCreate, answer=CustomerAnswer, errors=[400, 409])
    def post(self, request: Request) -> HttpResponse:
        wanted = body.decode(request, CustomerCreate)
        customer = register.create(fields=_create_fields(wanted), actor=self.actor, now=self.now)
        return answer(shown(customer, business_id()))


class CustomerById(Resource):
    """/customers/{customer_id}"""

    @describes("Retrieve a customer", answer=CustomerAnswer, errors=[404])
    def get(self, request: Request, customer_id: str) -> HttpResponse:
        return answer(shown(find.find(customer_id), business_id()))

    @describes("Change a customer", body=CustomerUpdate, answer=CustomerAnswer, errors=[400, 404, 409])
    def patch(self, request: Request, customer_id: str) -> HttpResponse:
        customer = find.find(customer_id)
        wanted = body.decode(request, CustomerUpdate)
        customer = register.update(customer=customer, fields=_update_fields(wanted), actor=self.actor, now=self.now)
        return answer(shown(customer, business_id()))


def shown(customer: Customer, business: str) -> CustomerAnswer:
    """Show a customer in the contract's shape, with our own fields beside it."""
    return CustomerAnswer(
        customer_id=customer.public_id,
        business_id=business,
        email=customer.email,
        name=customer.name,
        phone_number=customer.phone_number or None,
        preferred_locale=customer.preferred_locale or None,
        metadata=customer.metadata,
        created_at=customer.created_at,
        external_id=customer.external_id,
        address=shapes.address_of(customer),
        tax_id=customer.tax_id or None,
        tax_rate=None if customer.tax_rate is None else plain(customer.tax_rate),
        payment_terms_days=customer.payment_terms_days,
        archived_at=customer.archived_at,
    )


def _create_fields(wanted: CustomerCreate) -> dict[str, Any]:
    return _common_fields(wanted) | shapes.given(wanted, "external_id", "tax_rate", "payment_terms_days") | _rate(wanted)


def _update_fields(wanted: CustomerUpdate) -> dict[str, Any]:
    return _common_fields(wanted) | shapes.sent(wanted, "external_id", "tax_rate", "payment_terms_days") | _rate(wanted)


def _common_fields(wanted: CustomerCreate | CustomerUpdate) -> dict[str, Any]:
    fields = shapes.given(wanted, "email", "name", "phone_number", "preferred_locale", "metadata", "tax_id")
    if "email" in fields:
        shapes.email(fields["email"])
    if "metadata" in fields:
        fields["metadata"] = body.scalars(fields["metadata"])
    return fields | (shapes.address_fields(wanted.address) if wanted.address else {})


def _rate(wanted: CustomerCreate | CustomerUpdate) -> dict[str, Any]:
    return {"tax_rate": shapes.fraction(wanted.tax_rate, field="tax_rate")} if isinstance(wanted.tax_rate, str) else {}
