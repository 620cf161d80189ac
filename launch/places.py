"""Choose folders that a server can reach and sockets whose path is short enough."""

import hashlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from launch.accounts import Account
from launch.problems import CannotStart

CLONE = Path(__file__).resolve().parent.parent
OUTSIDE = Path("/var/lib/tallybook")
"""Where servers started by root keep what they cannot reach in the clone (one in root's own home, say)."""

LONGEST_SOCKET = 103
"""Bytes: the least that any system takes (Linux 107)."""


def server_folder(var: Path, name: str, account: Account) -> Path:
    """Return the folder for a server's data: var/NAME, or one outside the clone where the account cannot reach var.

    The choice is kept for good once data are there. Raises CannotStart where those data are out of the account's reach now.
    """
    var.mkdir(mode=0o755, parents=True, exist_ok=True)
    inside, outside = var / name, OUTSIDE / f"{_clone_id(var)}-{name}"
    if outside.exists():
        return outside
    if account.can("-x", var):
        inside.mkdir(mode=0o755, exist_ok=True)
        return inside
    if inside.exists():
        raise CannotStart(
            f"{inside} cannot be reached by the account that servers run under here: start as the user that made it."
        )
    outside.mkdir(mode=0o755, parents=True)
    return outside


def _clone_id(var: Path) -> str:
    """Return a name for this clone's data that survives moving the clone, but is another one in a copy of it."""
    file = var / "clone-id"
    if not file.exists():
        file.write_text(secrets.token_hex(6))
    return f"{file.read_text()}-{var.stat().st_ino:x}"


def socket_folder(preferred: Path, *, socket_name: str) -> Path:
    """Return `preferred`, or a short folder under /tmp where the socket's path would be too long for the system (deep clones)."""
    if len(os.fsencode(preferred / socket_name)) <= LONGEST_SOCKET:
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    return Path("/tmp") / f"tallybook-{os.geteuid()}-{digest}"  # noqa: S108 -- make_private refuses one that is not ours


def make_private(folder: Path, account: Account) -> None:
    """Make a folder that only the account enters. Raises CannotStart where somebody else's stands in its place."""
    folder.mkdir(mode=0o700, parents=False, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid not in {os.geteuid(), account.uid}:
        raise CannotStart(f"{folder} belongs to somebody else: remove it and start again.")
    account.own(folder, 0o700)


def reachable_copy(tree: Path, *, needed: Path, beside: tuple[Path, ...], version: str, account: Account) -> Path:
    """Return `tree` where the account can run `needed` in it, else a copy of it, made once for each version.

    beside: folders that must stand next to the tree (its shared libraries).
    """
    if account.can("-x", needed) and account.can("-r", needed):
        return tree
    home = OUTSIDE / f"{tree.name}-{version}"
    if not home.exists():
        home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=home.parent, prefix="building-"))
        for part in (tree, *beside):
            shutil.copytree(part, building / part.name)
        _open_to_readers(building)
        try:
            building.rename(home)
        except OSError:  # another process was first
            shutil.rmtree(building)
    return home / tree.name


def _open_to_readers(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
