-- Merge a freshly counted bucket into the rollup row that stands.
event_count = {table}.event_count + excluded.event_count,
quantity_sum = COALESCE({table}.quantity_sum + excluded.quantity_sum, {table}.quantity_sum, excluded.quantity_sum),
quantity_max = GREATEST({table}.quantity_max, excluded.quantity_max),
latest_quantity = CASE WHEN {newer} THEN excluded.latest_quantity ELSE {table}.latest_quantity END,
latest_arrival = CASE WHEN {newer} THEN excluded.latest_arrival ELSE {table}.latest_arrival END,
latest_at = GREATEST({table}.latest_at, excluded.latest_at)
