"""$0.001 an API call after 10,000 free ones: 12,345 calls cost $2.35."""

from last_month import connect, invoice_of, new_customer, send, show, subscribe

client = connect()
calls = client.meters.create(name="API calls", event_name="api.call", measurement_unit="calls", aggregation={"type": "count"})

customer = new_customer(client, "Map maker")
send(client, customer, "api.call", [{"path": "/v1/search"}] * 12_345)

# A price is in cents: $0.001 is 0.1.
subscribe(
    client,
    customer,
    name="API",
    meters=[{"meter_id": calls.id, "price_per_unit": "0.1", "free_threshold": 10_000}],
)

show(invoice_of(client, customer))  # 2,345 x 0.1 = 234.5 cents, rounded once, half away from zero
