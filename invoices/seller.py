"""Change who issues the invoices; what is issued keeps its copy."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from access.actors import Actor
from access.history import acting
from invoices.models import Seller

CHANGEABLE = frozenset(
    {
        "name",
        "email",
        "tax_id",
        "street",
        "city",
        "state",
        "zipcode",
        "country",
        "default_tax_rate",
        "payment_terms_days",
        "invoice_footer",
    }
)


def change(*, fields: Mapping[str, Any], actor: Actor) -> Seller:
    """Change what `fields` (of CHANGEABLE) names; it holds for invoices issued from now on. Rates are fractions (0.18 is 18 %)."""
    unknown = fields.keys() - CHANGEABLE
    if unknown:
        raise TypeError(f"not a seller's to change: {sorted(unknown)}")
    with acting(actor), transaction.atomic():
        seller = Seller.objects.select_for_update().get()
        for name, content in fields.items():
            setattr(seller, name, content)
        seller.save(update_fields=list(fields))
        return seller
