-- Keep a refused request once; the same key, body and codes again only count and date it. Returns its id, and whether it is new.
INSERT INTO events_refusedrequest
    (api_key_id, fingerprint, body, body_size, event_count, http_status, code, message, first_received_at, latest_received_at, seen_count)
VALUES (
    %(api_key_id)s, %(fingerprint)s, %(body)s, %(body_size)s, %(event_count)s, %(http_status)s, %(code)s, %(message)s,
    %(received_at)s, %(received_at)s, 1
)
ON CONFLICT (api_key_id, fingerprint)
DO UPDATE SET seen_count = events_refusedrequest.seen_count + 1, latest_received_at = excluded.latest_received_at
RETURNING id, xmax = 0
