"""Measure what the dashboard asks, an unrolled tail included, against the same questions put to the raw events in the same run.

`python -m benchmarks query` prints the figures; `python -m benchmarks.query --events 5000000 --explain` also prints plans.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import psutil

from benchmarks.bench import bench
from benchmarks.figures import show

EVENTS = 1_000_000
TAIL = 10_000
DAYS = 30
NAMES = 10
CUSTOMERS = 1000
REPEATS = 15

# A third of the events carry the first name, so that one meter is large; timestamps rise with arrival, as in life, with a little noise.
FILL = """
INSERT INTO events_event (key, event_id, customer_id, event_name_id, timestamp, timestamp_given, received_at, metadata)
SELECT md5('bench' || n)::uuid, 'bench-' || n, c.ids[1 + (random() ^ 2 * (array_length(c.ids, 1) - 1))::int],
    e.ids[CASE WHEN random() < 0.3 THEN 1 ELSE 1 + (random() * 9)::int END],
    %(start)s::timestamptz + %(step)s::interval * (n - %(first)s) + random() * interval '10 minutes', true, now(),
    jsonb_build_object('tokens', (random() * 10000)::int, 'cost', round(random()::numeric, 4), 'model', 'large-' || (random() * 3)::int,
        'region', (ARRAY['eu-central-1', 'us-east-1', 'ap-south-1'])[1 + (random() * 2)::int], 'cached', random() < 0.5)
FROM generate_series(%(first)s, %(latest)s) n,
    (SELECT array_agg(id ORDER BY id) AS ids FROM customers_customer) c, (SELECT array_agg(id ORDER BY id) AS ids FROM events_eventname) e
"""
RAW = "FROM events_event e WHERE e.event_name_id = %(name)s AND e.timestamp >= %(start)s AND e.timestamp < %(end)s"
NUMBER = "(e.metadata ->> 'tokens')::numeric"
RAW_QUESTIONS = {
    "total (sum)": f"SELECT sum({NUMBER}) {RAW}",
    "per day (sum)": f"SELECT date_trunc('day', e.timestamp), sum({NUMBER}) {RAW} GROUP BY 1",
    "top customers (sum)": f"SELECT e.customer_id, sum({NUMBER}) {RAW} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    "latest per customer": f"SELECT DISTINCT ON (e.customer_id) e.customer_id, {NUMBER} {RAW} ORDER BY e.customer_id, e.timestamp DESC",
    "one customer, one cycle": f"SELECT sum({NUMBER}) {RAW} AND e.customer_id = %(customer)s",
}


def median_ms(ask: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the median time of a call in milliseconds, after one to warm up."""
    ask()
    times = []
    for _repeat in range(repeats):
        began = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def cpu_ms(ask: Callable[[], Any], repeats: int = 2 * REPEATS) -> dict[str, float]:
    """Return the processor time of a call in milliseconds, of the server and of the client: steady also on a busy machine."""
    from django.db import connection  # noqa: PLC0415

    connection.ensure_connection()
    server = psutil.Process(connection.connection.info.backend_pid)
    before, ours = sum(server.cpu_times()[:2]), time.process_time()
    for _repeat in range(repeats):
        ask()
    ours, theirs = time.process_time() - ours, sum(server.cpu_times()[:2]) - before
    return {"server": round(1000 * theirs / repeats, 1), "client": round(1000 * ours / repeats, 1)}


def measure(count: int, *, explain: bool) -> None:
    """Fill, roll and ask; Django is set up by now."""
    # Only now may models be loaded: they need the settings of the cluster that was just made.
    from django.db import connection  # noqa: PLC0415

    from core.periods import Period  # noqa: PLC0415
    from customers.models import Customer  # noqa: PLC0415
    from events.models import EventName  # noqa: PLC0415
    from meters import define, rollup, series, usage  # noqa: PLC0415
    from meters.series import Question  # noqa: PLC0415
    from meters.usage import UsageRequest  # noqa: PLC0415

    now = datetime.now(UTC)
    start = (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    period = Period(start, start + timedelta(days=DAYS))
    names = list(EventName.objects.order_by("id"))

    def fill(first: int, latest: int, since: datetime, span: timedelta) -> None:
        bound = {"first": first, "latest": latest, "start": since, "step": span / max(1, latest - first)}
        with connection.cursor() as cursor:
            cursor.execute(FILL, bound)

    def meter(number: int, aggregation: str) -> Any:
        return define.create(
            name=f"{aggregation} {number}",
            event_name=names[number % NAMES].name,
            aggregation=aggregation,
            over_property=None if aggregation == "count" else "tokens",
            measurement_unit="unit",
            filter={"conjunction": "and", "clauses": [{"key": "model", "operator": "not_equals", "value": "small"}]},
            now=now,
        )

    meters = [meter(number, ("sum", "last", "count", "max")[number // NAMES + number % 2 * 2]) for number in range(2 * NAMES)]
    sums, latest = meters[0], meters[NAMES]
    began = time.perf_counter()
    for first in range(0, count, 250_000):
        upto = min(first + 250_000, count)
        fill(first, upto - 1, start + timedelta(days=DAYS) * first / count, timedelta(days=DAYS) * (upto - first) / count)
    sys.stderr.write(f"{count} events written in {time.perf_counter() - began:.0f} s\n")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE events_event")
    began = time.perf_counter()
    read = rollup.roll_all(now=now).event_count
    took = time.perf_counter() - began
    show("roller alone, 20 meters over 10 names, 2 a name", count / took, "events/s", events_read=read)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE meters_usageday, meters_meterquarter, events_event")
    fill(count, count + TAIL - 1, period.end - timedelta(hours=2), timedelta(hours=2))

    customer = Customer.objects.order_by("id")[300].id
    cycle = Period(start + timedelta(hours=7), start + timedelta(days=DAYS))
    questions: dict[str, Callable[[], Any]] = {
        "total (sum)": lambda: series.series(Question(sums.id, period)),
        "per day (sum)": lambda: series.series(Question(sums.id, period, "day")),
        "top customers (sum)": lambda: series.series(Question(sums.id, period, by_customer=True, top=10)),
        "latest per customer": lambda: series.series(Question(latest.id, period, by_customer=True)),
        "one customer, one cycle": lambda: usage.quantities(requests=[UsageRequest(sums.id, customer, period)]),
        "one customer, a cycle begun at noon": lambda: usage.quantities(requests=[UsageRequest(sums.id, customer, cycle)]),
        "1000 customers, one cycle": lambda: usage.quantities(
            requests=[UsageRequest(sums.id, one, period) for one in Customer.objects.values_list("id", flat=True)]
        ),
    }
    bound = {"name": names[0].id, "start": period.start, "end": period.end, "customer": customer}
    for title, ask in questions.items():
        ours, cpu = median_ms(ask), cpu_ms(ask)
        raw = median_ms(lambda: _raw(RAW_QUESTIONS[title], bound), 3) if title in RAW_QUESTIONS else None  # noqa: B023
        show(f"{title}, {count} events, tail of {TAIL}", ours, "ms", baseline="raw PostgreSQL", baseline_value=raw, cpu_ms=cpu)
        if explain:
            _explain(title, ask)


def _raw(statement: str, bound: dict[str, Any]) -> Any:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return cursor.fetchall()


def _explain(title: str, ask: Callable[[], Any]) -> None:
    """Run the question's statements again under EXPLAIN ANALYZE."""
    from django.db import connection  # noqa: PLC0415

    statements: list[tuple[Any, Any]] = []

    def note(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        statements.append((statement, params))
        return execute(statement, params, many, context)

    with connection.execute_wrapper(note):
        ask()
    with connection.cursor() as cursor:
        for statement, params in statements:
            text = statement if isinstance(statement, str) else statement.as_string(connection.connection)
            if "piece" in text:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS OFF) " + text, params)
                sys.stderr.write(f"\n=== {title}\n" + "\n".join(row[0][:220] for row in cursor.fetchall()) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--explain", action="store_true")
    chosen = parser.parse_args() if sys.argv[0].endswith("query.py") else parser.parse_args([])
    with bench() as one:
        os.environ.update(one.environment)
        django.setup()
        measure(chosen.events, explain=chosen.explain)


if __name__ == "__main__":
    main()
