"""What one clone keeps in var/ about its running product: the lock, the environment, the processes, the secret key."""

import fcntl
import json
import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from launch import processes
from launch.files import write_private
from launch.problems import CannotStart

MARK = "TALLYBOOK_INSTANCE"
"""A variable in the environment of every process that the supervisor starts: the clone's var folder."""


class Instance:
    """The files of one clone's running product. Nothing here is read before var/ exists."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self._lock: IO[str] | None = None

    def release(self) -> None:
        """Let another supervisor come."""
        if self._lock:
            self._lock.close()

    @property
    def logs(self) -> Path:
        return self.var / "log"

    def claim(self) -> None:
        """Become the one supervisor of this clone until this process ends, however it ends. Raises CannotStart."""
        self.logs.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._lock = (self.var / "run.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            known = self.running_environment()
            where = f", on port {known['PORT']}" if known else ", and is still starting"
            raise CannotStart(f"It already runs in this clone{where}: stop that one first (Ctrl-C in its terminal).") from error

    def secret_key(self) -> str:
        """Return the development secret, made at the first call."""
        file = self.var / "secret-key"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(64))
        return file.read_text()

    def record_run(self, environment: dict[str, str]) -> None:
        """Let `make manage` find the environment of this run."""
        supervisor = processes.identify(os.getpid())
        assert supervisor is not None  # noqa: S101 -- this very process
        write_private(self.var / "run.json", json.dumps({"supervisor": asdict(supervisor), "environment": environment}))

    def running_environment(self) -> dict[str, str] | None:
        """Return the variables that the running product was given, or None where none runs."""
        record = self._recorded("run.json")
        if not record:
            return None
        alive = processes.Identity(**record["supervisor"]).alive()
        return dict(record["environment"]) if alive else None

    def record_children(self, children: dict[str, processes.Identity]) -> None:
        """Write down who runs, so that the next start can end what a kill left over."""
        write_private(self.var / "children.json", json.dumps({name: asdict(identity) for name, identity in children.items()}))

    def end_leftovers(self) -> None:
        """End the processes of a supervisor that was killed: recorded ones by number and start time, their children by our mark."""
        for entry in self._recorded("children.json").values():
            processes.end_group(processes.Identity(**entry), mark=f"{MARK}={self.var}")
        self.record_children({})

    def _recorded(self, name: str) -> dict[str, Any]:
        """Read a record; nothing where there is none, or where it is not whole: copied in part, say."""
        try:
            return dict(json.loads((self.var / name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return {}
