-- Keep the later contents of events whose ids were taken; the same content again only counts.
INSERT INTO events_eventconflict
    (event_id, api_key_id, content_hash, content, seen_count, first_seen_at, latest_seen_at, status, resolved_by)
SELECT key, api_key_id, substr(sha256(convert_to(content::text, 'UTF8')), 1, 16), content, 1, received_at, received_at, 'open', ''
FROM (
    SELECT
        sent.key,
        sent.api_key_id,
        sent.received_at,
        jsonb_strip_nulls(jsonb_build_object(
            'customer_id', sent.customer,
            'event_name', sent.event_name,
            'timestamp', CASE WHEN sent.timestamp_given THEN sent."timestamp" END,
            'metadata', sent.metadata
        )) AS content
    FROM json_to_recordset(%(records)s::json) AS sent (
        key uuid, customer text, event_name text, "timestamp" timestamptz, timestamp_given boolean, received_at timestamptz,
        api_key_id bigint, metadata jsonb
    )
) AS conflicting
ORDER BY key
ON CONFLICT (event_id, content_hash)
DO UPDATE SET seen_count = events_eventconflict.seen_count + 1, latest_seen_at = excluded.latest_seen_at
