(e.log_epoch, e.log_xid, e.arrival) > (%(bound_epoch)s, %(bound_xid)s::xid8, %(bound_arrival)s)
