"""Put the benchmark's questions to ClickHouse (chdb) and DuckDB over the same raw events; prints one line of JSON.

Run in an environment of its own (requirements-bench.txt): `python columnar.py EVENTS.csv BOUND`, the second being JSON with name, customer,
start and end. The file has event_name_id, customer_id, timestamp, arrival and metadata as JSON text, as an event is sent. ClickHouse keeps
its rows in the order that suits the questions best; DuckDB keeps statistics of its own.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import duckdb
from chdb import session

REPEATS = 5
Ask = Callable[[str], Any]

# {number}, {when}, {where} differ between the engines; the questions do not.
QUESTIONS = {
    "total (sum)": "SELECT sum({number}) FROM events WHERE {where}",
    "per day (sum)": "SELECT date_trunc('day', happened_at) AS day, sum({number}) FROM events WHERE {where} GROUP BY day ORDER BY day",
    "top customers (sum)": "SELECT customer_id, sum({number}) AS q FROM events WHERE {where} GROUP BY customer_id ORDER BY q DESC LIMIT 10",
    "latest per customer": "SELECT customer_id, {latest} FROM events WHERE {where} GROUP BY customer_id ORDER BY customer_id",
    "one customer, one cycle": "SELECT sum({number}) FROM events WHERE {where} AND customer_id = {customer}",
}


def clickhouse(file: str) -> Ask:
    """Load the events into a MergeTree table; returns what asks it."""
    opened = session.Session()
    opened.query("CREATE DATABASE bench")
    opened.query("""
        CREATE TABLE bench.events (event_name_id Int32, customer_id Int64, happened_at DateTime64(6, 'UTC'), arrival Int64, metadata String)
        ENGINE = MergeTree ORDER BY (event_name_id, customer_id, happened_at)""")
    opened.query(f"""
        INSERT INTO bench.events SELECT * FROM file('{file}', 'CSV', 'event_name_id Int32, customer_id Int64,
            happened_at DateTime64(6, \\'UTC\\'), arrival Int64, metadata String')
        SETTINGS date_time_input_format = 'best_effort'""")  # noqa: S608 -- a path of our own
    opened.query("OPTIMIZE TABLE bench.events FINAL")
    return lambda statement: str(opened.query(statement.replace("FROM events", "FROM bench.events"), "CSV"))


def duck(file: str) -> Ask:
    """Load the events into a DuckDB table in memory; returns what asks it."""
    opened = duckdb.connect()
    opened.execute(f"""
        CREATE TABLE events AS SELECT * FROM read_csv('{file}', header = false, columns = {{'event_name_id': 'INTEGER',
            'customer_id': 'BIGINT', 'happened_at': 'TIMESTAMP', 'arrival': 'BIGINT', 'metadata': 'VARCHAR'}})""")  # noqa: S608 -- a path of our own
    return lambda statement: opened.execute(statement).fetchall()


ENGINES: dict[str, tuple[Callable[[str], Ask], dict[str, str]]] = {
    "ClickHouse": (
        clickhouse,
        {
            "number": "JSONExtractInt(metadata, 'tokens')",
            "model": "JSONExtractString(metadata, 'model')",
            "latest": "argMax(JSONExtractInt(metadata, 'tokens'), (happened_at, arrival))",
            "instant": "toDateTime64('{}', 6, 'UTC')",
        },
    ),
    "DuckDB": (
        duck,
        {
            "number": "(metadata ->> '$.tokens')::BIGINT",
            "model": "(metadata ->> '$.model')",
            "latest": "arg_max((metadata ->> '$.tokens')::BIGINT, (happened_at, arrival))",
            "instant": "'{}'::TIMESTAMP",
        },
    ),
}


def measure(ask: Ask, words: dict[str, str], bound: dict[str, Any]) -> dict[str, Any]:
    """Ask every question; returns the median and the least time in milliseconds, and the total as it was answered."""
    start, end = (words["instant"].format(bound[edge]) for edge in ("start", "end"))
    where = f"event_name_id = {bound['name']} AND happened_at >= {start} AND happened_at < {end} AND {words['model']} <> 'small'"
    taken: dict[str, Any] = {}
    for title, question in QUESTIONS.items():
        statement = question.format(number=words["number"], latest=words["latest"], where=where, customer=bound["customer"])
        ask(statement)
        times = []
        for _repeat in range(REPEATS):
            began = time.perf_counter()
            answer = ask(statement)
            times.append(1000 * (time.perf_counter() - began))
        taken[title] = {"median": statistics.median(times), "least": min(times)}
        if title == "total (sum)":
            taken["sum"] = int(answer) if isinstance(answer, str) else int(answer[0][0])
    return taken


def main() -> None:
    file, bound = sys.argv[1], json.loads(sys.argv[2])
    taken = {engine: measure(load(file), words, bound) for engine, (load, words) in ENGINES.items()}
    sys.stdout.write(json.dumps(taken) + "\n")


if __name__ == "__main__":
    main()
