"""Run a management command (CMD) against what `make run` started, in the same environment."""

import os
import shlex
import sys

from launch.instance import Instance
from launch.places import CLONE


def main() -> None:
    """Become manage.py."""
    environment = Instance(CLONE / "var").running_environment()
    if environment is None:
        sys.exit("Nothing runs in this clone: start it with `make run` first, in another terminal.")
    command = shlex.split(os.environ.get("CMD", "")) or ["help"]
    os.execve(sys.executable, [sys.executable, "manage.py", *command], {**os.environ, **environment})


if __name__ == "__main__":
    main()
