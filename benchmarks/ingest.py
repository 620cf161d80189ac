"""Measure durable ingest over HTTP against COPY into the same table in the same run, with the client on the same cores.

`python -m benchmarks ingest` prints the figures; `python -m benchmarks.ingest --servers` compares uvicorn and granian in pairs.
"""

import argparse
import itertools
import json
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks import load
from benchmarks.bench import Bench, bench, cpu_seconds, free_port
from benchmarks.figures import show
from events.rows import COPY, Batch, copy_lines
from events.validation import Event
from launch import programs

SECONDS = 6.0
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
            "timestamp": (now - timedelta(seconds=dice.randrange(86400 * 30))).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
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


def copy_rate(one: Bench, *, table: str = "events_event", seconds: float = SECONDS) -> float:
    """Return rows/s of COPY on one connection, 1000 rows a commit, all text made beforehand."""
    dice = random.Random(1)  # noqa: S311
    blocks = []
    for _ in range(20):
        sent = [Event(**event) for event in events(one.made, 1000, dice=dice)]
        batch = Batch(sent, range(1000), one.made["customers"], one.made["names"], datetime.now(UTC), key_id=0, plain=True)
        blocks.append("".join(copy_lines(batch)))
    serial = itertools.count()
    hashes = itertools.count()

    def block() -> bytes:
        # New ids and new keys at the price of a replacement: the first 12 digits of a key are as random as a hash in their effect.
        text = blocks[next(hashes) % len(blocks)].replace(MARK.decode(), f"c{next(serial):011d}")
        stamp = f"{random.getrandbits(48):012x}"
        return "\n".join([stamp + line[12:] if line else line for line in text.split("\n")]).encode()

    ready = [block() for _ in range(400)]
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
                        more = {"web_cpu_us_per_request": round(used), "p99_ms": round(done.percentile(0.99), 1)}
                        show(f"{server}, {size} events a request", done.rate * size, "events/s", **more, refused=done.refused)


def main() -> None:
    """Print the figures of issue 3's Speed section that concern ingest."""
    with bench() as one:
        heap(one)
        bare = copy_rate(one, table="benchmark_heap")
        raw = copy_rate(one)
        show("COPY, bare heap, 1000 a commit", bare, "events/s")
        show("COPY, indexed table, 1000 a commit", raw, "events/s", baseline="bare heap", baseline_value=bare)
        rates = _ours(one, raw)
        _reference(one, rates)


def _ours(one: Bench, raw: float) -> dict[str, float]:
    rates = {}
    port = free_port()
    copy = {"baseline": "COPY, indexed table", "baseline_value": raw}
    with one.serving(web("uvicorn", port), port=port):
        for name, size, connections, duplicates in (
            ("batches of 1000", 1000, 8, 0.0),
            ("batches of 100", 100, 16, 0.0),
            ("batches of 1000, a tenth duplicates", 1000, 8, 0.1),
        ):
            done = load.run(port, requests(one.made, size, duplicates=duplicates), connections=connections, seconds=SECONDS)
            rates[name] = done.rate * size
            show(name, rates[name], "events/s", **copy, p99_ms=round(done.percentile(0.99), 1), refused=done.refused)
        done = load.run(port, requests(one.made, 1), connections=128, seconds=SECONDS)
        rates["single events"] = done.rate
        rates["p99"] = done.percentile(0.99)
    return rates


def _reference(one: Bench, rates: dict[str, float]) -> None:
    port = free_port()
    with one.serving(reference(port), port=port):
        empty = load.run(port, lambda: load.request("/empty", b""), connections=128, seconds=SECONDS).rate
        figures = {
            "batches of 1000": load.run(port, requests(one.made, 1000, path="/ingest"), connections=8, seconds=SECONDS).rate
            * 1000,
            "single events": load.run(port, requests(one.made, 1, path="/ingest"), connections=32, seconds=SECONDS).rate,
        }
    empty_view = {"baseline": "empty Django WSGI view", "baseline_value": empty}
    show("single events", rates["single events"], "events/s", **empty_view, p99_ms=round(rates["p99"], 1))
    for name, value in figures.items():
        show(f"{name}, against the reference", rates[name], "events/s", baseline="DRF and bulk_create", baseline_value=value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", action="store_true")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    servers(asked.rounds) if asked.servers else main()
