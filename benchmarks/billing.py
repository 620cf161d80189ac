"""Measure a billing run: invoices a second, processor time and memory, flat from few to many, against a loop of saves.

Every subscription has three meters (per unit, graduated, the greatest), credits, every second a fee; its usage was rolled up from
events. `python -m benchmarks.billing --sizes 1000 10000 100000`. Filling takes longer than billing: `--folder DIR --fill SECONDS` only
fills, for about so long, what a later call with the same folder goes on with, and bills if it says no `--fill`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.bench import migrated, running
from benchmarks.figures import show
from launch.places import CLONE
from launch.postgres import Cluster

SIZES = (1_000, 5_000)
AT_ONCE = 5_000
SAVED = 200
PER_SECOND = 5_000
MEGABYTES = 500


def step(environment: dict[str, str], *arguments: object) -> dict[str, Any]:
    """Run a step of benchmarks.billing_steps in a process of its own, and give what it says."""
    command = [sys.executable, "-m", "benchmarks.billing_steps", *map(str, arguments)]
    answer = subprocess.run(command, env=environment, cwd=CLONE, check=True, stdout=subprocess.PIPE)
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def server_seconds(cluster: Cluster) -> float:
    """Give the processor time that PostgreSQL has used, of its processes that have ended too."""
    postmaster = psutil.Process(int((cluster.data / "postmaster.pid").read_text().splitlines()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) if process == postmaster else sum(process.cpu_times()[:2]) for process in family)


def fill(cluster: Cluster, sizes: Sequence[int], *, seconds: float) -> bool:
    """Fill a database for each size, by parts, for as long as there is time; tell whether all are full."""
    until = time.monotonic() + seconds
    for size in sizes:
        environment = migrated(cluster, f"billing_{size}")
        there = step(environment, "count")["subscriptions"]
        while there < size:
            filled = step(environment, "fill", min(AT_ONCE, size - there), there + 1)
            there = step(environment, "count")["subscriptions"]
            sys.stderr.write(f"{there} of {size}, the last with {filled['events']} events in {filled['seconds']:.0f} s\n")
            if time.monotonic() > until:
                return False
    return True


def billed(cluster: Cluster, size: int, *, name: str) -> dict[str, Any]:
    """Bill what a database holds; give what the run said, with the server's time."""
    environment = migrated(cluster, f"billing_{size}")
    before = server_seconds(cluster)
    done = step(environment, name)
    if done["issued"] != size:
        raise AssertionError(f"{done} instead of {size} invoices")
    return done | {"server_seconds": server_seconds(cluster) - before}


def measure(cluster: Cluster, sizes: Sequence[int], *, name: str) -> None:
    rates: list[float] = []
    for size in sizes:
        done = billed(cluster, size, name=name)
        rates.append(size / done["seconds"])
        title = f"billing run, {size} invoices with {3 * size} lines of usage"
        show(title, rates[-1], "invoices/s", baseline="target", baseline_value=PER_SECOND)
        python, server = (1e6 * done[part] / size for part in ("python_seconds", "server_seconds"))
        show(f"{title}: processor time", python + server, "µs an invoice", python=round(python), postgresql=round(server))
        show(f"{title}: peak memory", done["peak_kilobytes"] / 1024, "MB", baseline="limit", baseline_value=MEGABYTES)
    show("billing run: flat", rates[-1], "invoices/s", baseline=f"{sizes[0]} invoices", baseline_value=rates[0])
    saved = step(migrated(cluster, f"billing_{sizes[-1]}"), "saves", SAVED)
    each = saved["invoices"] / saved["seconds"]
    show("billing run: against saves", rates[-1], "invoices/s", baseline="a loop of save()", baseline_value=each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many subscriptions, one database for each")
    parser.add_argument("--folder", type=Path, help="keep the databases here, for another call")
    parser.add_argument("--fill", type=float, metavar="SECONDS", help="only fill, for about so long")
    parser.add_argument("--profile", action="store_true", help="say where the time goes, in one process")
    chosen = parser.parse_args() if sys.argv[0].endswith("billing.py") else parser.parse_args([])
    with running(chosen.folder) as cluster:
        is_full = fill(cluster, chosen.sizes, seconds=float("inf") if chosen.fill is None else chosen.fill)
        sys.stderr.write("full\n" if is_full else "not yet full\n")
        if chosen.fill is None:
            measure(cluster, chosen.sizes, name="profile" if chosen.profile else "run")


if __name__ == "__main__":
    main()
