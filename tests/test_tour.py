"""The tour in README.md works when it is copied line by line, and says what comes out."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from access import keys
from access.actors import COMMAND
from billing_project.demo import opening
from billing_project.demo.company import CUSTOMERS
from customers import register
from tests import live
from tests.architecture.guards import ROOT

NOW = datetime.now(UTC)
END = "-- end of line --"
MAKE = """#!/bin/sh
# Does what `make manage CMD=…` does, against the server of the test.
command=${2#CMD=}
case "$command" in
    demo*) command="$(echo "$command" | sed 's/--seconds 20/--seconds 1/') --credentials var/demo-credentials.json" ;;
esac
PYTHONPATH=%(root)s exec %(python)s %(root)s/manage.py $command
"""


def lines_of_tour() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Shell:
    """One shell that is given lines as a person pastes them."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def paste(self, line: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\necho; echo '{END}' $?\n")
        self.process.stdin.flush()
        said = []
        for answer in self.process.stdout:
            if answer.startswith(END):
                assert answer.split()[-1] == "0", (line, said)
                return "".join(said).strip()
            said.append(answer)
        raise AssertionError(f"the shell ended at {line!r}: {said}")


@pytest.fixture
def shell(tmp_path: Path, transactional_db: None) -> Iterator[Shell]:
    """A shell in a folder that looks like the clone in which `make run` runs."""
    _key, secret = keys.create(name="Tour", scope="write", actor=COMMAND, now=NOW)
    (tmp_path / "var").mkdir()
    make = tmp_path / "make"
    make.write_text(MAKE % {"root": ROOT, "python": sys.executable})
    make.chmod(0o755)
    with live.server() as url:
        (tmp_path / "var/demo-credentials.json").write_text(json.dumps({"url": url, "api_key": secret}))
        started = Shell(tmp_path, environment(tmp_path))
        with started.process:
            yield started
            started.process.kill()


def environment(folder: Path) -> dict[str, str]:
    known = connection.settings_dict
    address = make_conninfo(
        dbname=known["NAME"], host=known["HOST"], port=known["PORT"], user=known["USER"], password=known["PASSWORD"]
    )
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TALLYBOOK_TEST")}
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return kept | {"PATH": path, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "billing_project.test_settings"}


def demonstration_customers() -> None:
    for plan in CUSTOMERS:
        fields = {"name": plan.name, "email": plan.email, "external_id": opening.external_id(plan.slug)}
        register.create(fields=fields, actor=COMMAND, now=NOW)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour needs curl")
def test_the_tour_works_line_by_line(shell: Shell) -> None:
    demonstration_customers()

    said = {line: shell.paste(line) for line in lines_of_tour()}

    asked = [json.loads(answer) for line, answer in said.items() if line.startswith("call ") and " > " not in line]
    customer, subscription, _events, usage, invoices = asked
    assert customer["name"] == "Acme Robotics"
    assert subscription["recurring_pre_tax_amount"] == 500
    assert [item["quantity"] for item in usage["items"]] == ["20500.5"]
    totals = [(one["status"], one["subtotal"], one["tax"], one["total"]) for one in reversed(invoices["items"])]
    assert totals == [("issued", 500, 100, 600), ("issued", 890, 178, 1068)]
    (usage_line,) = [line for line in invoices["items"][0]["lines"] if line["kind"] == "usage"]
    assert (usage_line["chargeable_quantity"], usage_line["unrounded_amount"]) == ("19500.5", "390.01")
    assert said['make manage CMD="demo --live --rate 50 --seconds 20"'].endswith("50 events stored")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour needs curl")
def test_the_same_request_twice_counts_once(shell: Shell) -> None:
    lines = lines_of_tour()
    posted = [line for line in lines if line.endswith("--data @var/events.json")]
    for line in lines[: lines.index(posted[0])]:
        shell.paste(line)

    first, second = (json.loads(shell.paste(line)) for line in posted)

    assert (first["ingested_count"], first["duplicate_count"]) == (3, 0)
    assert (second["ingested_count"], second["duplicate_count"]) == (0, 3)


def test_the_tour_says_what_the_answers_say() -> None:
    tour = (ROOT / "README.md").read_text()

    for claim in ('`"ingested_count":3`', '`"duplicate_count":3`', "20500.5 tokens", "390.01 cents", "600 cents", "$10.68"):
        assert claim in tour
