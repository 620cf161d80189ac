"""Read a customer's credit grants with what each still holds, live burn included."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.money import exact
from core.periods import Period
from credits.balances import Held
from credits.models import CreditGrant
from customers.models import Customer


@dataclass(frozen=True)
class Holding:
    """One grant at one instant.

    balance: what its periods of that instant hold after everything used so far, in the meter's unit or minor units.
    period: the latest of them; None where it has none then.
    """

    grant: CreditGrant
    balance: Decimal
    period: Period | None


@exact()
def of_customer(customer: Customer, *, left: Iterable[Held], now: datetime) -> Sequence[Holding]:
    """List a customer's grants in the order in which they are used up. left: what invoices.preview leaves. One query."""
    alive = [held for held in left if (usable := held.balance.usable) and usable.contains(now)]
    grants = CreditGrant.objects.filter(customer=customer).select_related("meter").order_by("priority", "id")
    return [_holding(grant, [held for held in alive if held.grant.id == grant.pk]) for grant in grants]


def _holding(grant: CreditGrant, held: Sequence[Held]) -> Holding:
    balance = sum((one.balance.available for one in held), Decimal(0))
    return Holding(grant, balance, max((one.balance.period for one in held), default=None))
