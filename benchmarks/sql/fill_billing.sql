-- Customers numbered from first to latest: one subscription each that began before the cycle, credits, and the events of the cycle.
-- Of four, one has unit credits that renew with the cycle, one unit credits once, one money for usage, one a wallet; every second pays a fee.
WITH customer AS (
    INSERT INTO customers_customer (public_id, name, email, phone_number, preferred_locale, metadata, tax_id, tax_rate,
        street, city, state, zipcode, country, created_at, updated_at)
    SELECT 'cus_bench' || n, 'Customer ' || n, 'c' || n || '@example.com', '', '', '{}', '', 0.19,
        n || ' High Street', 'Berlin', '', '10115', 'DE', %(cycle_start)s, %(cycle_start)s
    FROM generate_series(%(first)s::int, %(latest)s) n
    RETURNING id, substr(public_id, 10)::int AS n
),
subscription AS (
    INSERT INTO products_subscription (public_id, customer_id, currency, status, quantity, start_at, cancel_at_next_billing_date,
        cancel_reason, cancellation_comment, cancellation_feedback, business_name, tax_id, street, city, state, zipcode, country,
        metadata, next_point, next_point_at, created_at, updated_at)
    SELECT 'sub_bench' || n, id, 'USD', 'active', 1, %(cycle_start)s, false, '', '', '', '', '', '', '', '', '', '', '{}',
        1, %(cycle_end)s, %(cycle_start)s, %(cycle_start)s
    FROM customer
    ORDER BY n
    RETURNING id, customer_id, substr(public_id, 10)::int AS n
),
phase AS (
    INSERT INTO products_subscriptionphase (subscription_id, first_cycle, starts_at, anchor_date, interval_unit, interval_count, product_id)
    SELECT id, 1, %(cycle_start)s, %(cycle_start)s::date, 'Month', 1, CASE WHEN n %% 2 = 0 THEN %(team)s ELSE %(plain)s END
    FROM subscription
),
carried AS (
    INSERT INTO products_subscriptionmeter (customer_id, meter_id, subscription_id, during)
    SELECT s.customer_id, m, s.id, tstzrange(%(cycle_start)s, NULL)
    FROM subscription s, unnest(ARRAY[%(requests)s, %(tokens)s, %(seats)s]::bigint[]) m
),
credit AS (
    INSERT INTO credits_creditgrant (public_id, customer_id, subscription_id, kind, meter_id, currency, amount, applies_to, priority,
        rollover, name, effective_at, expires_at, renews, metadata, created_at, created_by, void_reason)
    SELECT 'cgr_bench' || s.n, s.customer_id, CASE WHEN s.n %% 4 = 0 THEN s.id END,
        CASE WHEN s.n %% 4 < 2 THEN 'units' ELSE 'money' END,
        CASE WHEN s.n %% 4 < 2 THEN %(tokens)s::bigint END,
        CASE WHEN s.n %% 4 >= 2 THEN 'USD' END,
        CASE WHEN s.n %% 4 < 2 THEN 700 ELSE 2500 END,
        CASE WHEN s.n %% 4 = 3 THEN 'invoice' ELSE 'usage' END,
        100, 'none', 'Credit', %(cycle_start)s, NULL, s.n %% 4 = 0, '{}', %(cycle_start)s, 'bench', ''
    FROM subscription s
    RETURNING id, renews, amount
),
period AS (
    INSERT INTO credits_grantperiod (grant_id, starts_at, ends_at)
    SELECT id, %(cycle_start)s, CASE WHEN renews THEN %(cycle_end)s::timestamptz END FROM credit
    RETURNING id, grant_id, starts_at
),
entry AS (
    INSERT INTO credits_creditentry (period_id, kind, amount, cause, invoice_id, line_id, actor_kind, actor_id, reason, created_at)
    SELECT p.id, 'granted', c.amount, 'granted:' || c.id || ':bench', '', '', 'system', 'bench', '', %(cycle_start)s
    FROM period p JOIN credit c ON c.id = p.grant_id
)
INSERT INTO events_event (key, event_id, customer_id, event_name_id, timestamp, timestamp_given, received_at, metadata)
SELECT md5('bench' || c.n || '-' || e.id || '-' || k)::uuid, 'bench-' || c.n || '-' || e.id || '-' || k, c.id, e.id,
    %(cycle_start)s::timestamptz + (k * 7 + c.n %% 5) * interval '1 day' + interval '10 hours', true, %(cycle_start)s,
    jsonb_build_object('tokens', 500 + (c.n * 37 + k * 911) %% 1900, 'seats', 1 + c.n %% 7, 'model', 'large-4')
FROM customer c, generate_series(1, 2) k, events_eventname e
