"""Find the customer that a caller means, by our id or by the caller's own."""

from core.errors import DomainError
from customers.models import Customer


class CustomerNotFound(DomainError):
    """No customer has this id or external_id."""

    code = "CUSTOMER_NOT_FOUND"


def find(reference: str) -> Customer:
    """Return the customer with this public id or external_id. Raises CustomerNotFound."""
    lookup = {"public_id": reference} if reference.startswith("cus_") else {"external_id": reference}
    customer = Customer.objects.filter(**lookup).first()
    if customer is None:
        raise CustomerNotFound(f"There is no customer {reference[:100]}.", field="customer_id")
    return customer


def oldest_active_with_email(email: str) -> Customer | None:
    """Return the oldest customer with this e-mail address (case does not matter) that is not archived, or None."""
    return Customer.objects.filter(email__iexact=email, archived_at__isnull=True).order_by("created_at", "id").first()
