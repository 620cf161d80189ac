EXISTS (
    SELECT FROM meter
    WHERE meter_id = ANY(%(rolled_meters)s)
        AND (log_epoch, log_xid, log_arrival) < (%(bound_epoch)s, %(bound_xid)s::xid8, %(bound_arrival)s)
)
