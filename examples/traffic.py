"""10 GB of traffic free, then $5 a GB, with events in bytes: 12.5 GB cost $12.50."""

from last_month import connect, invoice_of, new_customer, send, show, subscribe

GB = 10**9

client = connect()
traffic = client.meters.create(
    name="Traffic", event_name="request.served", measurement_unit="bytes", aggregation={"type": "sum", "key": "bytes"}
)

customer = new_customer(client, "News site")
send(client, customer, "request.served", [{"bytes": 7_500_000_000}, {"bytes": 5_000_000_000}])

# $5 for 10^9 bytes are 0.0000005 cents a byte; display_per (ours) shows the price per GB again, and changes no amount.
subscribe(
    client,
    customer,
    name="CDN",
    meters=[{"meter_id": traffic.id, "price_per_unit": "0.0000005", "free_threshold": 10 * GB, "display_per": GB}],
)

show(invoice_of(client, customer))
