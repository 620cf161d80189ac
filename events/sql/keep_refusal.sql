-- Keep a refused request once; the same key, body and codes again only count and date it,
-- and bring a pruned body back. Returns its id, whether it is new, and whether its good events are not noted.
INSERT INTO events_refusedrequest
    (api_key_id, fingerprint, body, body_size, event_count, good_count, http_status, code, message, first_received_at, latest_received_at, seen_count)
VALUES (
    %(api_key_id)s, %(fingerprint)s, %(body)s, %(body_size)s, %(event_count)s, %(good_count)s, %(http_status)s, %(code)s, %(message)s,
    %(received_at)s, %(received_at)s, 1
)
ON CONFLICT (api_key_id, fingerprint)
DO UPDATE SET
    seen_count = events_refusedrequest.seen_count + 1,
    latest_received_at = excluded.latest_received_at,
    body = coalesce(events_refusedrequest.body, excluded.body),
    pruned_at = NULL
RETURNING id, xmax = 0, NOT EXISTS (SELECT FROM events_refusedcompanions c WHERE c.request_id = events_refusedrequest.id)
