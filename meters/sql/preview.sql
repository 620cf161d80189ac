-- What a definition would have made of the newest events of a name: how they were judged, and the quantity by day and by customer.
-- Reads by event_by_name_time. A day is the number of its midnight among %(midnights)s; 0 lies before them. Of the voids, of which there may be
-- millions, only those of these events are read; and once: without its OFFSET the subquery would be merged, and its IN asked wherever is_void stands.
WITH newest AS MATERIALIZED (
    SELECT key, customer_id, timestamp, arrival, metadata
    FROM events_event
    WHERE event_name_id = (SELECT id FROM events_eventname WHERE name = %(event_name)s)
    ORDER BY timestamp DESC
    LIMIT %(limit)s
),
judged AS MATERIALIZED (
    SELECT e.customer_id, e.timestamp, e.arrival, {aggregation} AS aggregation, {verdicts} AS verdicts,
        CASE WHEN e.is_void THEN 'void' WHEN NOT {active} THEN 'inactive' ELSE {property} END AS state,
        CASE WHEN NOT e.is_void THEN {number} END AS number
    FROM (
        SELECT newest.*, key IN (
            SELECT v.event_id
            FROM events_eventvoid v
            WHERE v.event_id = ANY(ARRAY(SELECT key FROM newest)) AND v.is_void AND NOT EXISTS (
                SELECT FROM events_eventvoid later WHERE later.event_id = v.event_id AND later.ordinal > v.ordinal
            )
        ) AS is_void
        FROM newest
        OFFSET 0
    ) AS e
),
by_day AS (
    SELECT day, sum({quantity}) AS quantity, sum(event_count)::bigint AS event_count
    FROM (
        SELECT day, customer_id, event_count, quantity_sum, quantity_max, latest[3] AS latest_quantity
        FROM (
            SELECT width_bucket(c.timestamp, %(midnights)s::timestamptz[]) AS day, c.customer_id, {tally}
            FROM judged c
            WHERE c.number IS NOT NULL
            GROUP BY 1, 2
        ) AS t
    ) AS t
    GROUP BY day
),
by_customer AS (
    SELECT customer_id, {quantity} AS quantity, event_count
    FROM (
        SELECT customer_id, event_count, quantity_sum, quantity_max, latest[3] AS latest_quantity
        FROM (
            SELECT c.customer_id, {tally}
            FROM judged c
            WHERE c.number IS NOT NULL
            GROUP BY 1
        ) AS t
    ) AS t
)
SELECT
    (SELECT count(*) FROM judged),
    (SELECT min(timestamp) FROM judged),
    (
        SELECT COALESCE(jsonb_agg(jsonb_build_array(verdicts, state, event_count)), '[]')
        FROM (SELECT verdicts, state, count(*) AS event_count FROM judged GROUP BY 1, 2) AS alike
    )::text,
    (SELECT COALESCE(jsonb_agg(jsonb_build_array(day, quantity::text, event_count) ORDER BY day), '[]') FROM by_day)::text,
    (
        SELECT COALESCE(jsonb_agg(jsonb_build_array(customer_id, quantity::text, event_count) ORDER BY place), '[]')
        FROM (
            SELECT *, row_number() OVER (ORDER BY quantity DESC NULLS LAST, customer_id) AS place FROM by_customer
        ) AS ranked
        WHERE place <= %(top)s
    )::text,
    (SELECT sum(quantity) FROM by_customer),
    (SELECT count(*) FROM by_customer)
