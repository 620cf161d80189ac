-- True where what was read before the statement no longer holds: a position went back, a meter got one of its own, an epoch began.
(
    EXISTS (
        SELECT FROM meters_rollposition
        WHERE meter_id = ANY(%(rolled_meters)s::bigint[])
            OR id = %(live)s AND (log_epoch, log_xid, log_arrival) < (%(bound_epoch)s, %(bound_xid)s::xid8, %(bound_arrival)s)
    )
    OR EXISTS (SELECT FROM core_deployment WHERE log_epoch <> %(epoch)s)
)
