"""Read a customer's credit grants with what each still holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, Q, Sum, Value
from django.db.models.functions import Coalesce

from credits.models import CreditGrant, GrantPeriod
from customers.models import Customer


@dataclass(frozen=True)
class Holding:
    """One grant at one instant. balance: what its open periods hold, in the meter's unit or minor units; given: over its life."""

    grant: CreditGrant
    balance: Decimal
    ends_at: datetime | None


def of_customer(customer: Customer, *, now: datetime) -> Sequence[Holding]:
    """List a customer's grants in the order in which they are used up. Two queries."""
    grants = list(CreditGrant.objects.filter(customer=customer).select_related("meter").order_by("priority", "id"))
    nothing = Value(Decimal(0), output_field=DecimalField())
    periods = (
        GrantPeriod.objects.filter(grant__in=grants, settled_at__isnull=True, starts_at__lte=now)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now))
        .annotate(balance=Coalesce(Sum("entries__amount"), nothing))
        .order_by("starts_at", "id")
    )
    open_periods: dict[int, list[GrantPeriod]] = {}
    for period in periods:
        open_periods.setdefault(period.grant_id, []).append(period)
    return [_holding(grant, open_periods.get(grant.pk, [])) for grant in grants]


def _holding(grant: CreditGrant, periods: list[GrantPeriod]) -> Holding:
    balance = sum((period.balance for period in periods), Decimal(0))  # type: ignore[attr-defined]
    return Holding(grant=grant, balance=balance, ends_at=periods[-1].ends_at if periods else grant.expires_at)
