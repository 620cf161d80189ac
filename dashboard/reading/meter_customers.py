"""Find the customers of a meter's Customers tab: who of those with usage, in what order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from customers.listing import CustomerFilter
from customers.models import Customer
from dashboard.reading import meter_usage
from dashboard.reading.meter_usage import Charged, CustomerUsage
from dashboard.reading.ranges import Range
from meters.models import Meter

DEFAULT_SORT = "-usage"
CHARGED_AT_MOST = 5000
PREVIEWED_AT_MOST = 2000
"""So many customers are charged, or their next invoices made, to be sorted by it: 0.3 and 0.9 ms each on two cores, so that nobody waits
for more than two seconds. No cheaper bound stands in for a charge: what a credit leaves may cost more at volume prices than the whole.
"""


@dataclass(frozen=True)
class Found:
    """Those who are listed, in order. total: of all customers with usage; shown_total: of those found; None is no value.

    all_count: how many have usage.  is_cut: there are more than are read, and the greatest are.  sorts: by what can be sorted.
    charged_at_most: among how many customers one can sort by charge.
    """

    used: Sequence[CustomerUsage]
    sort: str
    total: Decimal | None
    shown_total: Decimal | None
    all_count: int
    is_cut: bool
    sorts: Sequence[str]
    charged_at_most: int


Key = Callable[[CustomerUsage], Any]
PLAIN: Mapping[str, Key] = {
    "usage": lambda one: one.quantity,
    "latest": lambda one: one.latest_at,
    "events": lambda one: one.event_count,
}
"""What is known without another look. A key of None stands at the end, whatever the direction."""


def find(meter: Meter, chosen: Range, *, search: str, sort: str, now: datetime) -> Found:
    """Find the customers. sort: name, usage, events, latest, chargeable or charge, with "-" descending; else the greatest usage first."""
    everyone = meter_usage.by_customer(meter, chosen, now=now)
    found = _called(everyone, search) if search else everyone
    most = PREVIEWED_AT_MOST if chosen.by_cycle else CHARGED_AT_MOST
    sorts = ["name", *PLAIN, *(("chargeable", "charge") if len(found) <= most else ())]
    if sort.removeprefix("-") not in sorts:
        sort = DEFAULT_SORT
    return Found(
        used=_sorted(found, sort, _key(meter, found, chosen, sort.removeprefix("-"), now)),
        sort=sort,
        total=meter_usage.whole(meter, chosen, everyone).quantity,
        shown_total=meter_usage.total(found),
        all_count=len(everyone),
        is_cut=meter_usage.is_cut(chosen, everyone),
        sorts=sorts,
        charged_at_most=most,
    )


def _called(used: Sequence[CustomerUsage], words: str) -> list[CustomerUsage]:
    rows = CustomerFilter({"search": words}, queryset=Customer.objects.filter(pk__in=[one.customer_id for one in used])).qs
    wanted = set(rows.values_list("pk", flat=True))
    return [one for one in used if one.customer_id in wanted]


def _key(meter: Meter, used: Sequence[CustomerUsage], chosen: Range, name: str, now: datetime) -> Key:
    if name in PLAIN:
        return PLAIN[name]
    if name == "name":
        names = dict(Customer.objects.filter(pk__in=[one.customer_id for one in used]).values_list("pk", "name"))
        return lambda one: names[one.customer_id].casefold()
    charged = meter_usage.charged(meter, used, chosen, now=now)
    nothing = Charged()
    if name == "chargeable":
        return lambda one: charged.get(one.customer_id, nothing).chargeable
    return lambda one: _in_currency(charged.get(one.customer_id, nothing))


def _in_currency(charged: Charged) -> tuple[str, int] | None:
    """Amounts of two currencies are not compared: one currency comes after the other."""
    if charged.terms is None or charged.amount is None:
        return None
    return charged.terms.terms.currency, charged.amount


def _sorted(used: Sequence[CustomerUsage], sort: str, key: Key) -> list[CustomerUsage]:
    """Sort by a key, the customer's id deciding between equals."""
    with_key = [(key(one), one) for one in sorted(used, key=lambda one: one.customer_id)]
    known = [pair for pair in with_key if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return [one for _key, one in known] + [one for found, one in with_key if found is None]
