-- Put a bucket counted anew in the place of the rollup row that stands.
event_count = excluded.event_count,
quantity_sum = excluded.quantity_sum,
quantity_max = excluded.quantity_max,
latest_quantity = excluded.latest_quantity,
latest_arrival = excluded.latest_arrival,
latest_at = excluded.latest_at
