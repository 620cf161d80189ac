(excluded.log_epoch, excluded.log_xid, excluded.log_arrival) > ({table}.log_epoch, {table}.log_xid, {table}.log_arrival)
