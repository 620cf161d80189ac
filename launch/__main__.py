"""`python3 -m launch run|test|lint|manage|bench`: the Makefile's targets. Needs nothing but Python."""

import sys

if sys.version_info < (3, 11):  # before any import that an older Python cannot read
    sys.exit("Python 3.11 or newer is needed: install it, or name it with PYTHON=…, as in `make run PYTHON=python3.11`.")

import os

from launch import bootstrap
from launch.places import CLONE
from launch.problems import CannotStart, refused_by_system

TARGETS = {
    "run": (bootstrap.RUN, ["-m", "launch.supervisor"]),
    "manage": (bootstrap.RUN, ["-m", "launch.manage"]),
    "test": (bootstrap.DEVELOP, ["-m", "launch.test"]),
    "lint": (bootstrap.DEVELOP, ["-m", "launch.lint"]),
    "bench": (bootstrap.DEVELOP, ["-m", "benchmarks"]),
}


def main(arguments: list[str]) -> None:
    """Prepare the virtual environment, and go on inside it."""
    if not arguments or arguments[0] not in TARGETS:
        sys.exit(f"usage: python3 -m launch {'|'.join(TARGETS)}")
    requirements, command = TARGETS[arguments[0]]
    try:
        python = bootstrap.environment_python(requirements)
    except CannotStart as problem:
        sys.exit(str(problem))
    except OSError as error:
        sys.exit(refused_by_system(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted; what was half done is done again at the next start.")
    os.chdir(CLONE)
    bootstrap.let_modules_be_compiled(os.environ)
    os.execv(python, [str(python), *command, *arguments[1:]])


if __name__ == "__main__":
    main(sys.argv[1:])
