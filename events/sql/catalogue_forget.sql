-- Keep only the keys of a name that were seen last: a sender who makes keys up would fill the table.
DELETE FROM events_eventproperty
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER (PARTITION BY event_name_id ORDER BY latest_at DESC, id) AS place
        FROM events_eventproperty
        WHERE event_name_id = ANY(%(names)s)
    ) AS ranked
    WHERE place > %(most)s
)
