"""Start and stop one server program in a folder of its own, from any number of processes at once, past kills and stale records."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar

from launch import places, processes
from launch.accounts import Account, server_account
from launch.files import write_private
from launch.locks import exclusive
from launch.problems import CannotStart

READY_SECONDS = 60


def clean_environment() -> dict[str, str]:
    """Return an environment without the caller's settings: no PG* variable may lead a program elsewhere."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@dataclass
class Server:
    """A server that answers on a unix socket, with its data, log, lock and record in `folder`.

    Subclasses say how it is prepared, started, and known to be ready.
    """

    folder: Path
    account: Account = field(default_factory=server_account)
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    title: ClassVar[str] = "The server"
    socket_name: ClassVar[str] = "sock"
    stop_steps: ClassVar[Sequence[tuple[signal.Signals, float]]] = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
    retried_log_line: ClassVar[str | None] = None
    """A start that fails with this in the log is tried again until READY_SECONDS are over."""

    def prepare(self) -> None:
        """Make its data unless they are there. Raises CannotStart."""
        raise NotImplementedError

    def command(self) -> list[str | Path]:
        """Return the command line that serves `data` in the foreground."""
        raise NotImplementedError

    def ready(self, pid: int) -> bool:
        """Tell whether this process answers requests."""
        raise NotImplementedError

    def before_start(self) -> None:
        """Clear what a killed server left. Called under the lock while none of ours runs."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def socket_folder(self) -> Path:
        return places.socket_folder(self.folder / "run", socket_name=self.socket_name)

    def running(self) -> processes.Identity | None:
        """Return the server's process, if one that we started runs."""
        try:
            identity = processes.Identity(**json.loads(self._record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return identity if identity.alive() else None

    def start(self) -> processes.Identity:
        """Start the server if it does not run, and return when it answers. It ends with the process that started it. Raises CannotStart."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with exclusive(self.folder / "lock"):
            running = self._settled()
            if running:
                return running
            self.prepare()
            places.make_private(self.socket_folder, self.account)
            return self._start()

    def stop(self) -> None:
        """End the server: wait for a clean shutdown, then insist."""
        if not self.folder.exists():
            return
        with exclusive(self.folder / "lock"):
            for one in {one for one in (self.running(), self._unrecorded()) if one}:
                processes.end(one, steps=self.stop_steps, child=self.child)
            self._record.unlink(missing_ok=True)
            if self.socket_folder.parent != self.folder:
                shutil.rmtree(self.socket_folder, ignore_errors=True)

    def destroy(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, command: Sequence[str | Path], *, log: Path, death_signal: signal.Signals) -> subprocess.Popen[bytes]:
        """Start one of the server's programs under its account, in its data folder's parent."""
        return processes.spawn(
            command, environment=clean_environment(), log=log, folder=self.folder, account=self.account, death_signal=death_signal
        )

    @property
    def _record(self) -> Path:
        return self.folder / "server.json"

    def _unrecorded(self) -> processes.Identity | None:
        """Return our child where an interrupt came between its start and its record."""
        return processes.identify(self.child.pid) if self.child is not None and self.child.poll() is None else None

    def _settled(self) -> processes.Identity | None:
        """Return the running server once it answers; None where there is none, or it was about to end and now has."""
        deadline = time.monotonic() + READY_SECONDS
        while (running := self.running()) and time.monotonic() < deadline:
            if self.ready(running.pid):
                return running
            self._reap()
            time.sleep(0.02)
        return running

    def _reap(self) -> None:
        if self.child is not None:
            self.child.poll()

    def _start(self) -> processes.Identity:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self._reap()
            self.before_start()
            processes.rotate(self.log)
            self.child = self.spawn(self.command(), log=self.log, death_signal=self.stop_steps[0][0])
            identity = processes.identify(self.child.pid)
            if identity:
                write_private(self._record, json.dumps(asdict(identity)))
                if self._wait_until_ready(self.child, deadline):
                    return identity
            if time.monotonic() > deadline or not (self.retried_log_line and self.retried_log_line in log_tail(self.log)):
                raise CannotStart(f"{self.title} did not start; {self.log} says why: {last_line(self.log)}")
            time.sleep(0.2)

    def _wait_until_ready(self, child: subprocess.Popen[bytes], deadline: float) -> bool:
        while child.poll() is None:
            if self.ready(child.pid):
                return True
            if time.monotonic() > deadline:
                child.kill()
                child.wait()
                return False
            time.sleep(0.02)
        return False


def log_tail(log: Path) -> str:
    """Return the end of a log, or nothing where there is none."""
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


def last_line(log: Path) -> str:
    """Return the last line that names a fault, or else what a program said last."""
    lines = log_tail(log).strip().splitlines() or ["it is empty"]
    return next((line for line in reversed(lines) if re.search(r"FATAL|error", line, re.IGNORECASE)), lines[-1])
