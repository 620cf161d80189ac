"""$0.01 an SMS: 1,234 of them cost $12.34."""

from last_month import connect, invoice_of, new_customer, send, show, subscribe

client = connect()
sms = client.meters.create(name="SMS", event_name="sms.sent", measurement_unit="messages", aggregation={"type": "count"})
customer = new_customer(client, "Bike courier")
send(client, customer, "sms.sent", [{"country": "IN"}] * 1_234)
subscribe(client, customer, name="Messages", meters=[{"meter_id": sms.id, "price_per_unit": "1", "free_threshold": 0}])

show(invoice_of(client, customer))
