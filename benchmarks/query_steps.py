"""The part of the query benchmark that needs Django: fill, roll, ask, iterate. benchmarks.query starts it, on its cluster.

`python -m benchmarks.query_steps EVENTS HTTP_RATE FOLDER [--explain] [--engines PYTHON]`
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
import psutil

django.setup()

from django.db import connection  # noqa: E402

from benchmarks import query  # noqa: E402
from benchmarks.figures import show  # noqa: E402
from core import database  # noqa: E402
from core.periods import Period  # noqa: E402
from core.sql import load  # noqa: E402
from customers.models import Customer  # noqa: E402
from events import log  # noqa: E402
from events.models import EventName  # noqa: E402
from meters import blocks, define, rollup, series, usage  # noqa: E402
from meters.models import Meter  # noqa: E402
from meters.series import Question  # noqa: E402
from meters.usage import UsageRequest  # noqa: E402

TAIL = 10_000
DAYS = 30
NAMES = 10
REPEATS = 15
BATCH = 250_000
PAGE = 100
ITERATED = 200_000

RAW = """FROM events_event e WHERE e.event_name_id = %(name)s AND e.timestamp >= %(start)s AND e.timestamp < %(end)s
    AND e.metadata ->> 'model' <> 'small'"""
NUMBER = "(e.metadata ->> 'tokens')::numeric"
RAW_QUESTIONS = {
    "total (sum)": f"SELECT sum({NUMBER}) {RAW}",
    "per day (sum)": f"SELECT date_trunc('day', e.timestamp), sum({NUMBER}) {RAW} GROUP BY 1",
    "top customers (sum)": f"SELECT e.customer_id, sum({NUMBER}) {RAW} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    "latest per customer": f"SELECT DISTINCT ON (e.customer_id) e.customer_id, {NUMBER} {RAW} ORDER BY 1, e.timestamp DESC",
    "one customer, one cycle": f"SELECT sum({NUMBER}) {RAW} AND e.customer_id = %(customer)s",
}
EXPORT = (
    "COPY (SELECT event_name_id, customer_id, timestamp::timestamp, arrival, metadata FROM events_event) TO STDOUT (FORMAT csv)"
)


@dataclass
class Data:
    """What was made: a period that holds all events, a meter of sums and one of latest values over the largest name, a busy customer."""

    count: int
    period: Period
    name: int
    sums: Meter
    latest: Meter
    customer: int


def fill(first: int, latest: int, since: datetime, span: timedelta) -> None:
    """Write the events numbered from first to latest (included), their timestamps rising through the span."""
    with connection.cursor() as cursor:
        bound: dict[str, Any] = {"first": first, "latest": latest, "start": since, "step": span / max(1, latest - first)}
        cursor.execute(load(__file__, "fill_events"), bound)


def vacuum(*tables: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(tables)}")


def meter(number: int, name: str, now: datetime) -> Meter:
    """Make one of two meters of each name, every aggregation among them."""
    aggregation = ("sum", "last", "count", "max")[number // NAMES + number % 2 * 2]
    return define.create(
        name=f"{aggregation} {number}",
        event_name=name,
        aggregation=aggregation,
        over_property=None if aggregation == "count" else "tokens",
        measurement_unit="unit",
        filter={"conjunction": "and", "clauses": [{"key": "model", "operator": "not_equals", "value": "small"}]},
        now=now,
    )


def made(count: int, *, now: datetime) -> Data:
    """Make meters and events; the roller has not run."""
    start = (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    names = list(EventName.objects.order_by("id"))
    rollup.roll_all(now=now)
    with connection.cursor() as cursor:
        cursor.execute("SET tallybook.may_be_emptied = on")
        cursor.execute("TRUNCATE events_event CASCADE")  # what the load over HTTP has left
    meters = [meter(number, names[number % NAMES].name, now) for number in range(2 * NAMES)]
    began = time.perf_counter()
    for first in range(0, count, BATCH):
        upto = min(first + BATCH, count)
        fill(first, upto - 1, start + timedelta(days=DAYS) * first / count, timedelta(days=DAYS) * (upto - first) / count)
    sys.stderr.write(f"{count} events written in {time.perf_counter() - began:.0f} s\n")
    vacuum("events_event")
    customer = Customer.objects.order_by("id")[300].id
    return Data(count, Period(start, start + timedelta(days=DAYS)), names[0].id, meters[0], meters[NAMES], customer)


def roll(data: Data, *, now: datetime, http_rate: float) -> None:
    """Roll everything up, and then write the tail."""
    server = backend()
    began, before = time.perf_counter(), sum(server.cpu_times()[:2])
    read = rollup.roll_all(now=now).event_count
    took, used = time.perf_counter() - began, sum(server.cpu_times()[:2]) - before
    against: dict[str, Any] = {"baseline": "HTTP, batches of 1000", "baseline_value": http_rate}
    title = "roller alone, 20 meters over 10 names, 2 a name"
    show(title, read / took, "events/s", **against, events_read=read, cpu_us_per_event=round(used / read * 1e6, 1))
    vacuum("meters_usageday", "meters_meterquarter", "events_event")
    fill(data.count, data.count + TAIL - 1, data.period.end - timedelta(hours=2), timedelta(hours=2))


def add_up(data: Data, *, now: datetime) -> None:
    """Add the past days up, as beat does when nothing changes in them any more; and ask before that what is read from them after it."""
    for title in ("top customers (sum)", "latest per customer"):
        show(f"{title}, days not yet added up", timed(questions(data)[title]).median, "ms")
    began = time.perf_counter()
    count = blocks.add_up(now=now + timedelta(hours=1), turn=timedelta(hours=1))
    show("adding past days up, a block", 1000 * (time.perf_counter() - began) / count, "ms", blocks=count)
    vacuum("meters_usageblock", "meters_meterblock")


def backend() -> psutil.Process:
    """Give the server's process of this connection."""
    connection.ensure_connection()
    return psutil.Process(connection.connection.info.backend_pid)


def questions(data: Data) -> dict[str, Callable[[], Any]]:
    """Give what pages and invoices ask."""
    from_noon = Period(data.period.start + timedelta(hours=7), data.period.end)
    everybody = list(Customer.objects.order_by("id").values_list("id", flat=True))
    sums, latest, period = data.sums.pk, data.latest.pk, data.period
    return {
        "total (sum)": lambda: series.series(Question(sums, period)),
        "per day (sum)": lambda: series.series(Question(sums, period, "day")),
        "top customers (sum)": lambda: series.series(Question(sums, period, by_customer=True, top=10)),
        "latest per customer": lambda: series.series(Question(latest, period, by_customer=True)),
        "one customer, one cycle": lambda: usage.quantities(requests=[UsageRequest(sums, data.customer, period)]),
        "one customer, a cycle begun at noon": lambda: usage.quantities(requests=[UsageRequest(sums, data.customer, from_noon)]),
        "1000 customers, one cycle": lambda: usage.quantities(requests=[UsageRequest(sums, one, period) for one in everybody]),
    }


@dataclass(frozen=True)
class Taken:
    """How long a call takes, milliseconds. server, client: processor time, steadier than the clock where others work beside it."""

    median: float
    least: float
    server: float
    client: float


def timed(ask: Callable[[], Any], repeats: int = REPEATS) -> Taken:
    """Time a call, after some to warm up: a statement's plan is kept once it has run five times on a connection."""
    for _warming in range(6):
        ask()
    server = backend()
    before, ours, times = sum(server.cpu_times()[:2]), time.process_time(), []
    for _repeat in range(repeats):
        began = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - began))
    ours, theirs = time.process_time() - ours, sum(server.cpu_times()[:2]) - before
    return Taken(statistics.median(times), min(times), 1000 * theirs / repeats, 1000 * ours / repeats)


def taken_once(ask: Callable[[], Any]) -> float:
    """Time a slow call, milliseconds: the second of two."""
    ask()
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


def ask(data: Data, *, engines: Path | None, folder: Path, explain: bool) -> None:
    """Ask every question of ours, of raw PostgreSQL and of both engines."""
    bound = {"name": data.name, "start": data.period.start, "end": data.period.end, "customer": data.customer}
    columnar = against_engines(bound, engines, folder) if engines else {}
    check_sum(data, columnar)
    for title, question in questions(data).items():
        taken = timed(question, 10 * REPEATS if title.startswith("one") else REPEATS)
        raw = taken_once(lambda: fetched(RAW_QUESTIONS[title], bound)) if title in RAW_QUESTIONS else None  # noqa: B023
        others = {engine: round(said[title]["median"], 1) for engine, said in columnar.items() if title in said}
        least = {
            "least_ms": round(taken.least, 1),
            "server_cpu_ms": round(taken.server, 1),
            "client_cpu_ms": round(taken.client, 1),
        }
        figure = f"{title}, {data.count} events, tail of {TAIL}"
        show(figure, taken.median, "ms", baseline="raw PostgreSQL", baseline_value=raw, **least, **others)
        if explain:
            explained(title, question)


def against_engines(bound: dict[str, Any], python: Path, folder: Path) -> dict[str, Any]:
    """Write the raw events to a file, tail included, and have both engines answer from them."""
    file = folder / "events.csv"
    with file.open("wb") as sink, connection.cursor() as cursor, cursor.copy(EXPORT) as rows:
        for block in rows:
            sink.write(block)
    edges = {edge: bound[edge].strftime("%Y-%m-%d %H:%M:%S") for edge in ("start", "end")}
    said = query.columnar(python, file, bound | edges)
    file.unlink()
    return said


def check_sum(data: Data, columnar: dict[str, Any]) -> None:
    """Make sure that all answer the same: a wrong answer is no faster than a right one."""
    ours = series.total(meter_id=data.sums.pk, period=data.period).quantity
    if wrong := {engine: said["sum"] for engine, said in columnar.items() if said["sum"] != ours}:
        raise SystemExit(f"the sum is {ours}, but {wrong}")


def fetched(statement: str, bound: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def explained(title: str, question: Callable[[], Any]) -> None:
    """Run the question's statements again under EXPLAIN ANALYZE."""
    statements: list[tuple[Any, Any]] = []

    def note(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        statements.append((statement, params))
        return execute(statement, params, many, context)

    with connection.execute_wrapper(note):
        question()
    for statement, params in statements:
        text = statement if isinstance(statement, str) else statement.as_string(connection.connection)
        if "piece" in text:
            plan = fetched("EXPLAIN (ANALYZE, BUFFERS) " + text, params)
            sys.stderr.write(f"\n=== {title}\n" + "\n".join(row[0][:220] for row in plan) + "\n")


@dataclass(frozen=True)
class Spent:
    """What one call took, milliseconds: by the clock; on a processor, in this process and in its backend; and waiting for one, in both."""

    wall: float
    client: float
    server: float
    delayed: float


def spent(ask: Callable[[], Any], server: int) -> tuple[Any, Spent]:
    """Make a call and say what it took."""
    before = _scheduled("self") + _scheduled(server)
    began = time.perf_counter()
    answer = ask()
    wall = 1000 * (time.perf_counter() - began)
    after = _scheduled("self") + _scheduled(server)
    ours, delayed, theirs, theirs_delayed = (now - then for now, then in zip(after, before, strict=True))
    return answer, Spent(wall, ours, theirs, delayed + theirs_delayed)


def _scheduled(process: int | str) -> tuple[float, float]:
    """Read how long a process has run, and has stood ready to run while others did, milliseconds."""
    running, waiting, _slices = Path(f"/proc/{process}/schedstat").read_text().split()
    return int(running) / 1e6, int(waiting) / 1e6


class Pages:
    """The log read in order, page by page, as GET /events does."""

    def __init__(self) -> None:
        self.moment = log.now()
        self.cursor: log.Cursor | None = None

    def __call__(self) -> list[log.LoggedEvent]:
        found = log.page(filters=log.Filters(), size=PAGE, cursor=self.cursor, moment=self.moment)
        self.cursor = found[-1].cursor if found else self.cursor
        return found


def nothing_as_long() -> Callable[[], Any]:
    """Give a statement that touches no table and takes as long as a page: what interrupts it is not of our making."""
    numbers = 10_000

    def counted() -> Any:
        return database.ask("SELECT sum(n) FROM generate_series(1, %(numbers)s) AS n", {"numbers": numbers}, prepared=True)

    numbers = int(numbers * timed(Pages()).least / timed(counted).least)
    return counted


def iterate(count: int) -> None:
    """Read the log in order, and before each page run a statement that reads nothing, for as long."""
    nothing, read, server = nothing_as_long(), Pages(), backend().pid
    pages: list[Spent] = []
    idle: list[float] = []
    while len(pages) * PAGE < count:
        idle.append(spent(nothing, server)[1].wall)
        page, took = spent(read, server)
        pages.append(took)
        if len(page) < PAGE:
            break
    ordered = sorted(one.wall for one in pages)
    figure = f"a page of {PAGE} while {len(pages) * PAGE} events are read in order"
    middle: dict[str, Any] = {
        "client_cpu_ms": round(statistics.median(one.client for one in pages), 2),
        "server_cpu_ms": round(statistics.median(one.server for one in pages), 2),
        "nothing_ms": round(statistics.median(idle), 1),
    }
    show(figure, statistics.median(ordered), "ms", p99_ms=round(ordered[int(len(ordered) * 0.99)], 1), **middle)
    worst = max(pages, key=lambda one: one.wall)
    more: dict[str, Any] = {
        "baseline": "the greatest of as many statements as long that read nothing",
        "baseline_value": max(idle),
        "client_cpu_ms": round(worst.client, 1),
        "server_cpu_ms": round(worst.server, 1),
        "delayed_ms": round(worst.delayed, 1),
    }
    show("the greatest of these pages", worst.wall, "ms", **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int)
    parser.add_argument("http_rate", type=float)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--engines", type=Path)
    chosen = parser.parse_args()
    now = datetime.now(UTC)
    data = made(chosen.events, now=now)
    roll(data, now=now, http_rate=chosen.http_rate)
    add_up(data, now=datetime.now(UTC))
    ask(data, engines=chosen.engines, folder=chosen.folder, explain=chosen.explain)
    iterate(ITERATED if chosen.events <= query.EVENTS else 1_000_000)


if __name__ == "__main__":
    main()
