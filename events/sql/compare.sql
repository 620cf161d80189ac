-- Compare the events of a record set, all of which are there already, with what stands (semantics.md [22]).
-- A statement of its own after insert_new, so that its snapshot sees what a concurrent transaction committed in between.
SELECT
    sent.n,
    stored.event_id = sent.event_id AS same_id,
    stored.customer_id = sent.customer_id
        AND stored.event_name_id = sent.event_name_id
        AND stored.metadata = sent.metadata
        AND (NOT (stored.timestamp_given AND sent.timestamp_given) OR stored."timestamp" = sent."timestamp") AS same_content,
    coalesce((
        SELECT act.is_void FROM events_eventvoid AS act WHERE act.event_id = stored.key ORDER BY act.ordinal DESC LIMIT 1
    ), false) AS is_void
FROM json_to_recordset(%(records)s::json) AS sent (
    n int, key uuid, event_id text, customer_id bigint, event_name_id int, "timestamp" timestamptz, timestamp_given boolean, metadata jsonb
)
JOIN events_event AS stored ON stored.key = sent.key
ORDER BY sent.n
