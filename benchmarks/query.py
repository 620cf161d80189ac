"""Measure what the dashboard asks, an unrolled tail included, against the same questions put to the raw events in the same run.

`python -m benchmarks query` prints the figures; `python -m benchmarks.query --events 5000000 --explain` also prints plans.
"""

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.bench import Bench, bench, free_port
from benchmarks.ingest import requests, web
from launch.places import CLONE

EVENTS = 1_000_000
HTTP_SECONDS = 4.0
ENGINES = CLONE / "var" / "bench-engines"
REQUIREMENTS = CLONE / "requirements-bench.txt"


def http_rate(one: Bench) -> float:
    """Return events/s of ingest over HTTP in batches of 1000, which the roller must keep up with."""
    port = free_port()
    with one.serving(web("uvicorn", port), port=port):
        return load.run(port, requests(one.made, 1000), connections=8, seconds=HTTP_SECONDS).rate * 1000


def engines() -> Path | None:
    """Give the Python that has ClickHouse and DuckDB, made at the first call; None where they cannot be installed."""
    python = ENGINES / "bin" / "python"
    marker = ENGINES / "installed"
    if marker.exists() and marker.read_text() == REQUIREMENTS.read_text():
        return python
    sys.stderr.write(f"installing {REQUIREMENTS.name}: half a gigabyte, once\n")
    venv.create(ENGINES, clear=True, with_pip=True)
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--quiet",
        "--no-deps",
        "--requirement",
        str(REQUIREMENTS),
    ]
    answer = subprocess.run(pip, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.stderr.write(f"ClickHouse and DuckDB cannot be installed, so they are left out: {answer.stderr[-300:]}\n")
        return None
    marker.write_text(REQUIREMENTS.read_text())
    return python


def columnar(python: Path, events: Path, bound: dict[str, Any]) -> dict[str, Any]:
    """Have both engines answer from the same events, and give what benchmarks/columnar.py says."""
    command = [str(python), str(CLONE / "benchmarks" / "columnar.py"), str(events), json.dumps(bound)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    said: dict[str, Any] = json.loads(answer.stdout)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--without-engines", action="store_true", help="leave ClickHouse and DuckDB out")
    chosen = parser.parse_args() if sys.argv[0].endswith("query.py") else parser.parse_args([])
    with bench() as one:
        steps = [sys.executable, "-m", "benchmarks.query_steps", str(chosen.events), str(http_rate(one)), str(one.folder)]
        if chosen.explain:
            steps.append("--explain")
        if not chosen.without_engines and (python := engines()):
            steps += ["--engines", str(python)]
        subprocess.run(steps, env=one.environment, cwd=CLONE, check=True)


if __name__ == "__main__":
    main()
