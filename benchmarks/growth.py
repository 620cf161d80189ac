"""Measure how ingest over HTTP and raw COPY decline while the table grows, and what each index costs.

`python -m benchmarks growth` measures at 0 and 5 million stored events, about ten minutes; `python -m benchmarks.growth --events 0 5000000
20000000` also at 20 million, about an hour.
"""

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import psutil
import psycopg

from benchmarks import load
from benchmarks.bench import Bench, bench, free_port
from benchmarks.figures import show
from benchmarks.ingest import SECONDS, blocks, copy_rate, requests, web
from core.sql import load as statement
from events.rows import COPY

STEPS = (0, 5_000_000)
AT_ONCE = 250_000
DAYS = 30
ROUNDS = 3


def fill(one: Bench, upto: int) -> None:
    """Add events until about `upto` are stored."""
    stored, _ = one.table()
    began, start, step = time.perf_counter(), datetime.now(UTC) - timedelta(days=DAYS), timedelta(days=DAYS) / max(1, upto)
    with psycopg.connect(one.url, autocommit=True) as connection:
        for first in range(stored, upto, AT_ONCE):
            latest = min(first + AT_ONCE, upto) - 1
            bound = {"first": first, "latest": latest, "start": start + first * step, "step": step}
            connection.execute(statement(__file__, "fill_events"), bound)
        connection.execute("VACUUM ANALYZE events_event")
        connection.execute("CHECKPOINT")
    if upto > stored:
        sys.stderr.write(f"{upto - stored} events written in {time.perf_counter() - began:.0f} s\n")


def http_rate(one: Bench) -> float:
    """Return the events/s of batches of 1000 over HTTP."""
    port = free_port()
    with one.serving(web("uvicorn", port), port=port):
        done = load.run(port, requests(one.made, 1000), connections=8, seconds=SECONDS)
    return done.rate * 1000


def index_costs(one: Bench, size: int) -> None:
    """Show what COPY costs the database without each index, in a transaction that is rolled back, so that no index is built again."""
    with psycopg.connect(one.url) as connection:
        found = connection.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'events_event'::regclass")
        indexes = sorted(name for (name,) in found.fetchall())
        keys = connection.execute("SELECT conindid::regclass::text, conname FROM pg_constraint WHERE contype IN ('p', 'u')")
        constraints: dict[str, str] = dict(keys.fetchall())
        connection.rollback()
        for name in indexes:
            whole = _processor_time(one, connection, "")  # each time: what is rolled back leaves dead rows
            key = f"ALTER TABLE events_event DROP CONSTRAINT {constraints.get(name)} CASCADE"
            spent = _processor_time(one, connection, key if name in constraints else f"DROP INDEX {name}")
            show(f"COPY at {size} without {name}", spent, "us/event", baseline="with all indexes", baseline_value=whole)


def _processor_time(one: Bench, connection: psycopg.Connection, drop: str) -> float:
    """Return the microseconds of processor time that the backend spends on a row: steady also on a busy machine."""
    ready = blocks(one, 60)
    backend = psutil.Process(connection.info.backend_pid)
    with connection.cursor() as cursor:
        if drop:
            cursor.execute(drop)
        before = sum(backend.cpu_times()[:2])
        for text in ready:
            with cursor.copy(COPY) as lines:
                lines.write(text)
        spent = sum(backend.cpu_times()[:2]) - before
    connection.rollback()
    return float(1e6 * spent / (1000 * len(ready)))


def rates(one: Bench) -> dict[str, float]:
    """Return the events/s of COPY and of HTTP: medians of rounds in which both take their turn."""
    rounds = [(copy_rate(one, seconds=SECONDS), http_rate(one)) for _ in range(ROUNDS)]
    return {"COPY": median(copied for copied, _ in rounds), "HTTP": median(sent for _, sent in rounds)}


def measure(steps: list[int]) -> None:
    """Print the figures at each size."""
    with bench() as one:
        first: dict[str, float] = {}
        for size in steps:
            fill(one, size)
            first = show_at(one, size, first)


def show_at(one: Bench, size: int, first: dict[str, float]) -> dict[str, float]:
    """Print the figures at the size of now; `first` are the rates at the first size, and are returned."""
    now = rates(one)
    show(f"HTTP batches of 1000 at {size}", now["HTTP"], "events/s", baseline="COPY at this size", baseline_value=now["COPY"])
    first = first or now
    for name, rate in now.items():
        show(f"{name} at {size}", rate, "events/s", baseline=f"{name} at the first size", baseline_value=first[name])
    stored, taken = one.table()
    show(f"table and indexes at {stored}", taken / stored, "bytes/event")
    index_costs(one, size)
    return first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=list(STEPS))
    chosen = parser.parse_args() if sys.argv[0].endswith("growth.py") else parser.parse_args([])
    measure(chosen.events)


if __name__ == "__main__":
    main()
