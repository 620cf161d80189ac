-- Say of stored snapshots whether each saw one event, and whether the event was void then: its latest act that the snapshot saw.
SELECT
    s.id,
    e.log_epoch < s.log_epoch OR (e.log_epoch = s.log_epoch AND pg_visible_in_snapshot(e.log_xid, s.snapshot)) AS is_seen,
    coalesce((
        SELECT v.is_void
        FROM events_eventvoid v
        WHERE v.event_id = e.key
            AND (v.log_epoch < s.log_epoch OR (v.log_epoch = s.log_epoch AND pg_visible_in_snapshot(v.log_xid, s.snapshot)))
        ORDER BY v.ordinal DESC
        LIMIT 1
    ), false) AS is_void
FROM events_logsnapshot s
JOIN events_event e ON e.key = %(key)s
WHERE s.id = ANY(%(snapshots)s::bigint[])
