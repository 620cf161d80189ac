"""Start processes that end with their parent, and end only processes that are known to be ours."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.accounts import Account

SHIM = Path(__file__).with_name("shim.py")
DEAD_STATES = {"Z", "X"}
LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Identity:
    """One process for as long as the machine is up: a number alone may belong to another process tomorrow."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Tell whether this very process still runs (a zombie does not)."""
        return identify(self.pid) == self


def identify(pid: int) -> Identity | None:
    """Name the running process with this number, or None."""
    started = _started(pid)
    return Identity(pid, started) if started else None


def _started(pid: int) -> str | None:
    if not Path("/proc/self/stat").exists():
        return _started_by_ps(pid)
    try:
        # The command name in parentheses may itself hold spaces and parentheses: count from the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in DEAD_STATES else f"{_boot()}.{fields[19]}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]


def _started_by_ps(pid: int) -> str | None:
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip().replace(" ", "-") or None


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: Path | None,
    folder: Path,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to `log` (None: shown where this process's is).

    It gets `death_signal` when this process dies (on Linux), so that a kill -9 leaves no orphan. The session of its own keeps
    the terminal's Ctrl-C from it: whoever started it decides the order in which things end.
    """
    who = f"{account.uid}:{account.gid}" if account and account.differs else "-"
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        raise FileNotFoundError(command[0])
    shim = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), str(int(death_signal)), who, str(folder)]
    with log.open("ab") if log else contextlib.nullcontext() as output:
        return subprocess.Popen(
            [*shim, program, *map(str, command[1:])],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def rotate(log: Path) -> None:
    """Keep a log from growing for ever: beyond LOG_BYTES it becomes NAME.1, in place of the one before."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def end(
    identity: Identity, *, steps: Sequence[tuple[signal.Signals, float]], child: subprocess.Popen[bytes] | None = None
) -> None:
    """Send each signal in turn, and wait its seconds, until this very process is gone.

    child: the same process where it is our own child, so that it can be reaped.
    """
    for number, seconds in steps:
        if not _gone(identity, child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(identity.pid, number)
            _wait(identity, child, seconds)


def _wait(identity: Identity, child: subprocess.Popen[bytes] | None, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not _gone(identity, child):
        time.sleep(0.02)


def _gone(identity: Identity, child: subprocess.Popen[bytes] | None) -> bool:
    if child is not None and child.pid == identity.pid:
        return child.poll() is not None  # reaps it, too
    return not identity.alive()


def end_group(leader: Identity, *, mark: str, seconds: float = 10.0) -> None:
    """End what is left of a session that `spawn` began, when it is not our child any more.

    mark: NAME=VALUE that stands in the environment of each of its members; without it a process is not ours and is left alone.
    """
    end(leader, steps=((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)))
    for member in _group_members(leader.pid, mark):
        end(member, steps=((signal.SIGKILL, 5.0),))


def _group_members(group: int, mark: str) -> list[Identity]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            ours = int(fields[2]) == group and mark.encode() in (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended, or it is another user's
            continue
        identity = identify(int(folder.name)) if ours else None
        if identity:
            found.append(identity)
    return found
