"""Run a whole deployment in a folder: PostgreSQL, broker, web, worker and beat, each started again at once when it dies.

Test settings are in force, whose fault points also kill a process by chance between its COPY and its answer, and within a roll.
"""

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
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.bench import free_port
from launch import for_tests, programs
from launch.broker import Broker
from launch.places import CLONE
from launch.postgres import Cluster
from launch.processes import spawn

# How often a process kills itself between COPY and commit, between commit and answer, and within a roll.
CHANCES = "ingest: copied=0.002,ingest: committed=0.002,roll: counted=0.01,roll: before commit=0.01"
UP_WITHIN_SECONDS = 120


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
            self._kill_group()
            self.start()

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        if self.process is not None:
            self._kill_group()
            self.process.wait()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # type: ignore[union-attr]


class Deployment:
    """The product as `make run` starts it, without its supervisor."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder / "postgres")
        self.broker = Broker(folder / "broker")
        self.cluster.start()
        self.broker.start()
        self.cluster.create_database("tallybook")
        self.port = free_port()
        self.environment = {
            **{name: text for name, text in os.environ.items() if name != for_tests.FOLDER},
            "DATABASE_URL": self.cluster.url("tallybook"),
            "REDIS_URL": self.broker.url(),
            "ROLL_SECONDS": "1",
            "DJANGO_SETTINGS_MODULE": "billing_project.test_settings",
            "PYTHONPATH": str(CLONE),
        }
        self.run("-m", "django", "migrate", "--verbosity", "0")
        commands = programs.commands(host="127.0.0.1", port=self.port)
        commands["beat"] += ["--schedule", str(folder / "beat-schedule")]
        faulty = self.environment | {"TALLYBOOK_FAULTS": CHANCES}
        self.programs = {name: Program(name, command, faulty, folder / f"{name}.log") for name, command in commands.items()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    def run(self, *arguments: str) -> Any:
        """Run a Python program to its end and return the JSON that it prints."""
        done = subprocess.run([sys.executable, *arguments], env=self.environment, cwd=CLONE, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout or "null")

    def inside(self, what: str) -> Any:
        return self.run("-m", "benchmarks.soak.inside", what)

    def start(self) -> None:
        """Start the programs, and return when the web process answers. Raises TimeoutError."""
        for program in self.programs.values():
            program.start()
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/customers").status_code == 401:
                    return
            self.tend_for(0.1)
        raise TimeoutError("the web process did not come up")

    def tend_for(self, seconds: float) -> None:
        """Start again whatever is dead, for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._tend()
            time.sleep(0.02)

    def is_up(self, victim: str) -> bool:
        """Tell whether there is something to kill: a process that has not begun to work yet would not count."""
        if victim == "postgres":
            return self.cluster.running() is not None
        if victim == "web":
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        process = self.programs[victim].process
        return process is not None and process.poll() is None and bool(_children(process.pid))

    def kill(self, victim: str, dice: random.Random) -> None:
        """Strike a program, or one of PostgreSQL's or the worker's processes, with kill -9."""
        if victim == "web":
            self.programs["web"].kill()
            return
        server = self.cluster.running() if victim == "postgres" else self.programs[victim].process
        if server is not None:
            os.kill(dice.choice([server.pid, dice.choice(_children(server.pid) or [server.pid])]), signal.SIGKILL)

    def end(self) -> None:
        self.end_programs()
        self.cluster.stop()
        self.broker.stop()

    def end_programs(self) -> None:
        for program in self.programs.values():
            program.end()

    def _tend(self) -> None:
        for program in self.programs.values():
            program.tend()
        if self.cluster.running() is None:
            if self.cluster.child is not None:
                self.cluster.child.wait()
            self.cluster.start()


@contextlib.contextmanager
def deployment() -> Iterator[Deployment]:
    """Set a deployment up in a folder that is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tallybook-soak-"))
    folder.chmod(0o755)
    one = Deployment(folder)
    try:
        yield one
    finally:
        one.end()
        shutil.rmtree(folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    """List the processes of a process; none where it has just died."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
