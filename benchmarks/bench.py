"""Set a deployment up for benchmarks: a durable cluster of its own, migrated, with a key and customers, and servers beside it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from launch import for_tests
from launch.places import CLONE
from launch.postgres import Cluster
from launch.processes import spawn

SETUP = """
import django; django.setup()
import json
from django.utils import timezone
from access import keys
from access.actors import COMMAND
from customers.models import Customer
from events.names import numbers
from core import database
now = timezone.now()
_key, secret = keys.create(name="bench", scope="ingest", actor=COMMAND, now=now)
made = [Customer(name=f"Customer {n}", email=f"c{n}@example.com", created_at=now, updated_at=now) for n in range(1000)]
Customer.objects.bulk_create(made)
names = numbers([f"name.{n}" for n in range(10)], connection=database.of_django(), now=now)
print(json.dumps({"secret": secret, "customers": {c.public_id: c.id for c in made}, "names": names}))
"""


@dataclass
class Bench:
    """A cluster with the product's tables; `made` holds a secret, customers and names with their numbers."""

    cluster: Cluster
    environment: dict[str, str]
    folder: Path
    made: dict[str, Any]

    @property
    def url(self) -> str:
        return self.cluster.url("tallybook")

    def database_seconds(self) -> float:
        """Return the processor time that the database's processes of now have used."""
        postmaster = psutil.Process(int((self.cluster.data / "postmaster.pid").read_text().split()[0]))
        return sum(_seconds(one) for one in [postmaster, *postmaster.children(recursive=True)])

    def table(self) -> tuple[int, int]:
        """Return how many events are stored, and how many bytes they take with their indexes."""
        with psycopg.connect(self.url) as connection:
            counted = connection.execute("SELECT count(*), pg_total_relation_size('events_event') FROM events_event").fetchone()
        return counted or (0, 0)

    @contextlib.contextmanager
    def serving(self, command: Sequence[str], *, port: int, path: str = "/") -> Iterator[subprocess.Popen[bytes]]:
        """Run a server until it answers, and kill it at the end."""
        process = spawn(list(command), environment=self.environment, log=self.folder / "server.log", folder=CLONE)
        try:
            _wait_for(port)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """Make a cluster in a folder that is deleted afterwards; fsync and synchronous_commit are on."""
    with running() as cluster:
        environment = migrated(cluster, "tallybook")
        made = subprocess.run(
            [sys.executable, "-c", SETUP], env=environment, cwd=CLONE, check=True, stdout=subprocess.PIPE
        ).stdout
        yield Bench(cluster, environment, cluster.folder.parent, json.loads(made))


@contextlib.contextmanager
def running(folder: Path | None = None) -> Iterator[Cluster]:
    """Run a durable cluster in a folder that is deleted afterwards, or in one that stays with all that is in it."""
    place = folder or Path(tempfile.mkdtemp(prefix="tallybook-bench-"))
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    cluster = Cluster(place / "postgres")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def migrated(cluster: Cluster, database: str) -> dict[str, str]:
    """Make a database with the product's tables unless it is there; give the environment in which a process uses it."""
    cluster.create_database(database)
    environment = {name: text for name, text in os.environ.items() if name != for_tests.FOLDER} | {
        "DATABASE_URL": cluster.url(database),
        "DJANGO_SETTINGS_MODULE": "billing_project.settings",
        "SECRET_KEY": "benchmark-only-" + "k" * 50,
        "DEVELOPMENT": "true",
        "PYTHONPATH": str(CLONE),
    }
    subprocess.run([sys.executable, "-m", "django", "migrate", "--verbosity", "0"], env=environment, cwd=CLONE, check=True)
    return environment


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a server and its children have used."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(_seconds(one) for one in family)


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):  # it ended meanwhile
        return float(sum(process.cpu_times()[:2]))
    return 0.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on {port}")
