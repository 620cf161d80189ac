"""Do within Django what the kill test needs: `setup` prints a key and customers, `roll` rolls for ever, `check` prints what is stored.

A program of its own, because the kill test drives a deployment beside the one of the test process.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import django

django.setup()

from django.db import Error, connection  # noqa: E402
from django.db.models import Count  # noqa: E402
from django.utils import timezone  # noqa: E402

from access import keys  # noqa: E402
from access.actors import COMMAND  # noqa: E402
from core.periods import Period  # noqa: E402
from customers.models import Customer  # noqa: E402
from events.models import Event, EventConflict, RefusedRequest  # noqa: E402
from meters import define, rollup, usage  # noqa: E402
from meters.models import Meter, UsageDay  # noqa: E402

CUSTOMERS = 7
AGGREGATIONS = (("count", None), ("sum", "tokens"), ("max", "tokens"), ("last", "tokens"))


def setup() -> dict[str, object]:
    """Make a key, customers, and a meter of each aggregation."""
    now = timezone.now()
    _key, secret = keys.create(name="kills", scope="write", actor=COMMAND, now=now)
    made = [
        Customer.objects.create(name=f"Customer {n}", email=f"c{n}@example.com", created_at=now, updated_at=now)
        for n in range(CUSTOMERS)
    ]
    for kind, over in AGGREGATIONS:
        define.create(name=kind, event_name="api.call", aggregation=kind, over_property=over, measurement_unit="unit", now=now)
    return {"secret": secret, "customers": [customer.public_id for customer in made]}


def roll() -> None:
    """Roll usage up as the worker does, again and again, past a database that is away."""
    while True:
        try:
            rollup.roll(now=timezone.now(), size=1000)
        except Error as error:
            print(error, flush=True)  # noqa: T201 -- its log
        connection.close()
        time.sleep(0.05)


def check() -> dict[str, object]:
    """Roll what is left, and tell the ids stored, the usage of each meter and customer, and what recomputation makes of it."""
    rollup.roll_all(now=timezone.now())
    period = Period(datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) + timedelta(days=2))
    meters = {meter.id: meter.name for meter in Meter.objects.all()}
    customers = dict(Customer.objects.values_list("id", "public_id"))
    requests = [usage.UsageRequest(meter, customer, period) for meter in meters for customer in customers]
    answered = usage.quantities(requests=requests).quantities
    recomputed = usage.recompute(requests=requests)
    return {
        "ids": list(Event.objects.values_list("event_id", flat=True)),
        "by_customer": {customers[c]: n for c, n in Event.objects.values_list("customer").annotate(Count("key")).order_by()},
        "usage": {
            f"{meters[r.meter_id]} {customers[r.customer_id]}": [str(answered[r].quantity), answered[r].event_count]
            for r in requests
        },
        "unequal": [str(request) for request in requests if answered[request] != recomputed[request]],
        "rolled": sum(UsageDay.objects.filter(meter__name="count").values_list("event_count", flat=True)),
        "conflicts": EventConflict.objects.count(),
        "refused": RefusedRequest.objects.count(),
    }


if __name__ == "__main__":
    answer = {"setup": setup, "roll": roll, "check": check}[sys.argv[1]]()
    print(json.dumps(answer))  # noqa: T201
