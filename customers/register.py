"""Create, change and archive customers; nobody is ever deleted, for invoices and events name them for ever."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from access.actors import Actor
from access.history import acting
from core import expiring
from core.constraints import refusing
from core.errors import DomainError
from core.text import refuse_blank
from customers import directory
from customers.models import Customer

CHANGEABLE = frozenset(
    {
        "name",
        "email",
        "phone_number",
        "preferred_locale",
        "metadata",
        "external_id",
        "street",
        "city",
        "state",
        "zipcode",
        "country",
        "tax_id",
        "tax_rate",
        "payment_terms_days",
    }
)

_UNIQUE = "customers_customer_external_id_key"


class ExternalIdAlreadyExists(DomainError):
    """Another customer has this external_id; it stands for one customer wherever a customer_id is accepted."""

    code = "EXTERNAL_ID_ALREADY_EXISTS"


class ExternalIdReserved(DomainError):
    """An external_id that looks like one of our own ids could be taken for another customer."""

    code = "EXTERNAL_ID_RESERVED"


def create(*, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Customer:
    """Create a customer from `fields` (of CHANGEABLE; name and email at least).

    E-mail addresses need not be unique: two departments may share one. Raises NameBlank, ExternalIdAlreadyExists, ExternalIdReserved.
    """
    _check_names(fields)
    with acting(actor), transaction.atomic():
        _check_external_id(fields.get("external_id"), of=None)
        with refusing(_UNIQUE, lambda: _taken(fields["external_id"])):
            return Customer.objects.create(**fields, created_at=now, updated_at=now)


def update(*, customer: Customer, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Customer:
    """Change what `fields` names and nothing else. Raises NameBlank, ExternalIdAlreadyExists, ExternalIdReserved."""
    _check_names(fields)
    with acting(actor), transaction.atomic():
        locked = Customer.objects.select_for_update(no_key=True).get(id=customer.id)
        if "external_id" in fields:
            _check_external_id(fields["external_id"], of=locked)
        for name, content in fields.items():
            setattr(locked, name, content)
        locked.updated_at = now
        with refusing(_UNIQUE, lambda: _taken(fields["external_id"])):
            locked.save(update_fields=[*fields, "updated_at"])
        if "external_id" in fields:
            expiring.announce(directory.TOPIC)
        return locked


def archive(*, customer: Customer, actor: Actor, now: datetime) -> Customer:
    """Close a customer to new events from now on; a customer archived before keeps its time."""
    with acting(actor), transaction.atomic():
        Customer.objects.filter(id=customer.id, archived_at__isnull=True).update(archived_at=now, updated_at=now)
        expiring.announce(directory.TOPIC)
        return Customer.objects.get(id=customer.id)


def unarchive(*, customer: Customer, actor: Actor, now: datetime) -> Customer:
    """Open an archived customer to events again."""
    with acting(actor), transaction.atomic():
        Customer.objects.filter(id=customer.id, archived_at__isnull=False).update(archived_at=None, updated_at=now)
        expiring.announce(directory.TOPIC)
        return Customer.objects.get(id=customer.id)


def _check_names(fields: Mapping[str, Any]) -> None:
    unknown = fields.keys() - CHANGEABLE
    if unknown:
        raise TypeError(f"not a customer's to change: {sorted(unknown)}")
    if "name" in fields:
        refuse_blank(fields["name"])


def _check_external_id(external_id: str | None, *, of: Customer | None) -> None:
    """Refuse an external_id that stands for someone else already; where two requests race, the unique index does."""
    if external_id is None:
        return
    if external_id.startswith("cus_"):
        raise ExternalIdReserved("`external_id` must not begin with cus_, as our own ids do.", field="external_id")
    holders = Customer.objects.filter(external_id=external_id)
    if (holders.exclude(pk=of.pk) if of else holders).exists():
        raise _taken(external_id)


def _taken(external_id: str) -> ExternalIdAlreadyExists:
    holder = Customer.objects.only("public_id").get(external_id=external_id)
    return ExternalIdAlreadyExists(f"Customer {holder.public_id} already has this external_id.", field="external_id")
