-- Count what given customers have of one meter in a period once a selection of events is void.
SELECT t.customer_id, {quantity}
FROM (
    SELECT customer_id, event_count, quantity_sum, quantity_max, latest[3] AS latest_quantity
    FROM (
        SELECT c.customer_id, {tally}
        FROM (
            SELECT e.customer_id, %(aggregation)s AS aggregation, {number} AS number, e.timestamp, e.arrival
            FROM events_event e
            WHERE e.event_name_id = (SELECT id FROM events_eventname WHERE name = %(event_name)s)
                AND e.customer_id = ANY(%(customers)s::bigint[])
                AND e.timestamp >= %(starts_at)s AND e.timestamp < %(ends_at)s
                AND {not_voided} AND NOT {selected}
        ) AS c
        WHERE c.number IS NOT NULL
        GROUP BY 1
    ) AS counted
) AS t
