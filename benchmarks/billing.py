"""Measure a billing run: invoices a second, processor time and memory, flat from few to many, against a loop of saves.

Every subscription has three meters (per unit, graduated, the greatest), credits, every second a fee; its usage was rolled up from
events. `python -m benchmarks.billing --subscriptions 100000 --profile`
"""

import argparse
import json
import subprocess
import sys
from typing import Any

import psutil

from benchmarks.bench import Bench, bench
from benchmarks.figures import show
from launch.places import CLONE

FEW = 1_000
SUBSCRIPTIONS = 5_000
SAVED = 200
PER_SECOND = 5_000


def step(one: Bench, *arguments: object) -> dict[str, Any]:
    """Run a step of benchmarks.billing_steps in a process of its own, and give what it says."""
    command = [sys.executable, "-m", "benchmarks.billing_steps", *map(str, arguments)]
    answer = subprocess.run(command, env=one.environment, cwd=CLONE, check=True, stdout=subprocess.PIPE)
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def server_seconds(one: Bench) -> float:
    """Give the processor time that PostgreSQL has used, of its processes that have ended too."""
    postmaster = psutil.Process(int((one.cluster.data / "postmaster.pid").read_text().splitlines()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) if process == postmaster else sum(process.cpu_times()[:2]) for process in family)


def billed(one: Bench, count: int, start: int, *, name: str = "run") -> dict[str, Any]:
    """Add subscriptions and bill them; give what the run said, with the server's time."""
    filled = step(one, "fill", count, start)
    sys.stderr.write(f"{count} subscriptions and {filled['events']} events in {filled['seconds']:.0f} s\n")
    before = server_seconds(one)
    done = step(one, name)
    if done["issued"] != count:
        raise AssertionError(f"{done} instead of {count} invoices")
    return done | {"server_seconds": server_seconds(one) - before}


def measure(one: Bench, count: int, *, name: str) -> None:
    few = billed(one, FEW, 1)
    many = billed(one, count, FEW + 1, name=name)
    rates = [size / done["seconds"] for size, done in ((FEW, few), (count, many))]
    python, server = (1e6 * many[part] / count for part in ("python_seconds", "server_seconds"))
    title = f"billing run, {count} invoices of 3 lines"
    show(title, rates[1], "invoices/s", baseline="target", baseline_value=PER_SECOND)
    show(f"{title}: processor time", python + server, "µs an invoice", python=round(python), postgresql=round(server))
    show(f"{title}: peak memory", many["peak_kilobytes"] / 1024, "MB")
    show(f"{title}: flat", rates[1], "invoices/s", baseline=f"{FEW} invoices", baseline_value=rates[0])
    saved = step(one, "saves", SAVED)
    each = saved["invoices"] / saved["seconds"]
    show(f"{title}: against saves", rates[1], "invoices/s", baseline="a loop of save()", baseline_value=each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=SUBSCRIPTIONS)
    parser.add_argument("--profile", action="store_true")
    chosen = parser.parse_args() if sys.argv[0].endswith("billing.py") else parser.parse_args([])
    with bench() as one:
        measure(one, chosen.subscriptions, name="profile" if chosen.profile else "run")


if __name__ == "__main__":
    main()
