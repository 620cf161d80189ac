"""Write the price of a line for as many units as its product asks prices to be shown for; amounts are made of none of this.

A price of twelve decimals a byte is read as so much per 1,000,000,000 bytes. Versions of prices never change, nor does which product a
cycle had that is billed: so what an issued invoice shows stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from core import formatting
from core.language import locale
from core.money import exact
from products.models import MeterPrice, PriceModel
from products.pricing import PriceTerms


class _Asked(NamedTuple):
    """A meter's price in one version, for how many units it is shown, and when a phase of the subscription with its product begins."""

    meter_id: int
    price: Decimal | None
    per: int
    effective_at: datetime
    begins_at: datetime


@dataclass(frozen=True)
class ShownPrices:
    """What the products of one subscription say of showing their prices, in the order of its phases and of their versions."""

    currency: str
    _asked: Sequence[_Asked]

    def words(self, terms: PriceTerms | None, *, meter_id: int | None, start: datetime) -> str:
        """Write the price of a line whose cycle began at `start`: €0.019 per 1,000,000,000. Empty for lines without terms."""
        if terms is None:
            return ""
        if terms.unit_price is None:
            return str(PriceModel(terms.model).label)
        if terms.package_size is not None:
            words = _("%(price)s per package of %(count)s")
            return words % {"price": self._money(terms.unit_price), "count": _count(terms.package_size)}
        per = self._per(meter_id, terms.unit_price, start)
        if per == 1:
            return self._money(terms.unit_price)
        return _("%(price)s per %(count)s") % {"price": self._money(_times(terms.unit_price, per)), "count": _count(Decimal(per))}

    def _per(self, meter_id: int | None, price: Decimal, start: datetime) -> int:
        """Find the version that a cycle ran under: of its product the latest with this price in force, else the first one with it."""
        same = [one for one in self._asked if (one.meter_id, one.price) == (meter_id, price) and one.begins_at <= start]
        of_phase = [one for one in same if one.begins_at == same[-1].begins_at]
        in_force = [one for one in of_phase if one.effective_at <= start]
        return in_force[-1].per if in_force else of_phase[0].per if of_phase else 1

    def _money(self, minor: Decimal) -> str:
        return formatting.exact_amount(minor, self.currency, locale=locale())


def of_subscription(subscription_id: int, *, currency: str) -> ShownPrices:
    """Read how the products that a subscription has, had or will have show their prices. One query."""
    phase = "price_version__product__subscriptionphase"
    rows = (
        MeterPrice.objects.filter(**{f"{phase}__subscription": subscription_id})
        .order_by(f"{phase}__starts_at", "price_version__effective_at", "id")
        .values_list("meter_id", "price_per_unit", "display_per", "price_version__effective_at", f"{phase}__starts_at")
    )
    return ShownPrices(currency, [_Asked(*row) for row in rows])


@exact()
def _times(price: Decimal, count: int) -> Decimal:
    return price * count


def _count(number: Decimal) -> str:
    return formatting.quantity(number, locale=locale())
