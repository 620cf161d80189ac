-- The same of the whole tail `unrolled` at once: its voids are read by one search, and hashed, however badly the planner guesses their number.
e.key NOT IN (
    SELECT v.event_id
    FROM events_eventvoid v
    WHERE v.event_id = ANY(ARRAY(SELECT key FROM unrolled WHERE number IS NOT NULL)) AND v.is_void
        AND NOT EXISTS (SELECT FROM events_eventvoid later WHERE later.event_id = v.event_id AND later.ordinal > v.ordinal)
)
