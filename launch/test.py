"""Run the whole test suite, in parallel; what is given in ARGS goes to pytest."""

import os
import shlex
import sys

MOST_WORKERS = "8"
"""Each worker has a PostgreSQL cluster of its own."""


def main() -> None:
    """Become pytest."""
    parallel = ["-n", "logical", "--maxprocesses", MOST_WORKERS]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *parallel, *shlex.split(os.environ.get("ARGS", ""))])


if __name__ == "__main__":
    main()
