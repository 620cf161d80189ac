-- True for an event `e` whose latest act, if it has any, is no void. Written so that the planner can make it an anti-join.
NOT EXISTS (
    SELECT FROM events_eventvoid v
    WHERE v.event_id = e.key AND v.is_void AND {visible}
        AND NOT EXISTS (
            SELECT FROM events_eventvoid later
            WHERE later.event_id = v.event_id AND later.ordinal > v.ordinal AND {later_visible}
        )
)
