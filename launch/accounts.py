"""Choose the account that servers run under, and tell which files it can reach."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from launch.problems import CannotStart

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int

    @property
    def differs(self) -> bool:
        """Tell whether it is another user than the one that runs this process."""
        return self.uid != os.geteuid()

    def can(self, test: str, path: Path) -> bool:
        """Ask sh's `test` (-x, -r, -w) in the name of this account: modes, access lists and parent folders all count."""
        command = ["/bin/sh", "-c", f'[ {test} "$1" ]', "sh", str(path)]
        if not self.differs:
            return subprocess.run(command, cwd="/", check=False).returncode == 0
        user = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(command, cwd="/", check=False, **user).returncode == 0  # type: ignore[call-overload]

    def own(self, path: Path, mode: int) -> None:
        """Give the account a file or folder with these permissions."""
        path.chmod(mode)
        if self.differs:
            os.chown(path, self.uid, self.gid)


def server_account() -> Account:
    """Return the current user, or an unprivileged one where that is root, whom PostgreSQL refuses. Raises CannotStart."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise CannotStart(
            f"PostgreSQL does not run as root and this machine has no user `{UNPRIVILEGED}`: make one, or start as another user."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)
