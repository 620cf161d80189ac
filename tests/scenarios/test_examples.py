"""The programs of examples/ run against a server, as a reader would run them, and print the invoices that their first lines promise."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from access import keys
from access.actors import COMMAND
from tests import live
from tests.architecture.guards import ROOT

EXAMPLES = ROOT / "examples"
PRINTED = {
    "api_calls": ["API calls: 12345 - 10000 free = 2345 -> 234.5 cents -> $2.35", "Total: $2.35"],
    "images": [
        "Images, standard: 25 - 0 free = 25 -> 100 cents -> $1.00",
        "Images, hd: 7 - 0 free = 7 -> 56 cents -> $0.56",
        "Total: $1.56",
    ],
    "sms": ["SMS: 1234 - 0 free = 1234 -> 1234 cents -> $12.34", "Total: $12.34"],
    "traffic": ["Traffic: 12500000000 - 10000000000 free = 2500000000 -> 1250 cents -> $12.50", "Total: $12.50"],
}
ENDS_WITHIN_SECONDS = 120


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*PRINTED, "last_month"}


@pytest.mark.django_db(transaction=True)
def test_the_examples_print_their_invoices(base_rows: None, tmp_path: Path) -> None:
    _key, secret = keys.create(name="examples", scope="write", actor=COMMAND, now=datetime.now(UTC))
    with live.server() as address:
        environment = os.environ | {"TALLYBOOK_URL": address, "TALLYBOOK_KEY": secret}
        running = {name: started(name, environment, tmp_path) for name in PRINTED}
        bill_until_done(list(running.values()))

    for name, process in running.items():
        printed = (tmp_path / f"{name}.txt").read_text().splitlines()
        assert process.returncode == 0, printed
        assert printed[0].startswith("Waiting for the billing run")
        assert printed[1].startswith("INV-")
        assert [line.strip() for line in printed[2:]] == PRINTED[name]


def started(name: str, environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.txt").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", EXAMPLES / f"{name}.py"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def bill_until_done(processes: list[subprocess.Popen[bytes]]) -> None:
    """Do what beat does, until the examples have their invoices; within the grace of a first of the month too."""
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    try:
        while any(process.poll() is None for process in processes):
            assert time.monotonic() < deadline, "an example does not end"
            call_command("run_billing", now=(datetime.now(UTC) + timedelta(hours=2)).isoformat(), ahead=True, verbosity=0)
            time.sleep(1)
    finally:
        for process in processes:
            process.kill()
            process.wait()
