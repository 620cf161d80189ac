"""What the examples share: a customer who used something last month, and the invoice of that month.

A cycle that is over is invoiced at once, so each example sends last month's usage first and then subscribes its customer as of the
first of that month. (From day to day it is the other way round: subscribe, then send as it happens.) The client is the published one of
the Dodo Payments API; what Tallybook adds to it goes through `extra_body` and plain GETs.
"""

import os
import time
import uuid
from datetime import UTC, datetime, timedelta

from dodopayments import DodoPayments

MONTHLY = {
    "type": "usage_based_price",
    "currency": "USD",
    "fixed_price": 0,
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 10,
    "subscription_period_interval": "Year",
    "discount": 0,
    "purchasing_power_parity": False,
}
THIS_MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)
# Events are accepted for 35 days, so they lie on last month's last day.
LAST_DAY = THIS_MONTH - timedelta(days=1)
MOST_EVENTS_AT_ONCE = 1000
WAIT_SECONDS = 600


def connect():
    """Open the client: TALLYBOOK_URL is the server's address, TALLYBOOK_KEY a key with the scope write."""
    address = os.environ.get("TALLYBOOK_URL", "http://127.0.0.1:8000")
    return DodoPayments(bearer_token=os.environ["TALLYBOOK_KEY"], base_url=f"{address}/api/v1")


def new_customer(client, name):
    """Make a customer; give its id."""
    return client.customers.create(name=name, email="billing@example.com").customer_id


def subscribe(client, customer_id, *, name, meters):
    """Sell a product with these meter prices to the customer as of the first of last month, whose invoice is due at once."""
    product = client.products.create(name=name, tax_category="saas", price={**MONTHLY, "meters": meters})
    client.subscriptions.create(
        product_id=product.product_id,
        customer={"customer_id": customer_id},
        billing={"country": "US"},
        quantity=1,
        extra_body={"start_at": LAST_MONTH.isoformat()},
    )


def send(client, customer_id, event_name, details):
    """Send an event for each of the details, a second apart. The ids make it safe to send a batch again after a lost answer."""
    run = uuid.uuid4()
    events = [
        {
            "event_id": f"{run}-{number}",
            "customer_id": customer_id,
            "event_name": event_name,
            "timestamp": (LAST_DAY + timedelta(seconds=number)).isoformat(),
            "metadata": metadata,
        }
        for number, metadata in enumerate(details)
    ]
    for start in range(0, len(events), MOST_EVENTS_AT_ONCE):
        client.usage_events.ingest(events=events[start : start + MOST_EVENTS_AT_ONCE])


def invoice_of(client, customer_id):
    """Wait until the billing run has issued last month's invoice; it comes round by itself every few minutes."""
    print("Waiting for the billing run, which comes round every few minutes", flush=True)
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        issued = client.get(f"/invoices?customer_id={customer_id}&period_start={LAST_MONTH:%Y-%m-%dT%H:%M:%SZ}", cast_to=object)
        for one in issued["items"]:
            if one["number"]:
                return client.get(f"/invoices/{one['id']}", cast_to=object)
        time.sleep(0.5)
    raise TimeoutError("No invoice was issued. Does the billing run (beat, or manage.py run_billing) work?")


def show(invoice):
    """Print an invoice, its amounts in dollars."""
    print(f"{invoice['number']} ({invoice['status']})")
    for line in invoice["lines"]:
        print(
            f"  {line['description']}: {line['quantity']} - {line['free_quantity']} free = {line['chargeable_quantity']}"
            f" -> {line['unrounded_amount']} cents -> {dollars(line['amount'])}"
        )
    print(f"  Total: {dollars(invoice['total'])}")


def dollars(cents):
    """Write cents as dollars, without ever going through a float."""
    return f"${cents // 100}.{cents % 100:02}"
