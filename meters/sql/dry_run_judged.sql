-- The events of some customers with what each adds under two definitions, as one snapshot saw them; NULL where it does not count.
judged AS MATERIALIZED (
    SELECT e.event_id, e.customer_id, e.timestamp, e.arrival,
        CASE WHEN n.name = %(old_name)s THEN {old} END AS old,
        CASE WHEN n.name = %(new_name)s THEN {new} END AS new
    FROM events_event e
    JOIN events_eventname n ON n.id = e.event_name_id
    WHERE n.name IN (%(old_name)s, %(new_name)s)
        AND e.customer_id = ANY(%(customers)s::bigint[])
        AND {in_range} AND {not_voided} AND {seen}
)
