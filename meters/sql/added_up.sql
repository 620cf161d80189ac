-- The blocks among the whole days that are added up, without those that lie in a larger one; looked up by the statement that reads them, so that
-- both are of one snapshot.
added_up AS MATERIALIZED (
    SELECT id, first_day, end_day
    FROM (
        SELECT id, first_day, end_day, max(end_day) OVER (
            ORDER BY first_day, end_day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until
        FROM meters_meterblock
        WHERE meter_id = %(meter)s AND is_added_up AND first_day >= %(first_day)s AND end_day <= %(end_day)s
    ) AS block
    WHERE covered_until IS NULL OR first_day >= covered_until
)
