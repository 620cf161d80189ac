"""Run every check that reads the code without running it, and say which failed."""

import os
import subprocess
import sys

from launch import for_tests

PYTHON = sys.executable
CHECKS = (
    ("ruff check", [PYTHON, "-m", "ruff", "check", "."]),
    ("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
    ("mypy", [PYTHON, "-m", "mypy", "."]),
    (
        "import-linter",
        [PYTHON, "-c", "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"],
    ),
    ("migrations", [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"]),
    ("manage.py check", [PYTHON, "manage.py", "check", "--fail-level", "WARNING"]),
)


def main() -> int:
    """Return 0 when all pass, 1 otherwise."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "billing_project.test_settings"
    for_tests.choose_database(os.environ)
    try:
        cluster = for_tests.own_cluster()
        if cluster:  # makemigrations compares with the migrations that a database knows
            cluster.start()
            cluster.create_database(for_tests.DATABASE)
        failed = [name for name, command in CHECKS if not _passes(name, command)]
    finally:
        for_tests.clean_up()
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _passes(name: str, command: list[str]) -> bool:
    print(f"--- {name}", flush=True)
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
