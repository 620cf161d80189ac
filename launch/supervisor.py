"""`make run`: bring the whole product up, keep it up, and end it cleanly."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from types import FrameType

from launch import places, preparation, processes, programs
from launch.accounts import server_account
from launch.backoff import Backoff
from launch.broker import Broker
from launch.children import STOP_SECONDS, Child
from launch.instance import MARK, Instance
from launch.places import CLONE
from launch.postgres import Cluster
from launch.problems import CannotStart, refused_by_system
from launch.server import Server

DATABASE = "tallybook"
UP_SECONDS = 120


class Stopped(Exception):
    """The person at the keyboard, or the system, asked for the end."""


@dataclass
class Supervisor:
    """One run of the product in one clone."""

    instance: Instance
    port: int
    servers: list[Server] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    _trusted: bool = False
    _backoffs: defaultdict[str, Backoff] = field(default_factory=lambda: defaultdict(Backoff))

    def run(self) -> None:
        """Start everything in order, then watch until asked to stop. Raises CannotStart."""
        self.instance.claim()
        self.instance.end_leftovers()
        refuse_taken_port(self.port)
        try:
            self._start_servers()
            self.instance.record_run(self._shared_environment())
            self._prepare_data()
            self._start("web", "worker")
            self._wait_until_up()
            self._start("beat")  # only now, for a small machine has two cores, and people wait for web
            self._greet()
            self._watch()
        except Stopped:
            say("Stopping")
        finally:
            self._stop()

    def _start_servers(self) -> None:
        account = server_account()
        if not os.environ.get("DATABASE_URL"):
            cluster = Cluster(places.server_folder(self.instance.var, "postgres", account), account)
            self._start_server(cluster)
            cluster.create_database(DATABASE)
            self.environment["DATABASE_URL"] = cluster.url(DATABASE)
        if not os.environ.get("REDIS_URL"):
            broker = Broker(places.server_folder(self.instance.var, "broker", account), account)
            self._start_server(broker)
            self.environment["REDIS_URL"] = broker.url()

    def _start_server(self, server: Server) -> None:
        say(f"Starting {server.title[0].lower() + server.title[1:] if server.title.startswith('The ') else server.title}")
        server.stop()  # what a killed supervisor left: it must be this one's child, to end with it
        self.servers.append(server)
        server.start()

    def _shared_environment(self) -> dict[str, str]:
        """Return the variables that the product's processes get beside those of the caller."""
        self.environment |= {"PORT": str(self.port)}
        self.environment |= {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
        self.environment["SECRET_KEY"] = os.environ.get("SECRET_KEY") or self.instance.secret_key()
        self.environment["DEVELOPMENT"] = os.environ.get("DEVELOPMENT") or "true"
        self.environment["DJANGO_SETTINGS_MODULE"] = "billing_project.settings"
        self.environment["PYTHONUNBUFFERED"] = "1"
        return self.environment

    def _process_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, MARK: str(self.instance.var)}

    def _prepare_data(self) -> None:
        """Prepare and load what is to be there, unless an earlier start did so for exactly what is there now."""
        marker = self.instance.var / "prepared"
        wanted = preparation.fingerprint(CLONE, self.environment | {"DEMO": os.environ.get("DEMO", "")})
        # In a server of the caller's own anything may have happened since.
        self._trusted = not os.environ.get("DATABASE_URL") and marker.exists() and marker.read_text() == wanted
        if self._trusted:
            return
        self._prepare()
        if os.environ.get("DEMO", "").lower() not in {"no", "0", "false"}:
            self._load_demonstration()
        marker.write_text(wanted)

    def _prepare(self) -> None:
        say("Preparing the database")
        self._trusted = False
        self._manage("first_run")

    def _load_demonstration(self) -> None:
        marker = self.instance.var / "demo-loaded-into"
        # Servers of the caller's own may change from run to run.
        database = hashlib.sha256(self.environment["DATABASE_URL"].encode()).hexdigest()
        if not marker.exists() or marker.read_text() != database:
            say("Loading demonstration data (a minute or two, once)")
            self._manage("demo")
            marker.write_text(database)

    def _manage(self, *command: str) -> None:
        program = [sys.executable, "manage.py", *command]
        child = processes.spawn(program, environment=self._process_environment(), log=None, folder=CLONE)
        try:
            status = child.wait()
        except Stopped:
            child.terminate()
            child.wait()
            raise
        if status:
            raise CannotStart(f"`manage.py {' '.join(command)}` failed; what it said stands above.")

    def _start(self, *names: str) -> None:
        commands = programs.commands(host="127.0.0.1", port=self.port)
        for name in names:
            log = self.instance.logs / f"{name}.log"
            child = Child(name, commands[name], self._process_environment(), CLONE, log)
            child.start()
            self.children.append(child)
            self._record_children()

    def _record_children(self) -> None:
        self.instance.record_children({child.name: child.identity for child in self.children if child.identity})

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + UP_SECONDS
        told = ""
        while time.monotonic() < deadline:
            status, told = _asked(f"{self.url}/healthz")
            if status == HTTPStatus.OK:
                return
            if self._trusted and (status or not self.children[0].running()):
                self._prepare()  # an older dump was loaded, say; or it tells why web cannot start
            self._tend()
            time.sleep(0.1)
        raise CannotStart(
            f"{self.url}/healthz {f'says {told}' if told else 'is not answered'}; see {self.instance.logs / 'web.log'}."
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _greet(self) -> None:
        lines = [f"Tallybook runs at {self.url}"]
        file = self.instance.var / "demo-credentials.json"
        if file.exists():
            known = json.loads(file.read_text())
            lines += [f"  user      {known['username']}", f"  password  {known['password']}", f"  API key   {known['api_key']}"]
        lines.append(f"  logs      {self.instance.logs}")
        print("\n".join(["", *lines, "", "Ctrl-C stops it; all data stay."]), flush=True)

    def _watch(self) -> None:
        while True:
            self._tend()
            time.sleep(0.25)

    def _tend(self) -> None:
        for server in self.servers:
            if server.running() is None:
                self._start_again(server)
        for child in self.children:
            happened = child.tend()
            if happened:
                say(happened)
                self._record_children()

    def _start_again(self, server: Server) -> None:
        backoff = self._backoffs[server.title]
        if not backoff.due:
            return
        say(f"{server.title} ended (see {server.log}); starting it again")
        backoff.started()
        try:
            server.start()
        except CannotStart as problem:
            say(f"{problem} Trying again in {backoff.failed():g} s.")

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for child in reversed(self.children):
            child.ask_to_stop()
        for child in reversed(self.children):
            child.stop(deadline=deadline)
        for server in reversed(self.servers):
            server.stop()
        self.instance.record_children({})


def say(sentence: str) -> None:
    """Tell the person at the keyboard what happens."""
    print(sentence, flush=True)


def refuse_taken_port(port: int) -> None:
    """Raise CannotStart where nobody could listen on the port of this machine's own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} is taken or not allowed: choose another one, as in `PORT={port + 1} make run`."
            ) from error


def _asked(url: str) -> tuple[int | None, str]:
    """Return the status and the beginning of the answer, or None and nothing where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own http address
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with contextlib.suppress(OSError):
            return error.code, error.read(1000).decode(errors="replace").strip()
        return error.code, ""
    except OSError:
        return None, ""


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CannotStart(f"PORT is {text!r}, which is no port number.")
    return int(text)


def _stop_on(number: int, frame: FrameType | None) -> None:
    # A second one during the clean-up must not cut it short.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


def main() -> int:
    """Return 0 after a clean end, 1 when the product could not start."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop_on)
    try:
        Supervisor(Instance(CLONE / "var"), _port()).run()
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        print(refused_by_system(error), file=sys.stderr)
        return 1
    except Stopped:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
