SELECT s.number AS span, t.customer_id, t.timestamp, t.arrival, t.grouping, t.number
FROM tail t
JOIN span s ON s.meter_id = t.meter_id AND s.customer_id = t.customer_id AND t.timestamp >= s.whole_start AND t.timestamp < s.whole_end
