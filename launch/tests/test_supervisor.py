"""`make run` with real processes, from a copy of the clone."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from launch import processes, supervisor
from launch.instance import Instance
from launch.places import CLONE
from launch.postgres import Cluster
from launch.problems import CannotStart

UP_SECONDS = 300
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", ".*cache", "__pycache__", ".hypothesis", "node_modules")


@dataclass
class Product:
    """One clone's product, started as `make run` starts it."""

    clone: Path
    port: int
    runs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def var(self) -> Path:
        return self.clone / "var"

    @property
    def said(self) -> str:
        return (self.clone / "said.txt").read_text()

    def start(self) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PORT": str(self.port), "DEMO": "no"}
        with (self.clone / "said.txt").open("wb") as said:
            run = subprocess.Popen(
                [sys.executable, "-m", "launch.supervisor"], cwd=self.clone, env=environment, stdout=said, stderr=said
            )
        self.runs.append(run)
        return run

    def start_and_wait(self) -> subprocess.Popen[bytes]:
        run = self.start()
        wait_for(lambda: run.poll() is not None or "Ctrl-C stops it" in self.said, self)
        assert run.poll() is None, self.said
        return run

    def health(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
                return dict(json.load(answer))
        except (urllib.error.URLError, OSError):
            return None

    def credentials(self) -> dict[str, str]:
        return dict(json.loads((self.var / "demo-credentials.json").read_text()))

    def members(self) -> dict[str, processes.Identity]:
        """Return who runs for it, by name."""
        known = json.loads((self.var / "children.json").read_text())
        known |= {name: json.loads((self.var / name / "server.json").read_text()) for name in ("postgres", "broker")}
        return {name: processes.Identity(**entry) for name, entry in known.items()}


def wait_for(happening: Callable[[], object], product: Product) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        if happening():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {UP_SECONDS} s; it said:\n{product.said}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def product(folder: Path) -> Iterator[Product]:
    clone = folder / "clone"
    shutil.copytree(CLONE, clone, ignore=LEFT_OUT)
    product = Product(clone, free_port())
    yield product
    for run in product.runs:
        if run.poll() is None:
            run.send_signal(signal.SIGTERM)
        run.wait(timeout=60)


def test_it_comes_up_and_keeps_its_data_whatever_ends_it(product: Product) -> None:
    """One clone's life: its first start, which takes long, is made once."""
    first = product.start_and_wait()
    assert_it_is_up_and_says_how_to_get_in(product)
    assert_what_died_is_started_again(product)
    assert_a_second_one_in_the_clone_is_refused(product)
    credentials = product.credentials()
    kill_all(product, first)

    second = product.start_and_wait()
    assert "Preparing" not in product.said  # there is nothing new
    assert product.credentials() == credentials
    assert product.health()

    left = product.members()
    second.kill()
    second.wait()
    third = product.start_and_wait()
    assert [name for name, identity in left.items() if identity.alive()] == []
    assert product.health()

    forget_a_migration(product)
    third.send_signal(signal.SIGTERM)
    third.wait()
    last = product.start_and_wait()
    assert "Preparing" in product.said
    assert product.health()
    assert_ctrl_c_ends_everything(product, last)


def assert_it_is_up_and_says_how_to_get_in(product: Product) -> None:
    credentials = product.credentials()
    assert product.health() == {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok"}
    assert credentials["url"] == f"http://127.0.0.1:{product.port}"
    for part in (credentials["url"], credentials["password"], credentials["api_key"]):
        assert part in product.said


def assert_what_died_is_started_again(product: Product) -> None:
    for name in ("web", "postgres", "broker"):
        before = product.members()[name]
        os.kill(before.pid, signal.SIGKILL)
        wait_for(lambda name=name, before=before: product.members().get(name) not in {None, before}, product)  # type: ignore[misc]
    wait_for(product.health, product)


def assert_a_second_one_in_the_clone_is_refused(product: Product) -> None:
    second = product.clone.parent / "second.txt"
    with second.open("wb") as said:
        refused = subprocess.run([sys.executable, "-m", "launch.supervisor"], cwd=product.clone, stderr=said, check=False)
    assert refused.returncode == 1
    assert "already runs in this clone" in second.read_text()


def kill_all(product: Product, run: subprocess.Popen[bytes]) -> None:
    members = product.members()
    run.kill()
    for identity in members.values():
        os.killpg(identity.pid, signal.SIGKILL)
    run.wait()


def forget_a_migration(product: Product) -> None:
    """Leave the database as after loading an older dump, without a migration on which no other rests."""
    cluster = Cluster(product.var / "postgres")
    cluster.query("DROP TABLE django_session", database="tallybook")
    cluster.query("DELETE FROM django_migrations WHERE app = 'sessions'", database="tallybook")


def assert_ctrl_c_ends_everything(product: Product, run: subprocess.Popen[bytes]) -> None:
    members = product.members()
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 0
    assert [name for name, identity in members.items() if identity.alive()] == []
    assert "Traceback" not in product.said


def test_a_taken_port_is_said_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(CannotStart, match=f"Port {port} is taken or not allowed: choose another one, as in `PORT={port + 1}"):
            supervisor.refuse_taken_port(port)


@pytest.mark.parametrize("text", ["abc", "0", "80000", "-1", "²²"])
def test_what_is_no_port_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)

    with pytest.raises(CannotStart, match="which is no port number"):
        supervisor._port()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 28\r\n\r\n{"broker":"does not answer"}',
            'says {"broker":"does not answer"}',
        ),
        (b"", "is not answered"),
    ],
)
def test_a_product_that_does_not_come_up_says_what_its_health_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes, told: str
) -> None:
    monkeypatch.setattr(supervisor, "UP_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_all, args=(listener, answer), daemon=True).start()
        starting = supervisor.Supervisor(Instance(tmp_path), listener.getsockname()[1])

        with pytest.raises(CannotStart, match=f"/healthz {re.escape(told)}; see .*web.log"):
            starting._wait_until_up()


def answer_all(listener: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):  # the end of the test
        while True:
            connection, _address = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)
