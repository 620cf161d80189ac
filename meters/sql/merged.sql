sum(event_count)::bigint AS event_count, max(latest_at) AS latest_at {columns}
