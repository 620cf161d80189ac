"""Measure durable ingest over HTTP against COPY into the same table in the same run, with the client on the same cores.

`python -m benchmarks ingest` prints the figures; `python -m benchmarks.ingest --servers` compares uvicorn and granian in pairs.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import psycopg

from benchmarks import load
from benchmarks.bench import Bench, bench, cpu_seconds, free_port
from benchmarks.figures import show
from events.rows import COPY, KEY, Batch, copy_data, copy_rows
from events.validation import judge_fast
from launch import programs

SECONDS = 4.0
ROUNDS = 3
DAYS = 30
MARK = b"@@@@@@@@@@@@"  # replaced by a serial number, so that each body's event ids are new
PATH = "/api/v1/events/ingest"
REGIONS = ("eu-central-1", "us-east-1", "ap-south-1")


def events(made: dict[str, Any], count: int, *, dice: random.Random) -> list[dict[str, Any]]:
    """Make up realistic events of about 270 bytes with five metadata keys."""
    now = datetime.now(UTC)
    customers, names = list(made["customers"]), list(made["names"])
    return [
        {
            "event_id": f"{MARK.decode()}-{dice.randrange(16**12):012x}-{number:04d}",
            "customer_id": dice.choice(customers),
            "event_name": dice.choice(names),
            "timestamp": (now - timedelta(seconds=dice.randrange(86400 * DAYS))).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "metadata": {
                "model": "large-4",
                "tokens": dice.randrange(10_000),
                "cost": dice.randrange(10_000) / 10_000,
                "region": dice.choice(REGIONS),
                "cached": dice.random() < 0.5,
            },
        }
        for number in range(count)
    ]


def requests(made: dict[str, Any], size: int, *, path: str = PATH, duplicates: float = 0.0) -> Callable[[], bytes]:
    """Return a function that gives a new request of `size` events each time; `duplicates`: the share of events sent before."""
    dice = random.Random(size)  # noqa: S311
    serial = itertools.count(time.time_ns() % 10**11)
    samples = []
    for _ in range(max(4, 400 // size)):
        sent = events(made, size, dice=dice)
        for event in sent[: int(size * duplicates)]:
            event["event_id"] = event["event_id"].replace(MARK.decode(), "duplicate")
        body = json.dumps({"events": sent}, separators=(",", ":")).encode()
        samples.append(load.request(path, body, secret=made["secret"]))
    turns = itertools.cycle(samples)
    return lambda: next(turns).replace(MARK, b"%012d" % next(serial))


def blocks(one: Bench, count: int) -> list[bytes]:
    """Return blocks of 1000 new rows each as COPY takes them."""
    dice = random.Random(1)  # noqa: S311
    samples = []
    for _ in range(20):
        body = json.dumps({"events": events(one.made, 1000, dice=dice)}).encode()
        sent = judge_fast(body, received_at=datetime.now(UTC), max_age=timedelta(days=DAYS + 1)).events
        samples.append(copy_rows(Batch(sent, range(1000), one.made["customers"], one.made["names"], datetime.now(UTC), key_id=0)))

    def block(number: int) -> bytes:
        # New ids and new keys at the price of a replacement: the first 6 bytes of a key are as random as a hash in their effect.
        mark, stamp = b"c%011d" % number, os.urandom(6)
        rows = [row.replace(MARK, mark) for row in samples[number % len(samples)]]
        return copy_data([row[: KEY.start] + stamp + row[KEY.start + 6 :] for row in rows])

    return [block(number) for number in range(count)]


def copy_rate(one: Bench, *, table: str = "events_event", seconds: float = SECONDS) -> float:
    """Return rows/s of COPY on one connection, 1000 rows a commit, all text made beforehand."""
    ready = blocks(one, 400)
    rows, began = 0, time.perf_counter()
    with psycopg.connect(one.url, autocommit=True) as connection, connection.cursor() as cursor:
        for text in ready:
            with cursor.copy(COPY.replace("events_event", table)) as lines:
                lines.write(text)
            rows += 1000
            if time.perf_counter() - began > seconds:
                break
    return rows / (time.perf_counter() - began)


def heap(one: Bench) -> None:
    """Make an empty copy of the table without indexes."""
    with psycopg.connect(one.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS benchmark_heap (LIKE events_event INCLUDING DEFAULTS INCLUDING IDENTITY)")


def web(server: str, port: int) -> list[str]:
    """Return the command line of the web process under one server."""
    if server == "granian":
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "asgi",
            "billing_project.asgi:application",
            "--port",
            str(port),
        ]
        return [*command, "--loop", "uvloop", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return programs.commands(host="127.0.0.1", port=port)["web"]


def reference(port: int) -> list[str]:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "benchmarks.reference:application", "--port", str(port)]
    return [*command, "--workers", "1", "--blocking-threads", "16", "--no-access-log", "--log-level", "warning"]


def servers(rounds: int) -> None:
    """Compare the servers in pairs, in one run: each round measures both, in turns of order."""
    with bench() as one:
        for turn in range(rounds):
            for server in ("uvicorn", "granian")[:: 1 if turn % 2 == 0 else -1]:
                port = free_port()
                with one.serving(web(server, port), port=port) as process:
                    for size, connections in ((1000, 8), (100, 16), (1, 128)):
                        before = cpu_seconds(process)
                        done = load.run(port, requests(one.made, size), connections=connections, seconds=4)
                        used = (cpu_seconds(process) - before) / done.total * 1e6
                        more: dict[str, Any] = {"web_cpu_us_per_request": round(used), "p99_ms": round(done.percentile(0.99), 1)}
                        show(f"{server}, {size} events a request", done.rate * size, "events/s", **more, refused=done.refused)


CASES = (  # title, events a request, connections, share of duplicates
    ("batches of 1000", 1000, 8, 0.0),
    ("batches of 100", 100, 16, 0.0),
    ("batches of 1000, a tenth duplicates", 1000, 8, 0.1),
    ("single events", 1, 128, 0.0),
)
RAW, EMPTY, REFERENCE = "COPY, indexed table, 1000 a commit", "empty Django WSGI view", "DRF and bulk_create"
FROM_EMPTY = "batches of 1000 into an empty table"


class Measured:
    """What several rounds gave, by title: the median is shown, so that one disturbed round does not matter."""

    def __init__(self) -> None:
        self.rates: dict[str, list[float]] = {}
        self.more: dict[str, list[dict[str, float]]] = {}

    def add(self, title: str, rate: float, **more: float) -> None:
        self.rates.setdefault(title, []).append(rate)
        self.more.setdefault(title, []).append(more)

    def show(self, title: str, baseline: str = "") -> None:
        """Print one figure; the ratio is the median of the ratios of each round."""
        rates, against = self.rates[title], self.rates.get(baseline)
        against_value = median(against) if against else None
        ratio = {"ratio": round(median(a / b for a, b in zip(rates, against, strict=True)), 3)} if against else {}
        more: dict[str, Any] = {name: round(median(one[name] for one in self.more[title]), 1) for name in self.more[title][0]}
        show(title, median(rates), "events/s", baseline=baseline, baseline_value=against_value, **(more | ratio))


def main() -> None:
    """Print the figures of ingest, each the median of a few rounds in which all are measured in turn."""
    measured = Measured()
    ours, theirs = free_port(), free_port()
    with bench() as one:
        heap(one)
        with one.serving(web("uvicorn", ours), port=ours) as process, one.serving(reference(theirs), port=theirs):
            for _ in range(ROUNDS):
                measured.add("COPY, bare heap, 1000 a commit", copy_rate(one, table="benchmark_heap", seconds=SECONDS))
                measured.add(RAW, copy_rate(one, seconds=SECONDS))
                for case in CASES:
                    _measure(one, ours, process, measured, case)
                _measure_reference(one, theirs, measured)
                _measure_from_empty(one, ours, theirs, measured)
    measured.show(RAW, "COPY, bare heap, 1000 a commit")
    for title in ("batches of 1000", "batches of 100", "batches of 1000, a tenth duplicates"):
        measured.show(title, RAW)
    measured.show("single events", EMPTY)
    measured.show("batches of 1000", f"{REFERENCE}, batches of 1000")
    measured.show(FROM_EMPTY, f"{REFERENCE}, {FROM_EMPTY}")
    measured.show("single events", f"{REFERENCE}, single events")


def _measure(
    one: Bench, port: int, process: subprocess.Popen[bytes], measured: Measured, case: tuple[str, int, int, float]
) -> None:
    """Measure one case, with the processor time that web and database spend on an event and what it adds to the table."""
    title, size, connections, duplicates = case
    web_before, database_before, stored_before, bytes_before = cpu_seconds(process), one.database_seconds(), *one.table()
    done = load.run(port, requests(one.made, size, duplicates=duplicates), connections=connections, seconds=SECONDS)
    stored, grown = (after - before for after, before in zip(one.table(), (stored_before, bytes_before), strict=True))
    measured.add(
        title,
        done.rate * size,
        p99_ms=done.percentile(0.99),
        refused=done.refused,
        web_us=1e6 * (cpu_seconds(process) - web_before) / done.total / size,
        database_us=1e6 * (one.database_seconds() - database_before) / done.total / size,
        table_bytes_per_accepted=grown / max(1, stored),
    )


def _measure_reference(one: Bench, port: int, measured: Measured) -> None:
    empty = load.run(port, lambda: load.request("/empty", b""), connections=128, seconds=SECONDS)
    measured.add(EMPTY, empty.rate)
    for title, size, connections in (("batches of 1000", 1000, 8), ("single events", 1, 32)):
        done = load.run(port, requests(one.made, size, path="/ingest"), connections=connections, seconds=SECONDS)
        measured.add(f"{REFERENCE}, {title}", done.rate * size)


def _measure_from_empty(one: Bench, ours: int, theirs: int, measured: Measured) -> None:
    """Measure ours and the reference from the same start: by the end of a round ours holds thirty times as many events as the other."""
    for title, port, path in ((FROM_EMPTY, ours, PATH), (f"{REFERENCE}, {FROM_EMPTY}", theirs, "/ingest")):
        with psycopg.connect(one.url, autocommit=True) as connection:
            connection.execute("SET tallybook.may_be_emptied = on")
            connection.execute("TRUNCATE events_event, benchmark_reference_event CASCADE")
            connection.execute("CHECKPOINT")
        done = load.run(port, requests(one.made, 1000, path=path), connections=8, seconds=SECONDS)
        measured.add(title, done.rate * 1000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", action="store_true")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    servers(asked.rounds) if asked.servers else main()
