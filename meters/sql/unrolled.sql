-- True for an event `e` that the live position has not reached. Not to be searched by: the bound is, and the position may be behind it.
((e.log_epoch, e.log_xid, e.arrival) > (
    SELECT log_epoch, log_xid, log_arrival FROM meters_rollposition WHERE id = %(live)s
)) IS TRUE
