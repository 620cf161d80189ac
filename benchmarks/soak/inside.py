"""Do within Django what the soak needs: `setup` prints a key, customers and meters, `check` prints what is stored.

A program of its own, because the soak drives a deployment beside the one of its own process.
"""

import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402

from access import keys  # noqa: E402
from access.actors import COMMAND  # noqa: E402
from core.periods import Period  # noqa: E402
from customers.models import Customer  # noqa: E402
from events.models import Event, EventConflict, EventVoid, RejectedEvent  # noqa: E402
from meters import define, rollup, usage  # noqa: E402
from meters.models import Meter, UsageDay  # noqa: E402

CUSTOMERS = 7
AGGREGATIONS = (("count", None), ("sum", "tokens"), ("max", "tokens"), ("last", "tokens"))


def setup() -> dict[str, object]:
    """Make a key, customers, and a meter of each aggregation."""
    now = timezone.now()
    _key, secret = keys.create(name="soak", scope="write", actor=COMMAND, now=now)
    made = [
        Customer.objects.create(name=f"Customer {n}", email=f"c{n}@example.com", created_at=now, updated_at=now)
        for n in range(CUSTOMERS)
    ]
    meters = [
        define.create(name=kind, event_name="api.call", aggregation=kind, over_property=over, measurement_unit="unit", now=now)
        for kind, over in AGGREGATIONS
    ]
    return {
        "secret": secret,
        "customers": [customer.public_id for customer in made],
        "meters": [meter.public_id for meter in meters],
    }


def check() -> dict[str, object]:
    """Roll what is left, and tell the ids stored, the usage of each meter and customer, and what recomputation makes of it."""
    rollup.roll_all(now=timezone.now())
    period = Period(datetime.now(UTC) - timedelta(days=5), datetime.now(UTC) + timedelta(days=2))
    meters = {meter.id: meter.name for meter in Meter.objects.all()}
    customers = dict(Customer.objects.values_list("id", "public_id"))
    requests = [usage.UsageRequest(meter, customer, period) for meter in meters for customer in customers]
    answered = usage.quantities(requests=requests).quantities
    recomputed = usage.recompute(requests=requests)
    acts_of = Counter(EventVoid.objects.values_list("event__event_id", flat=True))
    return {
        "ids": list(Event.objects.values_list("event_id", flat=True)),
        "usage": {
            f"{meters[r.meter_id]} {customers[r.customer_id]}": [str(answered[r].quantity), answered[r].event_count]
            for r in requests
        },
        "unequal": [str(request) for request in requests if answered[request] != recomputed[request]],
        "rolled": sum(UsageDay.objects.filter(meter__name="count").values_list("event_count", flat=True)),
        "void": [event_id for event_id, acts in acts_of.items() if acts % 2],
        "conflicts": list(EventConflict.objects.values_list("event__event_id", flat=True)),
        "refused": list(RejectedEvent.objects.values_list("event_id", flat=True)),
    }


if __name__ == "__main__":
    answer = {"setup": setup, "check": check}[sys.argv[1]]()
    print(json.dumps(answer))  # noqa: T201
