"""Become another program: drop privileges, ask the kernel for a signal when the parent dies, then exec.

Runs on its own (`python -I -S shim.py PARENT SIGNAL UID:GID|- FOLDER /PROGRAM ARGS…`) and imports nothing of this project. It stands
in for subprocess's preexec_fn, which is not safe in a process that has threads, as pytest's workers have.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, who: str, folder: str, command: list[str]) -> None:
    """Replace this process by `command`; exit with 1 where the parent died meanwhile."""
    # Before setuid: afterwards the standard library itself may be out of reach.
    libc = ctypes.CDLL(None, use_errno=True)
    if who != "-":
        uid, gid = map(int, who.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which would clear it.
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.chdir(folder)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
