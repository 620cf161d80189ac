"""Kill web, worker and PostgreSQL under retrying clients, and hold what the clients know against what is stored.

Run by itself: python -m tests.scenarios.kills --kills 20. It drives a whole deployment of its own (cluster, web processes, worker) under
test settings, whose fault points also kill a process between its COPY and its answer, and within a roll.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dodopayments
import httpx

from launch import for_tests, programs
from launch.places import CLONE
from launch.postgres import Cluster
from launch.processes import spawn

# How often a process kills itself between COPY and commit, between commit and answer, and within a roll.
CHANCES = "ingest: copied=0.01,ingest: committed=0.02,roll: counted=0.02,roll: before commit=0.02"
BATCHES = (1, 1, 1, 5, 50, 200, 1000)
CLIENTS = 6
VICTIMS = ("web", "worker", "postgres")


@dataclass
class Program:
    """A process that is started again at once whenever it dies."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0

    def start(self) -> None:
        self.process = spawn(self.command, environment=self.environment, log=self.log, folder=CLONE)

    def tend(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            self.deaths += 1
            self.start()

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Report:
    """What happened, and everything that is wrong (nothing, if all is well)."""

    kills: dict[str, int]
    chance_deaths: int
    seconds: float
    acknowledged: int
    resent: int
    retries: int
    wrong: list[str]


@dataclass
class Sender(threading.Thread):
    """A customer's server: sends batches until each is acknowledged, as the published client retries, and then again itself."""

    url: str
    secret: str
    customers: list[str]
    number: int
    ended: threading.Event
    acknowledged: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    retries: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True, name=f"sender {self.number}")
        self._dice = random.Random(self.number)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        with dodopayments.DodoPayments(bearer_token=self.secret, base_url=self.url, timeout=30) as client:
            serial = 0
            earlier: list[dict[str, Any]] = []
            while not self.ended.is_set():
                batch = [self._event(serial + n) for n in range(self._dice.choice(BATCHES))]
                serial += len(batch)
                again = self._dice.sample(earlier, min(len(earlier), len(batch) // 10 + 1)) if self._dice.random() < 0.3 else []
                self._send(client, batch, again)
                earlier = (earlier + batch)[-500:]

    def _event(self, serial: int) -> dict[str, Any]:
        customer = self._dice.choice(self.customers)
        return {
            "event_id": f"{self.number}/{serial}",
            "customer_id": customer,
            "event_name": "api.call",
            "metadata": {"tokens": self._dice.randrange(1000), "model": "large"},
        }

    def _send(self, client: dodopayments.DodoPayments, batch: list[dict[str, Any]], again: list[dict[str, Any]]) -> None:
        sent = (batch + again)[:1000]
        self.resent += len(sent) - len(batch)
        while True:
            try:
                answer: Any = client.usage_events.ingest(events=sent)
                break
            except (dodopayments.APIConnectionError, dodopayments.InternalServerError):
                self.retries += 1
                time.sleep(0.1)
            except dodopayments.APIStatusError as error:
                self.wrong.append(f"{self.name}: {error.status_code} {error.body}")
                return
        if answer.ingested_count + answer.duplicate_count != len(sent) or answer.conflicts:
            self.wrong.append(f"{self.name}: {answer} for {len(sent)} events")
        for event in batch:
            self.acknowledged[event["event_id"]] += 1
            self.sums[event["customer_id"]] += event["metadata"]["tokens"]


class Deployment:
    """A cluster, a web process and a worker in one folder."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder / "postgres")
        self.cluster.start()
        self.cluster.create_database("tallybook")
        self.port = _free_port()
        self.environment = {
            **{name: text for name, text in os.environ.items() if name != for_tests.FOLDER},
            "DATABASE_URL": self.cluster.url("tallybook"),
            "DJANGO_SETTINGS_MODULE": "billing_project.test_settings",
            "PYTHONPATH": str(CLONE),
        }
        self.run("-m", "django", "migrate", "--verbosity", "0")
        faulty = self.environment | {"TALLYBOOK_FAULTS": CHANCES}
        web = programs.commands(host="127.0.0.1", port=self.port)["web"]
        roll = [sys.executable, "-m", "tests.scenarios.inside", "roll"]
        self.web = Program("web", web, faulty, folder / "web.log")
        self.worker = Program("worker", roll, faulty, folder / "worker.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    def run(self, *arguments: str) -> Any:
        """Run a Python program to its end and return the JSON that it prints."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=self.environment, cwd=CLONE, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout or "null")

    def inside(self, what: str) -> Any:
        return self.run("-m", "tests.scenarios.inside", what)

    def tend(self) -> None:
        self.web.tend()
        self.worker.tend()
        if self.cluster.running() is None:
            if self.cluster.child is not None:
                self.cluster.child.wait()
            self.cluster.start()

    def is_up(self, victim: str) -> bool:
        """Tell whether there is something to kill: a process that has not begun to work yet would not count."""
        if victim == "worker":
            return self.worker.process is not None and self.worker.process.poll() is None
        if victim == "postgres":
            return self.cluster.running() is not None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self, victim: str, dice: random.Random) -> None:
        if victim == "postgres":
            os.kill(self._postgres_process(dice), signal.SIGKILL)
        else:
            {"web": self.web, "worker": self.worker}[victim].kill()

    def _postgres_process(self, dice: random.Random) -> int:
        """Choose the server itself, or one of its processes, whose death makes it recover from the log."""
        server = self.cluster.running()
        assert server is not None
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        return int(dice.choice([str(server.pid), dice.choice(children)])) if children else server.pid

    def end(self) -> None:
        self.web.end()
        self.worker.end()
        self.cluster.stop()


@contextlib.contextmanager
def deployment() -> Iterator[Deployment]:
    """Set a deployment up in a folder that is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tallybook-kills-"))
    folder.chmod(0o755)
    one = Deployment(folder)
    try:
        yield one
    finally:
        one.end()
        shutil.rmtree(folder, ignore_errors=True)


def run(*, kills: int, seed: int = 1) -> Report:
    """Kill so many times at random moments, then compare. A kill by chance at a fault point is counted apart."""
    dice = random.Random(seed)
    with deployment() as one:
        made = one.inside("setup")
        one.web.start()
        one.worker.start()
        _wait_until_up(one)
        began = time.monotonic()
        ended = threading.Event()
        senders = [Sender(one.url, made["secret"], made["customers"], number, ended) for number in range(CLIENTS)]
        for sender in senders:
            sender.start()
        killed: Counter[str] = Counter()
        while sum(killed.values()) < kills:
            _tend_for(one, dice.uniform(0.2, 2.5))
            victim = VICTIMS[sum(killed.values()) % len(VICTIMS)]
            if one.is_up(victim):
                one.kill(victim, dice)
                killed[victim] += 1
        _tend_for(one, 2)
        ended.set()
        while any(sender.is_alive() for sender in senders):
            _tend_for(one, 0.1)
        seconds = time.monotonic() - began
        deaths = one.web.deaths + one.worker.deaths - killed["web"] - killed["worker"]
        one.web.end()
        one.worker.end()
        found = one.inside("check")
    wrong = [line for sender in senders for line in sender.wrong] + _differences(senders, found)
    acknowledged = sum(len(sender.acknowledged) for sender in senders)
    resent, retries = sum(sender.resent for sender in senders), sum(sender.retries for sender in senders)
    return Report(dict(killed), deaths, round(seconds, 1), acknowledged, resent, retries, wrong)


def _differences(senders: list[Sender], found: dict[str, Any]) -> list[str]:
    acknowledged = {event_id for sender in senders for event_id in sender.acknowledged}
    stored = Counter(found["ids"])
    wrong = [f"acknowledged, not stored: {len(acknowledged - stored.keys())}"] if acknowledged - stored.keys() else []
    wrong += [f"stored, never acknowledged: {len(stored.keys() - acknowledged)}"] if stored.keys() - acknowledged else []
    wrong += [f"stored {count} times: {event_id}" for event_id, count in stored.items() if count != 1]
    sums: Counter[str] = Counter()
    for sender in senders:
        sums.update(sender.sums)
    for customer, total in sums.items():
        quantity, count = found["usage"][f"sum {customer}"]
        if (quantity, count) != (str(total), found["by_customer"][customer]):
            wrong.append(f"usage of {customer} is {quantity} of {count} events, sent were {total}")
    wrong += [f"usage differs from recomputation: {request}" for request in found["unequal"]]
    if found["rolled"] != len(acknowledged):
        wrong.append(f"rolled up are {found['rolled']} events of {len(acknowledged)}")
    if found["conflicts"] or found["refused"]:
        wrong.append(f"{found['conflicts']} conflicts and {found['refused']} refused requests")
    return wrong


def _tend_for(one: Deployment, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        one.tend()
        time.sleep(0.02)


def _wait_until_up(one: Deployment) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{one.url}/customers").status_code == 401:
                return
        _tend_for(one, 0.1)
    raise TimeoutError("the web process did not come up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    report = run(kills=asked.kills, seed=asked.seed)
    print(json.dumps(report.__dict__, indent=2))  # noqa: T201
    sys.exit(bool(report.wrong))


if __name__ == "__main__":
    main()
