-- The same within the running epoch: so written, the planner can guess how many there are.
e.log_epoch = %(epoch)s AND (e.log_xid, e.arrival) > (%(bound_xid)s::xid8, %(bound_arrival)s)
