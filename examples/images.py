"""$0.04 a standard and $0.08 an HD image: 25 and 7 of them cost $1.56."""

from last_month import connect, invoice_of, new_customer, send, show, subscribe

client = connect()


def meter(quality):
    """Count the images of one quality: one event name, two meters that filter it."""
    return client.meters.create(
        name=f"Images, {quality}",
        event_name="image.generated",
        measurement_unit="images",
        aggregation={"type": "count"},
        filter={"conjunction": "and", "clauses": [{"key": "quality", "operator": "equals", "value": quality}]},
    )


customer = new_customer(client, "Design studio")
send(client, customer, "image.generated", [{"quality": "standard"}] * 25 + [{"quality": "hd"}] * 7)

subscribe(
    client,
    customer,
    name="Images",
    meters=[
        {"meter_id": meter("standard").id, "price_per_unit": "4", "free_threshold": 0},
        {"meter_id": meter("hd").id, "price_per_unit": "8", "free_threshold": 0},
    ],
)

show(invoice_of(client, customer))
