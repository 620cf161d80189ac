({table}.latest_arrival IS NULL OR (excluded.latest_at, excluded.latest_arrival) > ({table}.latest_at, {table}.latest_arrival))
