-- Store the events of a record set that are not there yet, and return the keys of those stored.
-- Numbered in the order of the requests, so that `arrival` tells it; written in the order of keys, so that two groups with the same
-- events wait for each other instead of in a ring.
WITH sent AS (
    SELECT *
    FROM json_to_recordset(%(records)s::json) AS record (
        n int, key uuid, event_id text, customer_id bigint, event_name_id int, "timestamp" timestamptz, timestamp_given boolean,
        received_at timestamptz, metadata jsonb
    )
), numbered AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('events_event', 'arrival')) AS arrival, in_order.*
    FROM (SELECT * FROM sent ORDER BY n) AS in_order
)
INSERT INTO events_event (key, arrival, customer_id, "timestamp", received_at, event_name_id, timestamp_given, event_id, metadata)
OVERRIDING SYSTEM VALUE
SELECT key, arrival, customer_id, "timestamp", received_at, event_name_id, timestamp_given, event_id, metadata
FROM numbered
ORDER BY key
ON CONFLICT (key) DO NOTHING
RETURNING key
