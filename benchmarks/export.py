"""Measure exports: lines a second as CSV against PostgreSQL's COPY of the same rows, as XLSX and as journal, and their peak memory.

`python -m benchmarks.export --lines 1000000`
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks import billing
from benchmarks.bench import Bench, bench
from benchmarks.figures import show
from launch.places import CLONE

BILLED = 1_000
LINES = 60_000
FEW = 500


def step(one: Bench, *arguments: object) -> dict[str, Any]:
    """Run a step of benchmarks.export_steps in a process of its own, and give what it says."""
    command = [sys.executable, "-m", "benchmarks.export_steps", *map(str, arguments)]
    answer = subprocess.run(command, env=one.environment, cwd=CLONE, check=True, stdout=subprocess.PIPE)
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def filled(one: Bench, wanted: int) -> int:
    """Bill some subscriptions and multiply the lines; give how many there are then."""
    billing.step(one.environment, "fill", BILLED, 1)
    billing.step(one.environment, "run")
    lines: int = step(one, "fill", wanted)["lines"]
    return lines


def measure(one: Bench, lines: int) -> None:
    copied, simply = (lines / step(one, name)["seconds"] for name in ("copy", "plain_copy"))
    show(
        f"COPY TO of {lines} lines, simply joined and sorted",
        simply,
        "lines/s",
        baseline="as the export reads them",
        baseline_value=copied,
    )
    for form in ("csv", "xlsx", "journal"):
        few, done, worked = step(one, form, FEW), step(one, form), step(one, "job", form)
        title = f"export of {lines} lines as {form}"
        baseline: dict[str, Any] = {"baseline": "COPY TO", "baseline_value": copied} if form == "csv" else {}
        show(title, lines / done["seconds"], "lines/s", **baseline, megabytes_written=round(done["bytes"] / 1e6))
        peaks = {"baseline": f"the first {FEW} invoices", "baseline_value": few["peak_kilobytes"] / 1024}
        show(f"{title}: peak memory", done["peak_kilobytes"] / 1024, "MB", **peaks)
        show(f"{title}, as a job", lines / worked["seconds"], "lines/s", peak_megabytes=round(worked["peak_kilobytes"] / 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    chosen = parser.parse_args() if sys.argv[0].endswith("export.py") else parser.parse_args([])
    with bench() as one:
        measure(one, filled(one, chosen.lines))


if __name__ == "__main__":
    main()
