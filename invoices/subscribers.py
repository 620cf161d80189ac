"""Read who is billed, thousands at a time: subscriptions with their customers, as plain rows."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from core import database

ADDRESS = ("street", "city", "state", "zipcode", "country")


class Subscriber(NamedTuple):
    """A subscription with its customer. The fields are theirs, those of the customer with customer_ before the name."""

    id: int
    public_id: str
    customer_id: int
    currency: str
    quantity: int
    status: str
    start_at: datetime
    ends_at: datetime | None
    expires_at: datetime | None
    bill_from: datetime | None
    credits_fee_at_end: bool
    cancel_at_next_billing_date: bool
    cancelled_at: datetime | None
    business_name: str
    tax_id: str
    street: str
    city: str
    state: str
    zipcode: str
    country: str
    customer_public_id: str
    customer_name: str
    customer_email: str
    customer_tax_id: str
    customer_tax_rate: Decimal | None
    customer_payment_terms_days: int | None
    customer_street: str
    customer_city: str
    customer_state: str
    customer_zipcode: str
    customer_country: str

    def billed_to(self) -> dict[str, str]:
        """Copy who is billed; an address of the subscription replaces the customer's whole."""
        own = (self.street, self.city, self.state, self.zipcode, self.country)
        street, city, state, zipcode, country = (
            own
            if any(own)
            else (self.customer_street, self.customer_city, self.customer_state, self.customer_zipcode, self.customer_country)
        )
        return {
            "id": self.customer_public_id,
            "name": self.business_name or self.customer_name,
            "email": self.customer_email,
            "tax_id": self.tax_id or self.customer_tax_id,
            "street": street,
            "city": city,
            "state": state,
            "zipcode": zipcode,
            "country": country,
        }


_COLUMNS = ", ".join(
    f"c.{name.removeprefix('customer_')}" if name.startswith("customer_") and name != "customer_id" else f"s.{name}"
    for name in Subscriber._fields
)
_READ = f"""
SELECT {_COLUMNS} FROM products_subscription s
CROSS JOIN LATERAL (SELECT * FROM customers_customer WHERE id = s.customer_id OFFSET 0) AS c -- one by one, by the index
WHERE s.id = ANY(%(ids)s::bigint[])
"""  # noqa: S608 -- names of our own


def read(subscription_ids: Iterable[int]) -> dict[int, Subscriber]:
    """Read subscribers by the keys of their subscriptions, in one statement."""
    return {row[0]: Subscriber._make(row) for row in database.read(_READ, {"ids": database.array(set(subscription_ids))})}
