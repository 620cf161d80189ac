-- Keep the greatest log position that was merged or voided into a rollup row.
log_epoch = CASE WHEN {later} THEN excluded.log_epoch ELSE {table}.log_epoch END,
log_xid = CASE WHEN {later} THEN excluded.log_xid ELSE {table}.log_xid END,
log_arrival = CASE WHEN {later} THEN excluded.log_arrival ELSE {table}.log_arrival END
