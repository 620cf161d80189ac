"""Kill a billing run again and again, start it again until it ends, and hold what it leaves against one clean run of the same database.

`python -m benchmarks.billing_kills --size 20000 --kills 6 --folder DIR`. The filled database stays as it is, each run bills a copy of
it; a folder that `python -m benchmarks.billing --folder DIR --fill SECONDS` filled is gone on with.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks import billing
from benchmarks.bench import migrated, running
from benchmarks.figures import show
from core.sql import load
from launch.places import CLONE
from launch.postgres import Cluster

SIZE = 20_000
KILLS = 6
# Whom kill -9 strikes, in turn: all processes of the run, one that works for it, PostgreSQL, and the one that began it.
VICTIMS = ("all", "worker", "postgres", "parent")
Content = Mapping[str, tuple[int, str]]


@dataclass
class Killed:
    """How it went. seconds: of the runs' processes, their start included.  struck: whom, and how many invoices were issued then."""

    seconds: float = 0.0
    struck: list[tuple[str, int]] = field(default_factory=list)
    recovery_seconds: float = 0.0


def begin(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a billing run in a process group of its own. What it says when it is struck is kept from the reader."""
    command = [sys.executable, "-m", "benchmarks.billing_steps", "run"]
    return subprocess.Popen(
        command, env=environment, cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def clean(environment: dict[str, str]) -> tuple[float, float]:
    """Bill in one run; give how many seconds its processes took, and how many of those it billed."""
    began = time.monotonic()
    said, _ = (run := begin(environment)).communicate()
    if run.returncode:
        raise AssertionError("the clean run failed: python -m benchmarks.billing says how")
    return time.monotonic() - began, json.loads(said)["seconds"]


def killed(cluster: Cluster, database: str, *, kills: int, seconds: tuple[float, float], dice: random.Random) -> Killed:
    """Bill, struck up to so many times, each at a random moment of a stretch in which a clean run would do its share; to the end.

    seconds: what `clean` gave.
    """
    took, billing_seconds = seconds
    environment, report = migrated(cluster, database), Killed()
    is_over = False
    while not is_over:
        began = time.monotonic()
        run = begin(environment)
        is_last = len(report.struck) == kills
        lives = None if is_last else took - billing_seconds + dice.uniform(0, 2 * billing_seconds / (kills + 1))
        is_over = _ended(run, within=lives)
        if not is_over:
            victim = VICTIMS[len(report.struck) % len(VICTIMS)]
            strike(run, victim, cluster, dice)
            run.communicate()
        report.seconds += time.monotonic() - began
        if not is_over:
            report.recovery_seconds += _up_again(cluster)
            report.struck.append((victim, issued(cluster, database)))
    return report


def _ended(run: subprocess.Popen[bytes], *, within: float | None) -> bool:
    """Wait for a run to end by itself; tell whether it did in time. Raises AssertionError where it failed."""
    try:
        run.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        return False
    if run.returncode:
        raise AssertionError(f"a run that nobody struck ended with {run.returncode}")
    return True


def strike(run: subprocess.Popen[bytes], victim: str, cluster: Cluster, dice: random.Random) -> None:
    """Kill -9 whom VICTIMS names; a run that has no other processes at the moment is struck itself."""
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        match victim:
            case "all":
                os.killpg(run.pid, signal.SIGKILL)
            case "postgres":
                server = psutil.Process(int((cluster.data / "postmaster.pid").read_text().split()[0]))
                for process in (server, *server.children(recursive=True)):
                    process.kill()
            case _:
                workers = psutil.Process(run.pid).children() if victim == "worker" else []
                os.kill(dice.choice(workers).pid if workers else run.pid, signal.SIGKILL)


def _up_again(cluster: Cluster) -> float:
    """Start PostgreSQL again where it was struck; give how many seconds it took to be there again."""
    if cluster.running():
        return 0.0
    began = time.monotonic()
    cluster.start()
    return time.monotonic() - began


def issued(cluster: Cluster, database: str) -> int:
    """Count the invoices that have a number."""
    with psycopg.connect(cluster.url(database)) as connection:
        (count,) = connection.execute("SELECT count(number) FROM invoices_invoice").fetchone() or (0,)
    return int(count)


def content(cluster: Cluster, database: str) -> Content:
    """Digest what a run left behind, by parts."""
    with psycopg.connect(cluster.url(database)) as connection:
        rows = connection.execute(load(__file__, "billed_content")).fetchall()
    return {part: (count, digest) for part, count, digest in rows}


def copied(cluster: Cluster, source: str, name: str) -> str:
    """Copy a database that nobody is connected to, in the place of an earlier copy."""
    cluster.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    cluster.query(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy')
    cluster.query("CHECKPOINT")
    return name


def measure(cluster: Cluster, size: int, *, kills: int, seed: int) -> None:
    filled = f"billing_{size}"
    once, often = (copied(cluster, filled, f"{filled}_{name}") for name in ("clean", "killed"))
    seconds = clean(migrated(cluster, once))
    report = killed(cluster, often, kills=kills, seconds=seconds, dice=random.Random(seed))  # noqa: S311 -- chance, not secrecy
    _compare(content(cluster, once), content(cluster, often), size)
    struck: dict[str, Any] = {"struck": [f"{victim} at {count}" for victim, count in report.struck]}
    struck["seconds_a_kill"] = round((report.seconds - seconds[0]) / max(1, len(report.struck)), 1)
    title = f"billing run, {size} invoices, killed {len(report.struck)} times"
    baseline = {"baseline": "one clean run", "baseline_value": seconds[0]}
    show(title, report.seconds, "s", **baseline, recovery_seconds=round(report.recovery_seconds, 1), **struck)  # type: ignore[arg-type]


def _compare(expected: Content, found: Content, size: int) -> None:
    """Show how many rows are the same. Raises AssertionError where any differs."""
    if expected["subscriptions"][0] != size or expected["invoices"][0] < size:
        raise AssertionError(f"the clean run billed something else: {expected}")
    if expected != found:
        raise AssertionError(f"after the kills this differs: {[part for part in expected if expected[part] != found.get(part)]}")
    rows = {part: count for part, (count, _) in expected.items()}
    show("billing run, killed: the same rows as in the clean run", sum(rows.values()), "rows", **rows)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="how many subscriptions")
    parser.add_argument("--kills", type=int, default=KILLS, help="how often at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the databases here, for another call")
    chosen = parser.parse_args()
    with running(chosen.folder) as cluster:
        billing.fill(cluster, [chosen.size], seconds=float("inf"))
        measure(cluster, chosen.size, kills=chosen.kills, seed=chosen.seed)


if __name__ == "__main__":
    main()
