"""Keep a set of processes running: start again what died, later each time it dies again at once."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launch import processes
from launch.backoff import Backoff

STOP_SECONDS = 15.0


@dataclass
class Child:
    """One program that is to run as long as the product does."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    identity: processes.Identity | None = None
    backoff: Backoff = field(default_factory=Backoff, init=False)

    def start(self) -> None:
        """Start it now."""
        self.backoff.started()
        processes.rotate(self.log)
        self.process = processes.spawn(self.command, environment=self.environment, log=self.log, folder=self.folder)
        self.identity = processes.identify(self.process.pid)

    def tend(self) -> str | None:
        """Start it again when it died and its pause is over. Return a sentence when something happened, else None."""
        if self.process is not None:
            if self.running():
                return None
            return self._note_death(self.process)
        if not self.backoff.due:
            return None
        self.start()
        return f"{self.name} was started again"

    def running(self) -> bool:
        """Tell whether its process is alive now."""
        return self.identity is not None and self.identity.alive()

    def ask_to_stop(self) -> None:
        """Send SIGTERM; `stop` waits for the end."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()

    def stop(self, *, deadline: float) -> None:
        """Wait for the end until the deadline (monotonic seconds), then kill its whole session."""
        if self.process is None:
            return
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._reap(self.process)

    def _note_death(self, process: subprocess.Popen[bytes]) -> str:
        self._reap(process)
        pause = self.backoff.failed()
        return f"{self.name} ended ({_how(process.returncode)}; see {self.log}), starting it again in {pause:g} s"

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        # Before wait(): until then the number cannot belong to another process group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.process = self.identity = None


def _how(returncode: int) -> str:
    return f"by signal {signal.Signals(-returncode).name}" if returncode < 0 else f"with status {returncode}"
