-- One quantity for each span, with the snapshot of this very statement; without any usage only the snapshot.
WITH {pieces},
tally AS (
    SELECT span, {merged} FROM piece GROUP BY span
)
SELECT d.log_epoch, pg_current_snapshot()::text, {moved_back}, t.span, {quantity}, t.event_count
FROM (SELECT (SELECT log_epoch FROM core_deployment) AS log_epoch) AS d
LEFT JOIN (tally t JOIN span s ON s.number = t.span) ON true
